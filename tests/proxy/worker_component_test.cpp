#include "odysseus/proxy/worker_host.hpp"
#include "odysseus/proxy/worker_link.hpp"

#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <mutex>
#include <thread>

using namespace odysseus;
using namespace odysseus::proxy;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds k_long{60};

system::TlsFiles identity(const std::string& name) {
    const auto folder = std::string(ODYSSEUS_TEST_DATA) + "/tls/";
    return {folder + name + ".crt", folder + name + ".key"};
}

template <class Condition>
bool wait_until(const Condition& condition) {
    const auto until = std::chrono::steady_clock::now() + k_long;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

// One connection after the other, each sent back what it sends, as an RPC server would answer.
class Echo {
  public:
    Echo() : m_thread([this] { serve(); }) {}
    ~Echo() {
        asio::error_code ignored;
        m_ends = true;
        tcp::socket knock(m_context);
        knock.connect(m_acceptor.local_endpoint(), ignored);
        knock.close(ignored);
        end_connection();
        m_thread.join();
    }
    [[nodiscard]] int port() const { return m_acceptor.local_endpoint().port(); }
    void end_connection() {
        asio::error_code ignored;
        const std::lock_guard lock(m_mutex);
        if (m_socket.is_open()) m_socket.shutdown(tcp::socket::shutdown_both, ignored);
    }
    std::atomic<int> connections{0};

  private:
    void serve() {
        std::vector<char> piece(65536);
        while (!m_ends) {
            asio::error_code error;
            auto accepted = m_acceptor.accept(error);
            {
                const std::lock_guard lock(m_mutex);
                m_socket = std::move(accepted);
            }
            ++connections;
            while (!error) {
                const auto count = m_socket.read_some(asio::buffer(piece), error);
                if (!error) asio::write(m_socket, asio::buffer(piece.data(), count), error);
            }
            const std::lock_guard lock(m_mutex);
            m_socket.close(error);
        }
    }
    asio::io_context m_context;
    tcp::acceptor m_acceptor{m_context, {asio::ip::address_v4::loopback(), 0}};
    tcp::socket m_socket{m_context};
    std::mutex m_mutex; // for m_socket to come and go
    std::atomic<bool> m_ends{false};
    std::thread m_thread;
};

// A worker whose RPC server is the echo.
struct Far {
    Far() : host(rules()) {
        host.listen("127.0.0.1", 0);
        host.start();
    }
    WorkerRules rules() {
        WorkerRules rules;
        rules.build = "b1";
        rules.tls = system::tls_mutual(identity("box"), true);
        rules.name_of = [this, paired = system::certificate_digest(identity("other").certificate)](
                            const auto& digest) {
            return digest == paired ? std::optional<std::string>("desk") : other_is;
        };
        rules.start = [this] {
            ++starts;
            return WorkerRules::Started{echo.port(), {"", "8.0.0", {{"CPU", "", 100, 50}}}};
        };
        rules.stop = [this] { ++stops; };
        rules.tell = [](const std::string&) {};
        return rules;
    }
    [[nodiscard]] WorkerPlace place(const char* who = "other", const char* build = "b1") const {
        return {{"127.0.0.1", host.port()},
                build,
                identity(who),
                system::certificate_digest(identity("box").certificate)};
    }
    Echo echo;
    std::optional<std::string> other_is; // the name of every other machine
    std::atomic<int> starts{0};
    std::atomic<int> stops{0};
    WorkerHost host;
};

struct Near {
    explicit Near(const WorkerPlace& place) : link(place) {
        link.listen({[this](const WorkerView& view) { there = view.offer.has_value(); }, {}});
        link.start();
        link.wait_asked(k_long, {});
    }
    ~Near() { link.stop(); }
    [[nodiscard]] tcp::socket connected() {
        tcp::socket socket(context);
        socket.connect(
            {asio::ip::address_v4::loopback(), static_cast<unsigned short>(link.view().port)});
        return socket;
    }
    asio::io_context context;
    std::atomic<bool> there{false};
    WorkerLink link;
};

// What comes back of so many bytes; false: something else, or an end.
bool echoes(tcp::socket& socket, std::size_t count) {
    std::string sent(count, ' ');
    for (std::size_t i = 0; i < count; ++i)
        sent[i] = static_cast<char>(i * 7 + i / 251);
    std::thread writer([&] {
        asio::error_code ignored;
        asio::write(socket, asio::buffer(sent), ignored);
    });
    std::string came(count, ' ');
    asio::error_code error;
    asio::read(socket, asio::buffer(came), error);
    writer.join();
    return !error && came == sent;
}

bool has_ended(tcp::socket& socket) {
    char byte = 0;
    asio::error_code error;
    socket.read_some(asio::buffer(&byte, 1), error);
    return bool(error);
}

std::string trouble_of(const WorkerPlace& place) {
    return WorkerLink::look_at(place).trouble;
}

} // namespace

TEST_CASE("worker: bytes go there and back, one connection after the other") {
    Far box;
    Near desk(box.place());
    REQUIRE(desk.link.view().offer);
    CHECK(desk.link.view().offer->free_mib() == 50);
    for (const std::size_t count : {1UL, 65536UL, 5'000'000UL}) {
        auto socket = desk.connected();
        auto next = desk.connected(); // waits for its turn
        CHECK(echoes(socket, count));
        socket.close();
        CHECK(echoes(next, count));
    }
    CHECK(box.echo.connections == 6);
    CHECK(box.starts == 1); // one RPC server for the session
    desk.link.stop();
    CHECK(wait_until([&] { return box.stops == 1; }));
}

TEST_CASE("worker: who may not is told why") {
    Far box;
    CHECK(trouble_of(box.place("box")).find("not paired with the worker") != std::string::npos);
    CHECK(trouble_of(box.place("other", "b2")).find("same build") != std::string::npos);
    auto place = box.place();
    place.certificate = std::string(64, '0');
    CHECK(trouble_of(place).find("not the one that it was paired with") != std::string::npos);
    place.address.host = "nowhere.invalid";
    CHECK(trouble_of(place).find("is not known") != std::string::npos);
    CHECK(box.starts == 0);
    CHECK(trouble_of(box.place()).empty());
    CHECK(wait_until([&] { return box.stops == 1; }));
    Near desk(box.place());
    CHECK(trouble_of(box.place()).empty()); // its own session
    box.other_is = "desk";
    CHECK(trouble_of(box.place("box")).find("in use by desk") != std::string::npos);
}

TEST_CASE("worker: a newer session of the same machine takes the place of the older one") {
    Far box;
    Near older(box.place());
    REQUIRE(older.link.view().offer);
    Near newer(box.place());
    CHECK(wait_until([&] { return older.link.view().losses == 1; }));
}

TEST_CASE("worker: an RPC server that ends its connection is lost, and comes back") {
    Far box;
    Near desk(box.place());
    auto socket = desk.connected();
    REQUIRE(echoes(socket, 1000));
    box.echo.end_connection();
    CHECK(has_ended(socket));
    CHECK(desk.link.view().losses == 1); // known before the connection was closed
    CHECK(wait_until([&] { return desk.there.load(); }));
    auto again = desk.connected();
    CHECK(echoes(again, 1000));
    CHECK(box.starts == 2);
}

TEST_CASE("worker: one that stops is lost at once, and connections end") {
    Far box;
    Near desk(box.place());
    auto socket = desk.connected();
    REQUIRE(echoes(socket, 1000));
    box.host.stop();
    CHECK(has_ended(socket));
    CHECK_FALSE(desk.link.view().offer);
    auto late = desk.connected();
    CHECK(has_ended(late));
}
