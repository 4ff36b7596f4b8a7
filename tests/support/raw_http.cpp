#include "raw_http.hpp"

#include "odysseus/base/text.hpp"

#include <cstdio>
#include <stdexcept>
#include <sys/socket.h>
#include <utility>

namespace odysseus::test {
namespace {

using Clock = std::chrono::steady_clock;

void answer_bad_http(RawConnection& connection, std::string_view why) {
    try {
        connection.send(
            concat("HTTP/1.1 599 Bad HTTP\r\nContent-Length: ", why.size(), "\r\n\r\n", why));
    } catch (const std::runtime_error&) { // it has gone
    }
    connection.close();
}

} // namespace

RawConnection::RawConnection(Socket socket, MessageKind reads)
    : m_socket(std::move(socket)), m_reads(reads), m_poller(std::make_unique<Poller>()),
      m_message(reads) {
    m_poller->add(m_socket, this, {.read = true, .write = true});
}

void RawConnection::send(std::string_view bytes) {
    const auto until = Clock::now() + k_patience;
    std::vector<Ready> ready;
    m_poller->change(m_socket, this, {.read = false, .write = true, .hang_up = false});
    while (!bytes.empty()) {
        const auto result = odysseus::send(m_socket, {&bytes, 1});
        if (result.moved == Moved::broken) throw std::runtime_error("the peer has gone");
        bytes.remove_prefix(result.bytes);
        if (bytes.empty()) return;
        if (Clock::now() > until) throw std::runtime_error("the peer takes no more");
        if (result.bytes == 0) m_poller->wait(std::chrono::milliseconds(20), ready);
    }
}

// False: nothing came until then.
bool RawConnection::receive_some(Clock::time_point until) {
    std::vector<char> bytes(std::size_t{64} * 1024);
    std::vector<Ready> ready;
    while (true) {
        const auto got = receive(m_socket, bytes.data(), bytes.size());
        if (got.moved == Moved::some)
            m_in.append(bytes.data(), got.bytes);
        else if (got.moved != Moved::later)
            m_ended = true;
        if (got.moved != Moved::later) return true;
        if (Clock::now() > until) return false;
        m_poller->change(m_socket, this, {.read = true, .hang_up = false});
        m_poller->wait(std::chrono::milliseconds(50), ready);
    }
}

// Feeds the present message with what is there, or with what comes next; false: nothing will.
bool RawConnection::read_on(MessageReader& reader) {
    if (m_in.empty()) {
        if (m_ended) return false;
        if (!receive_some(Clock::now() + k_patience))
            throw std::runtime_error("nothing more came in time, after: " +
                                     reader.raw().substr(0, 2000));
    }
    std::string_view bytes = m_in;
    reader.feed(bytes);
    m_in.erase(0, m_in.size() - bytes.size());
    return !m_ended || !m_in.empty();
}

// What stands behind an answer can only be the next one.
void RawConnection::refuse_what_is_left() {
    constexpr std::string_view k_next = "HTTP/1.1 ";
    if (m_reads == MessageKind::request) return;
    if (m_in.substr(0, k_next.size()) != k_next.substr(0, m_in.size()))
        throw BadHttp("bytes behind an answer: " + m_in.substr(0, 2000));
}

std::string RawConnection::read_one(MessageKind kind) {
    if (!m_message.begun()) m_message = MessageReader(kind);
    while (!m_message.whole()) {
        if (read_on(m_message)) continue;
        if (m_message.whole()) break;
        const bool left = kind == MessageKind::request; // in place of a request, or within it
        if (left) return {};
        m_message.end();
    }
    auto text = m_message.raw();
    m_message = MessageReader(m_reads);
    refuse_what_is_left();
    return text;
}

std::string RawConnection::read_message() {
    return read_one(m_reads);
}

std::string RawConnection::read_answer_to_head() {
    return read_one(MessageKind::answer_to_head);
}

std::string RawConnection::read_part(const std::function<bool(std::string_view)>& enough) {
    while (!enough(m_message.raw())) {
        if (m_message.whole() || !read_on(m_message))
            throw BadHttp("the message ended early: " + m_message.raw().substr(0, 2000));
    }
    return m_message.raw();
}

std::string RawConnection::read_last_message() {
    auto text = read_message();
    if (!m_ended && !ends_within(k_patience))
        throw BadHttp("the connection goes on after the last answer");
    if (!m_in.empty()) throw BadHttp("bytes behind the last answer: " + m_in.substr(0, 2000));
    return text;
}

std::string RawConnection::read_cut_message() {
    while (read_on(m_message)) {
        if (m_message.whole()) throw BadHttp("the answer looks whole: " + m_message.raw());
    }
    bool whole = m_message.whole();
    try {
        if (!whole) m_message.end();
        whole = true;
    } catch (const BadHttp&) {
    }
    if (whole) throw BadHttp("the answer looks whole: " + m_message.raw());
    return m_message.raw();
}

bool RawConnection::ends_within(std::chrono::milliseconds patience) {
    if (m_ended) return true;
    const auto until = Clock::now() + patience;
    if (!receive_some(until)) return false;
    if (!m_in.empty()) throw BadHttp("bytes that nobody asked for: " + m_in.substr(0, 2000));
    return m_ended;
}

void RawConnection::end_sending() {
    shut_down_sending(m_socket);
}

void RawConnection::reset() {
    const linger at_once{1, 0};
    (void)::setsockopt(static_cast<int>(m_socket.native()), SOL_SOCKET, SO_LINGER, &at_once,
                       sizeof at_once);
    close();
}

RawConnection connect_raw(int port) {
    return RawConnection(connect_to_loopback(port));
}

RawServer::RawServer(Script script)
    : m_script(std::move(script)), m_listener(listen_on("127.0.0.1", 0)),
      m_port(port_of(m_listener)), m_poller(std::make_unique<Poller>()) {
    m_poller->add(m_listener, this, {.read = true});
    m_acceptor = std::thread([this] { accept_all(); });
}

RawServer::~RawServer() {
    m_stop = true;
    m_poller->wake();
    m_acceptor.join();
    for (auto& thread : m_threads)
        thread.join();
}

void RawServer::accept_all() {
    std::vector<Ready> ready;
    while (!m_stop) {
        m_poller->wait({}, ready);
        Accepted accepted;
        while (accept_from(m_listener, accepted) == AcceptState::accepted) {
            ++m_connections;
            m_threads.emplace_back([this, connection = std::make_shared<RawConnection>(
                                              std::move(accepted.socket), MessageKind::request)] {
                try {
                    m_script(*connection);
                } catch (const BadHttp& error) {
                    answer_bad_http(*connection, error.what());
                } catch (const std::exception&) {
                    connection->close(); // the test sees what its client got
                }
            });
        }
    }
}

RawServer::Script answering(std::function<std::string(const std::string& request)> answer) {
    return [answer = std::move(answer)](RawConnection& connection) {
        while (true) {
            const auto request = connection.read_message();
            if (connection.ended() || request.empty()) return;
            connection.send(answer(request));
        }
    };
}

std::string ok_answer(std::string_view body, std::string_view type) {
    return concat("HTTP/1.1 200 OK\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(),
                  "\r\n\r\n", body);
}

std::string chunk(std::string_view content) {
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", content.size());
    return concat(size, content, "\r\n");
}

std::string body_of(const std::string& message) {
    const auto end = message.find("\r\n\r\n");
    return end == std::string::npos ? "" : message.substr(end + 4);
}

std::string content_of(std::string_view answer) {
    MessageReader reader(MessageKind::answer);
    reader.feed(answer);
    return reader.content();
}

int status_of(const std::string& answer) {
    return answer.size() < 12 ? 0 : static_cast<int>(parsed_int(answer.substr(9, 3)).value_or(0));
}

} // namespace odysseus::test
