#include "odysseus/proxy/pair_link.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/ports.hpp"

#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <optional>

namespace odysseus::proxy {
namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using system::TlsStream;

constexpr std::chrono::milliseconds k_look{100};
constexpr std::chrono::seconds k_connect_max{10};
constexpr std::chrono::seconds k_send_max{10};
constexpr std::size_t k_line_bytes_max = 4096;

// Runs what was begun on the context until `done`. False: the time is over.
bool run_until(asio::io_context& context, const bool& done, Clock::time_point until,
               const PairLink::Stopped& stopped) {
    while (!done) {
        if (stopped && stopped()) throw Stopped("the machines were not paired");
        if (Clock::now() >= until) return false;
        context.restart();
        context.run_for(k_look);
    }
    return true;
}

class Link final : public PairLink {
  public:
    explicit Link(Stopped stopped) : m_stopped(std::move(stopped)), m_socket(m_context) {}

    asio::io_context& context() { return m_context; }
    tcp::socket& socket() { return m_socket; }

    void begin(const system::TlsFiles& files, bool accepts) {
        asio::error_code ignored;
        m_socket.non_blocking(true, ignored);
        const auto handle = static_cast<std::intptr_t>(m_socket.native_handle());
        system::keep_from_children(handle);
        system::notice_lost_host(handle);
        const auto context = system::tls_mutual(files, accepts);
        m_tls =
            accepts ? system::tls_accept(context, handle) : system::tls_connect(context, handle);
    }

    void send(const std::string& line) override {
        const auto until = Clock::now() + k_send_max;
        const auto text = line + "\n";
        std::size_t sent = 0;
        while (sent < text.size()) {
            const auto moved = m_tls->write(text.data() + sent, text.size() - sent);
            if (moved.state == TlsStream::State::some) {
                sent += moved.bytes;
                continue;
            }
            await(moved.state, until);
        }
    }

    std::string receive(std::chrono::seconds limit) override {
        const auto until = Clock::now() + limit;
        while (true) {
            if (const auto end = m_in.find('\n'); end != std::string::npos) {
                auto line = m_in.substr(0, end);
                m_in.erase(0, end + 1);
                return line;
            }
            if (m_in.size() > k_line_bytes_max)
                fail("it sends what is no message of odysseus pair");
            char bytes[1024];
            const auto moved = m_tls->read(bytes, sizeof bytes);
            if (moved.state == TlsStream::State::some) {
                m_in.append(bytes, moved.bytes);
                continue;
            }
            await(moved.state, until);
        }
    }

    system::CertificateDigest certificate() const override { return m_tls->peer_certificate(); }

    std::string address() const override {
        asio::error_code error;
        const auto there = m_socket.remote_endpoint(error);
        if (error) return {};
        auto address = there.address();
        if (address.is_v6() && address.to_v6().is_v4_mapped())
            address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
        return address.to_string();
    }

  private:
    [[noreturn]] void fail(std::string_view why) const {
        throw Error(Fault::network, concat("pairing with ", address(), " failed: ", why));
    }

    void await(TlsStream::State state, Clock::time_point until) {
        if (state == TlsStream::State::ended || state == TlsStream::State::broken) {
            const auto why = m_tls->trouble();
            fail(why.empty() ? "the other machine ended the connection" : why);
        }
        bool ready = false;
        const auto what = state == TlsStream::State::read_later ? tcp::socket::wait_read
                                                                : tcp::socket::wait_write;
        m_socket.async_wait(what, [&ready](const auto&) { ready = true; });
        if (run_until(m_context, ready, until, m_stopped)) return;
        asio::error_code ignored;
        m_socket.cancel(ignored);
        m_context.restart();
        m_context.poll();
        fail("the other machine says nothing");
    }

    const Stopped m_stopped;
    asio::io_context m_context{1};
    tcp::socket m_socket;
    std::unique_ptr<TlsStream> m_tls;
    std::string m_in;
};

tcp::acceptor listening(asio::io_context& context, int port) {
    const auto number = static_cast<unsigned short>(port);
    for (const auto& protocol : {tcp::v6(), tcp::v4()}) {
        tcp::acceptor acceptor(context);
        asio::error_code error;
        acceptor.open(protocol, error);
        asio::error_code ignored;
        if (!error && protocol == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), ignored);
        if (!error) system::claim_port(static_cast<std::intptr_t>(acceptor.native_handle()));
        if (!error) acceptor.bind(tcp::endpoint(protocol, number), error);
        if (!error) acceptor.listen(4, error);
        if (!error) return acceptor;
        if (error == asio::error::address_in_use)
            throw Error(Fault::busy, concat("port ", port,
                                            " for pairing is taken by another "
                                            "program; choose another one: odysseus "
                                            "pair :PORT"));
    }
    throw Error(Fault::busy, concat("cannot listen on port ", port, " for pairing"));
}

} // namespace

std::unique_ptr<PairLink> PairLink::wait(int port, const system::TlsFiles& files,
                                         const std::function<void()>& listens, const Greet& greet,
                                         const Stopped& stopped) {
    asio::io_context context{1};
    auto acceptor = listening(context, port);
    listens();
    while (true) {
        auto link = std::make_unique<Link>(stopped);
        bool done = false;
        asio::error_code failed;
        acceptor.async_accept(link->socket(), [&](const auto& error) {
            failed = error;
            done = true;
        });
        (void)run_until(context, done, Clock::time_point::max(), stopped);
        if (failed) throw Error(Fault::network, concat("nobody can connect: ", failed.message()));
        link->begin(files, true);
        if (greet(*link)) return link;
    }
}

std::unique_ptr<PairLink> PairLink::connect(const std::string& host, int port,
                                            const system::TlsFiles& files, const Stopped& stopped) {
    auto link = std::make_unique<Link>(stopped);
    tcp::resolver resolver(link->context());
    asio::error_code error;
    const auto places = resolver.resolve(host, std::to_string(port), error);
    if (error)
        throw Error(Fault::network, concat("the name ", host, " is not known: ", error.message()));
    bool done = false;
    asio::async_connect(link->socket(), places, [&](const auto& failed, const auto&) {
        error = failed;
        done = true;
    });
    if (!run_until(link->context(), done, Clock::now() + k_connect_max, stopped)) {
        asio::error_code ignored;
        link->socket().close(ignored);
        link->context().restart();
        link->context().poll();
        error = asio::error::timed_out;
    }
    if (error)
        throw Error(Fault::network,
                    concat(host, " port ", port, " cannot be reached: ", error.message(),
                           "; run odysseus pair there first, and let the port through its "
                           "firewall"));
    link->begin(files, false);
    return link;
}

} // namespace odysseus::proxy
