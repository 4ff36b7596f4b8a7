#include "raw_http.hpp"

#include "odysseus/logic/http_head.hpp"
#include "odysseus/logic/text.hpp"

#include <cstdio>
#include <stdexcept>
#include <utility>

namespace odysseus::test {
namespace {

using Clock = std::chrono::steady_clock;

// Whether `bytes` hold one message in full.
bool is_whole(std::string_view bytes) {
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    auto framing = Framing::none;
    std::uint64_t length = 0;
    if (bytes.substr(0, 5) == "HTTP/") {
        const auto head = parse_response_head(bytes.substr(0, end + 4), false);
        if (!head || head->framing == Framing::until_close) return false;
        framing = head->framing;
        length = head->content_length;
    } else {
        const auto head = parse_request_head(bytes.substr(0, end + 4));
        if (!std::holds_alternative<RequestHead>(head)) return true;
        framing = std::get<RequestHead>(head).framing;
        length = std::get<RequestHead>(head).content_length;
    }
    auto body = bytes.substr(end + 4);
    if (framing == Framing::length) return body.size() >= length;
    if (framing != Framing::chunked) return true;
    ChunkWalker walker;
    while (!body.empty() && walker.state() == ChunkWalker::State::more)
        (void)walker.next(body);
    return walker.state() != ChunkWalker::State::more;
}

} // namespace

RawConnection::RawConnection(platform::Socket socket)
    : m_socket(std::move(socket)), m_poller(std::make_unique<platform::Poller>()) {
    m_poller->add(m_socket, this, {.read = true, .write = true});
}

void RawConnection::send(std::string_view bytes) {
    const auto until = Clock::now() + k_patience;
    std::vector<platform::Ready> ready;
    m_poller->change(m_socket, this, {.read = false, .write = true, .hang_up = false});
    while (!bytes.empty()) {
        const auto result = platform::send(m_socket, {&bytes, 1});
        if (result.moved == platform::Moved::broken) throw std::runtime_error("the peer has gone");
        bytes.remove_prefix(result.bytes);
        if (bytes.empty()) return;
        if (Clock::now() > until) throw std::runtime_error("the peer takes no more");
        if (result.bytes == 0) m_poller->wait(std::chrono::milliseconds(20), ready);
    }
}

void RawConnection::receive_some(Clock::time_point until) {
    char bytes[64 * 1024];
    const auto got = platform::receive(m_socket, bytes, sizeof bytes);
    if (got.moved == platform::Moved::some) {
        m_in.append(bytes, got.bytes);
    } else if (got.moved != platform::Moved::later) {
        m_ended = true;
    } else {
        if (Clock::now() > until)
            throw std::runtime_error("nothing more came in time, after: " + m_in.substr(0, 2000));
        std::vector<platform::Ready> ready;
        m_poller->change(m_socket, this, {.read = true, .hang_up = false});
        m_poller->wait(std::chrono::milliseconds(50), ready);
    }
}

std::string RawConnection::read_until(const std::function<bool(std::string_view)>& enough,
                                      std::chrono::milliseconds patience) {
    const auto until = Clock::now() + patience;
    while (!enough(m_in) && !m_ended)
        receive_some(until);
    return std::exchange(m_in, {});
}

std::string RawConnection::read_to_end(std::chrono::milliseconds patience) {
    return read_until([](std::string_view) { return false; }, patience);
}

std::string RawConnection::read_message() {
    return read_until(is_whole);
}

bool RawConnection::ends_within(std::chrono::milliseconds patience) {
    const auto until = Clock::now() + patience;
    while (!m_ended && Clock::now() < until) {
        try {
            receive_some(until);
        } catch (const std::runtime_error&) {
            return false;
        }
        m_in.clear();
    }
    return m_ended;
}

void RawConnection::end_sending() {
    platform::shut_down_sending(m_socket);
}

RawConnection connect_raw(int port) {
    return RawConnection(platform::connect_to_loopback(port));
}

RawServer::RawServer(Script script)
    : m_script(std::move(script)), m_listener(platform::listen_on("127.0.0.1", 0)),
      m_port(platform::port_of(m_listener)), m_poller(std::make_unique<platform::Poller>()) {
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
    std::vector<platform::Ready> ready;
    while (!m_stop) {
        m_poller->wait({}, ready);
        platform::Accepted accepted;
        while (platform::accept_from(m_listener, accepted) == platform::AcceptState::accepted) {
            ++m_connections;
            m_threads.emplace_back(
                [this, connection = std::make_shared<RawConnection>(std::move(accepted.socket))] {
                    try {
                        m_script(*connection);
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
    return cat("HTTP/1.1 200 OK\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(),
               "\r\n\r\n", body);
}

std::string chunk(std::string_view content) {
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", content.size());
    return cat(size, content, "\r\n");
}

std::string body_of(const std::string& message) {
    const auto end = message.find("\r\n\r\n");
    return end == std::string::npos ? "" : message.substr(end + 4);
}

int status_of(const std::string& answer) {
    return answer.size() < 12 ? 0 : static_cast<int>(parsed_int(answer.substr(9, 3)).value_or(0));
}

} // namespace odysseus::test
