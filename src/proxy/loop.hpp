// One thread that moves bytes: its sockets, the coroutines that wait there, and the connections to
// llama-server that may be used again. What is not said to be for any thread is for this one alone.
#pragma once

#include "odysseus/system/tls.hpp"
#include "task.hpp"

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using TcpSocket =
    asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>; // of one loop

class Loop;

// Where a connection of odysseus's own leads. Connections to the same place may take each other's.
struct Destination {
    asio::ip::tcp::endpoint address;
    bool remote = false;                          // another machine: it may vanish without a word
    std::shared_ptr<system::TlsContext> tls = {}; // null: in the clear
    friend bool operator==(const Destination&, const Destination&) = default;
};
[[nodiscard]] Destination llama_server_at(int port); // on 127.0.0.1

// What a coroutine waits with. It is woken by its connections, when the time it named has come, and
// by others through wake_up(); then it looks itself at what has changed.
class Waiter {
  public:
    explicit Waiter(Loop& loop);
    virtual ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    struct Pause {
        Waiter& waiter;
        static bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<> coroutine) const {
            waiter.m_waiting = coroutine;
        }
        void await_resume() const { waiter.woken(); }
    };
    // It may end early. Sweeps are coarse, so the time is a lower bound.
    [[nodiscard]] Pause pause(TimePoint until = TimePoint::max());
    void wake();

    // For any thread, and at any time later: does nothing when this object is gone. It may get lost
    // where there is no memory, so whoever counts on it also looks once in a while.
    class WakeUp {
      public:
        void operator()() const noexcept;
        [[nodiscard]] bool gone() const { return m_target->gone; }

      private:
        friend class Waiter;
        struct Target {
            Loop& loop;
            Waiter* waiter; // of the loop's thread
            std::atomic<bool> gone{false};
        };
        explicit WakeUp(std::shared_ptr<Target> target) : m_target(std::move(target)) {}
        std::shared_ptr<Target> m_target;
    };
    [[nodiscard]] WakeUp wake_up();
    [[nodiscard]] Loop& loop() const { return m_loop; }

  protected:
    virtual void before_pause(TimePoint& /*until*/) {}
    virtual void woken(); // throws to end the coroutine

  private:
    friend class Loop;
    Loop& m_loop;
    std::coroutine_handle<> m_waiting;
    TimePoint m_until = TimePoint::max();
    std::size_t m_place = 0; // in the loop's list
    std::shared_ptr<WakeUp::Target> m_target;
};

// Thrown where a coroutine waits when the loop ends what is left.
struct LoopEnds {};

// A TCP connection that never blocks. It stays armed: whoever owns it is woken once after each
// want_read() or want_write(). Over TLS once it is told to.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    enum class State { some, later, ended, broken };
    struct Moved {
        State state = State::later;
        std::size_t bytes = 0;
    };

    explicit Connection(TcpSocket socket) : m_socket(std::move(socket)) {}

    // Of a client, before its first byte. One that does not begin with TLS stays in the clear, and
    // spoke_plain().
    void expect_tls(std::shared_ptr<system::TlsContext> context) {
        m_expected = std::move(context);
    }
    [[nodiscard]] bool spoke_plain() const { return m_spoke_plain; }
    // Bytes that no look at the socket shows.
    [[nodiscard]] bool holds_bytes() const { return m_tls && m_tls->holds_bytes(); }
    [[nodiscard]] std::string trouble() const { return m_tls ? m_tls->trouble() : std::string(); }
    [[nodiscard]] system::CertificateDigest certificate() const { // the other side's
        return m_tls ? m_tls->peer_certificate() : system::CertificateDigest();
    }

    // At most one read for each time that it was readable, so that others get their turn.
    [[nodiscard]] Moved read(char* into, std::size_t room);
    [[nodiscard]] Moved write(std::span<const asio::const_buffer> pieces);
    void want_read();
    void want_write();
    void connect(const Destination& to); // `connected` or `broken` when it is decided
    // What the other side has sent and nobody has read: some, later (nothing), ended or broken.
    [[nodiscard]] Moved look();
    // Tells of the other side's end although `bytes` wait to be read; false: it cannot be told.
    [[nodiscard]] bool expect_more_than(std::size_t bytes);
    void end_sending();
    void close();

    Waiter* owner = nullptr; // null: idle
    bool readable = true;    // perhaps; a read that finds nothing says so
    bool writable = true;
    bool connected = false;
    bool broken = false;
    Destination destination;
    bool used_before = false;
    TimePoint idle_since;

  private:
    void arm(asio::socket_base::wait_type what, bool& armed, bool Connection::*ready);
    [[nodiscard]] Moved begin_tls();
    [[nodiscard]] Moved read_tls(char* into, std::size_t room);
    [[nodiscard]] Moved write_tls(std::span<const asio::const_buffer> pieces);
    void connected_tcp() noexcept;

    TcpSocket m_socket;
    std::shared_ptr<system::TlsContext> m_expected;
    std::unique_ptr<system::TlsStream> m_tls; // null: in the clear
    bool m_spoke_plain = false;
    bool m_read_wants_write = false; // as TLS has it while it shakes hands
    bool m_write_wants_read = false;
    bool m_read_armed = false;
    bool m_write_armed = false;
};

class Loop {
  public:
    static constexpr std::size_t k_scratch_bytes = std::size_t{64} * 1024;

    explicit Loop(std::size_t idle_connections_max) : m_idle_max(idle_connections_max) {}

    // Until stop() was called and nothing waits here any more.
    void run();
    // For any thread.
    void post(std::function<void()> work);
    void stop(std::chrono::milliseconds grace);

    // A connection to there that was used and is still open; null: none.
    [[nodiscard]] std::shared_ptr<Connection> idle_connection(const Destination& to);
    void keep(std::shared_ptr<Connection> connection);

    // While one lives, everything that waits here is woken every few milliseconds: for what tells
    // nobody when it changes.
    class Poll {
      public:
        explicit Poll(Loop& loop);
        ~Poll() { --m_loop.m_polls; }
        Poll(const Poll&) = delete;
        Poll& operator=(const Poll&) = delete;

      private:
        Loop& m_loop;
    };

    asio::io_context context{1}; // the number of its threads
    std::atomic<std::size_t> clients{0};
    bool stopping = false;
    bool ending = false; // the grace is over
    // For what is read and passed on or copied before the next wait.
    const std::unique_ptr<char[]> scratch = std::make_unique_for_overwrite<char[]>(k_scratch_bytes);

  private:
    friend class Waiter;
    void add(Waiter& waiter);
    void remove(Waiter& waiter);
    void set_timer();
    void sweep();
    void drop_stale_connections();

    asio::steady_timer m_timer{context};
    bool m_timer_runs = false;
    TimePoint m_cut_at = TimePoint::max();
    std::vector<Waiter*> m_waiters;
    std::vector<std::shared_ptr<Connection>> m_idle;
    std::size_t m_idle_max;
    std::size_t m_polls = 0;
};

} // namespace odysseus::proxy
