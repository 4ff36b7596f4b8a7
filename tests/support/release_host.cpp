#include "release_host.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/download/sha256.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <httplib.h>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace fs = std::filesystem;
using Kind = HostFault::Kind;

namespace {

struct Content {
    std::string text; // when `file` is empty
    fs::path file;
    std::string type = "application/octet-stream";
    std::string etag;
    std::map<std::string, std::string> headers;

    [[nodiscard]] std::int64_t size() const {
        return static_cast<std::int64_t>(file.empty() ? text.size() : fs::file_size(file));
    }
};

// Reads [offset, offset + length) of a content, wherever it is.
std::string piece_of(const Content& content, std::size_t offset, std::size_t length) {
    if (content.file.empty()) {
        return offset >= content.text.size() ? "" : content.text.substr(offset, length);
    }
    std::ifstream in(content.file, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    std::string piece(length, '\0');
    in.read(piece.data(), static_cast<std::streamsize>(length));
    piece.resize(static_cast<std::size_t>(in.gcount()));
    return piece;
}

} // namespace

struct ReleaseHost::State {
    httplib::Server server;
    std::thread thread;
    int port = 0;
    mutable std::mutex mutex;
    std::condition_variable leaving_changed;
    bool leaving = false;
    bool etags = true;
    std::map<std::string, Content> contents;
    fs::path root;
    std::vector<std::pair<std::string, HostFault>> faults;
    std::vector<SeenRequest> seen;

    // True when the host is going away meanwhile.
    bool wait(std::chrono::milliseconds time) {
        std::unique_lock lock(mutex);
        return leaving_changed.wait_for(lock, time, [&] { return leaving; });
    }

    std::optional<HostFault> take_fault(const std::string& path) {
        for (auto& [part, fault] : faults) {
            if (fault.times == 0 || path.find(part) == std::string::npos) continue;
            if (fault.times > 0) --fault.times;
            return fault;
        }
        return std::nullopt;
    }

    std::optional<Content> find(const std::string& path) {
        if (const auto it = contents.find(path); it != contents.end()) return it->second;
        if (root.empty() || path.find("..") != std::string::npos) return std::nullopt;
        Content content;
        content.file = root / fs::path(path).relative_path();
        if (fs::is_directory(content.file)) content.file /= "index.json";
        if (!fs::is_regular_file(content.file)) return std::nullopt;
        // A plain number: the clock of libc++ counts in 128 bits.
        const auto written =
            static_cast<std::int64_t>(fs::last_write_time(content.file).time_since_epoch().count());
        content.etag = odysseus::concat('"', content.size(), '-', written, '"');
        return content;
    }

    void answer(const httplib::Request& request, httplib::Response& response);
    void send(const Content& content, const std::optional<HostFault>& fault,
              httplib::Response& response);
};

void ReleaseHost::State::send(const Content& content, const std::optional<HostFault>& fault,
                              httplib::Response& response) {
    auto length = content.size();
    const auto kind = fault ? std::optional(fault->kind) : std::nullopt;
    const auto value = fault ? fault->value : 0;
    if (kind == Kind::longer) length += value;
    if (kind == Kind::truncate) length = std::min(length, value);
    if (length == 0) {
        response.set_content("", content.type);
        return;
    }
    auto sent = std::make_shared<std::int64_t>(0); // of this answer
    response.set_content_provider(
        static_cast<std::size_t>(length), content.type,
        [this, content, kind, value, sent](std::size_t offset, std::size_t left,
                                           httplib::DataSink& sink) {
            std::size_t size = std::min<std::size_t>(left, 1U << 20);
            if (kind == Kind::drip) {
                if (wait(std::chrono::milliseconds(value))) return false;
                size = 1;
            }
            if (kind == Kind::cut || kind == Kind::stall) {
                if (*sent >= value) {
                    while (kind == Kind::stall && !wait(std::chrono::hours(1)))
                        ;
                    return false;
                }
                size = std::min(size, static_cast<std::size_t>(value - *sent));
            }
            const std::size_t early = kind == Kind::lie_range && offset > 0 ? 1 : 0;
            auto piece = piece_of(content, offset - early, size);
            piece.resize(size, 'x');
            const auto at = static_cast<std::size_t>(value);
            if (kind == Kind::flip && at >= offset && at < offset + piece.size()) {
                piece[at - offset] = static_cast<char>(piece[at - offset] ^ 1);
            }
            *sent += static_cast<std::int64_t>(piece.size());
            return sink.write(piece.data(), piece.size());
        });
}

void ReleaseHost::State::answer(const httplib::Request& request, httplib::Response& response) {
    std::optional<HostFault> fault;
    std::optional<Content> content;
    {
        const std::lock_guard lock(mutex);
        SeenRequest one{request.path, {}};
        for (const auto& [name, value] : request.headers)
            one.headers[odysseus::lowered(name)] = value;
        seen.push_back(std::move(one));
        fault = take_fault(request.path);
        content = find(request.path);
        if (content && !etags) content->etag.clear();
    }
    if (fault && fault->kind == Kind::status) {
        for (const auto& [name, value] : fault->headers)
            response.set_header(name, value);
        response.status = static_cast<int>(fault->value);
        response.set_content("{\"message\":\"told to\"}", "application/json");
        return;
    }
    if (fault && fault->kind == Kind::html) {
        response.status = 200;
        response.set_content("<!DOCTYPE html><html><title>Please log in</title></html>",
                             "text/html");
        return;
    }
    if (fault && (fault->kind == Kind::redirect || fault->kind == Kind::redirect_loop)) {
        response.set_redirect(fault->kind == Kind::redirect ? fault->target : request.path);
        return;
    }
    if (!content) {
        response.status = 404;
        response.set_content("{\"message\":\"Not Found\"}", "application/json");
        return;
    }
    const auto ignores = [&](Kind kind) { return fault && fault->kind == kind; };
    for (const auto& [name, value] : content->headers)
        response.set_header(name, value);
    if (!content->etag.empty()) {
        response.set_header("ETag", content->etag);
        if (request.get_header_value("If-None-Match") == content->etag) {
            response.status = 304;
            return;
        }
    }
    const auto only_if = request.get_header_value("If-Range");
    const bool other =
        !only_if.empty() && only_if != content->etag && !ignores(Kind::ignore_if_range);
    if (other || ignores(Kind::ignore_range)) {
        const_cast<httplib::Request&>(request).ranges.clear(); // the server's own, not const there
    }
    send(*content, fault, response);
}

ReleaseHost::ReleaseHost(int port) : m_state(std::make_unique<State>()) {
    auto& state = *m_state;
    state.server.Get(".*", [&state](const httplib::Request& request, httplib::Response& response) {
        state.answer(request, response);
    });
    state.server.set_keep_alive_max_count(1000);
    if (port == 0) {
        state.port = state.server.bind_to_any_port("127.0.0.1");
    } else if (state.server.bind_to_port("127.0.0.1", port)) {
        state.port = port;
    }
    if (state.port <= 0) throw std::runtime_error("the release host cannot listen");
    state.thread = std::thread([&state] { state.server.listen_after_bind(); });
    state.server.wait_until_ready();
}

ReleaseHost::~ReleaseHost() {
    {
        const std::lock_guard lock(m_state->mutex);
        m_state->leaving = true;
    }
    m_state->leaving_changed.notify_all();
    m_state->server.stop();
    m_state->thread.join();
}

int ReleaseHost::port() const {
    return m_state->port;
}

std::string ReleaseHost::base() const {
    return odysseus::concat("http://127.0.0.1:", m_state->port);
}

void ReleaseHost::serve(const std::string& path, std::string content, const std::string& type) {
    Content one;
    one.etag = odysseus::concat('"', odysseus::download::sha256_of(content).substr(0, 16), '"');
    one.text = std::move(content);
    one.type = type;
    const std::lock_guard lock(m_state->mutex);
    m_state->contents[path] = std::move(one);
}

void ReleaseHost::serve_file(const std::string& path, const fs::path& file) {
    Content one;
    one.file = file;
    one.etag = odysseus::concat('"', fs::file_size(file), '"');
    const std::lock_guard lock(m_state->mutex);
    m_state->contents[path] = std::move(one);
}

void ReleaseHost::serve_folder(const fs::path& root) {
    const std::lock_guard lock(m_state->mutex);
    m_state->root = root;
}

void ReleaseHost::header(const std::string& path, const std::string& name,
                         const std::string& value) {
    const std::lock_guard lock(m_state->mutex);
    m_state->contents.at(path).headers[name] = value;
}

void ReleaseHost::etags(bool on) {
    const std::lock_guard lock(m_state->mutex);
    m_state->etags = on;
}

void ReleaseHost::fault(const std::string& part, HostFault fault) {
    const std::lock_guard lock(m_state->mutex);
    m_state->faults.emplace_back(part, std::move(fault));
}

void ReleaseHost::clear_faults() {
    const std::lock_guard lock(m_state->mutex);
    m_state->faults.clear();
}

std::vector<SeenRequest> ReleaseHost::seen(const std::string& part) const {
    const std::lock_guard lock(m_state->mutex);
    std::vector<SeenRequest> some;
    for (const auto& one : m_state->seen) {
        if (one.path.find(part) != std::string::npos) some.push_back(one);
    }
    return some;
}

void ReleaseHost::forget_seen() {
    const std::lock_guard lock(m_state->mutex);
    m_state->seen.clear();
}
