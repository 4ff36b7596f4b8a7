#include "request.hpp"

#include "endpoints.hpp"
#include "odysseus/base/text.hpp"

#include "blocking.hpp"

#include <algorithm>
#include <utility>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_head_read_bytes = std::size_t{16} * 1024;
constexpr std::size_t k_body_read_max = std::size_t{512} * 1024;

Refused bad_request(const Refusal& why) {
    return {.status = why.status,
            .code = why.status == 408 ? "request_timeout" : "bad_request",
            .message = why.reason,
            .ends_connection = true};
}

[[noreturn]] void refuse_size(const ProxyLimits& limits, std::string_view more = {}) {
    const auto most = byte_text(static_cast<std::int64_t>(limits.body_bytes_max));
    throw Refused{.status = 413,
                  .code = "request_too_large",
                  .message = concat("A request may have ", most, more, "."),
                  .ends_connection = true};
}

// Every byte of a body counts against what all may have together.
void count(ProxyRequest& request, const ProxyLimits& limits) {
    const auto more = request.body.size() - request.counted; // modulo: it may have become less
    request.counted += more;
    const auto all = request.all_bodies += more;
    if (request.body.size() > limits.body_bytes_max) refuse_size(limits);
    if (all > limits.bodies_bytes_max)
        throw Refused{
            .status = 503,
            .code = "server_busy",
            .message =
                "Other large requests use all the memory set aside for them; try again shortly.",
            .retry_after = std::chrono::seconds(1),
            .ends_connection = true};
}

Refused unsupported_coding(bool ends_connection) {
    return {.status = 415,
            .code = "unsupported_content_encoding",
            .message =
                "A body may be packed with one of gzip, deflate and zstd (Content-Encoding); "
                "send it so, or plain.",
            .ends_connection = ends_connection,
            .more_lines = "Accept-Encoding: gzip, deflate, zstd\r\n"};
}

OwnAnswer preflight_answer(const HeaderLines& lines) {
    OwnAnswer allowed;
    allowed.status = 204;
    allowed.more_lines = "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
                         "Access-Control-Max-Age: 600\r\n";
    if (const auto wanted = header(lines, "access-control-request-headers"))
        allowed.more_lines += concat("Access-Control-Allow-Headers: ", *wanted, "\r\n");
    if (header(lines, "access-control-request-private-network"))
        allowed.more_lines += "Access-Control-Allow-Private-Network: true\r\n";
    return allowed;
}

// A body of known length. Its memory grows with what has come, not with what was announced.
Task<> read_length(ClientStream& client, ProxyRequest& request, const ProxyLimits& limits) {
    auto& body = request.body;
    const auto length = static_cast<std::size_t>(request.head.content_length);
    const auto first = std::min(length, client.in.size());
    body.append(std::string_view(client.in).substr(0, first));
    client.in.erase(0, first);
    while (true) {
        count(request, limits);
        request.scanner.feed(body.view());
        const auto left = length - body.size();
        if (left == 0) co_return;
        const bool direct = body.size() >= Loop::k_scratch_bytes;
        const auto room =
            std::min(left, direct ? std::min(body.size(), k_body_read_max) : Loop::k_scratch_bytes);
        char* const into = direct ? body.room(room) : client.loop().scratch.get();
        const auto got = co_await client.read(into, room, Clock::now() + limits.body_pause);
        if (got == 0) throw bad_request({408, "The body did not arrive in time."});
        if (direct) {
            body.grew(got);
        } else {
            body.append({into, got});
        }
    }
}

Task<> read_chunks(ClientStream& client, ProxyRequest& request, const ProxyLimits& limits) {
    ChunkWalker chunks;
    while (true) {
        std::string_view rest = client.in;
        while (!rest.empty() && chunks.state() == ChunkWalker::State::more) {
            request.body.append(chunks.next(rest));
            count(request, limits);
        }
        client.in.erase(0, client.in.size() - rest.size());
        if (chunks.state() == ChunkWalker::State::broken)
            throw bad_request({400, "The chunks of the body are not well formed."});
        request.scanner.feed(request.body.view());
        if (chunks.state() == ChunkWalker::State::done) co_return;
        char* const scratch = client.loop().scratch.get();
        const auto got =
            co_await client.read(scratch, Loop::k_scratch_bytes, Clock::now() + limits.body_pause);
        if (got == 0) throw bad_request({408, "The body did not arrive in time."});
        client.in.append(scratch, got);
    }
}

} // namespace

void ProxyRequest::free_body() {
    all_bodies -= std::exchange(counted, 0);
    body.clear();
}

void ProxyRequest::become(OllamaCall call) {
    client_path = head.path;
    free_body();
    body.append(call.body);
    counted = body.size();
    all_bodies += counted;
    call.body = {};
    scanner = {};
    scanner.feed(body.view());
    std::erase_if(head.headers, [](const HeaderLine& line) {
        return same_name(line.name, "content-type") || same_name(line.name, "accept");
    });
    head.headers.push_back({"Content-Type", "application/json"});
    head.path = call.path;
    head.query = {};
    head.has_query = false;
    head.framing = Framing::length;
    ollama = std::move(call);
}

std::array<std::string_view, 4> ProxyRequest::pieces(std::string_view head_up) const {
    const auto all = body.view();
    if (!edit) return {head_up, all, {}, {}};
    return {head_up, all.substr(0, edit->range.begin), edit->text, all.substr(edit->range.end)};
}

std::optional<std::uint64_t> ProxyRequest::content_length() const {
    if (head.framing == Framing::none) return std::nullopt;
    if (!edit) return body.size();
    return body.size() - (edit->range.end - edit->range.begin) + edit->text.size();
}

Task<bool> read_head(ClientStream& client, ProxyRequest& request, const ProxyLimits& limits) {
    request.began = Clock::now();
    auto until = request.began + (client.in.empty() ? limits.idle : limits.head);
    client.set_idle(client.in.empty());
    std::variant<HeadPending, HeadEnd, Refusal> found;
    while (found = find_head(client.in), std::holds_alternative<HeadPending>(found)) {
        char* const scratch = client.loop().scratch.get();
        const auto got = co_await client.read(scratch, k_head_read_bytes, until);
        if (got == 0 && client.in.empty()) co_return false;
        if (got == 0) throw bad_request({408, "The header lines did not arrive in time."});
        if (client.in.empty()) {
            request.began = Clock::now();
            until = request.began + limits.head;
            client.set_idle(false);
        }
        client.in.append(scratch, got);
    }
    if (const auto* const why = std::get_if<Refusal>(&found)) throw bad_request(*why);
    const auto place = std::get<HeadEnd>(found);
    request.head_text = client.in.substr(place.begin, place.end - place.begin);
    client.in.erase(0, place.end);
    if (client.in.empty()) client.in = {};
    auto parsed = parse_request_head(request.head_text);
    if (const auto* const why = std::get_if<Refusal>(&parsed)) throw bad_request(*why);
    request.head = std::move(std::get<RequestHead>(parsed));
    request.path = meant_path(request.head.path);
    request.head.path = request.path;
    request.coding = coding_of(request.head.headers);
    request.forwarded = header(request.head.headers, k_forwarded_header).has_value();
    co_return true;
}

std::optional<OwnAnswer> admit(ProxyRequest& request, const AccessRules& rules,
                               bool peer_is_local) {
    const auto& head = request.head;
    request.with_key = key_allowed(rules, head.headers);
    const bool asks_whether =
        head.method == "OPTIONS" && header(head.headers, "access-control-request-method");
    // A browser sends no key with its question; what it then asks needs one.
    const bool key_decides = !rules.keys.empty() && (request.with_key || asks_whether);
    if (!host_allowed(rules, head.host, {key_decides, peer_is_local}))
        throw Refused{403, "host_not_allowed", host_refusal(rules, head.host)};
    if (!origin_allowed(rules, head.headers, head.host))
        throw Refused{403, "origin_not_allowed", origin_refusal(head.headers)};
    request.allowed_origin = header(head.headers, "origin").value_or("");
    if (asks_whether) return preflight_answer(head.headers);
    if (request.with_key) return std::nullopt;
    const auto endpoint = endpoint_of(head.method, head.path, false);
    if (endpoint == Endpoint::health || endpoint == Endpoint::page ||
        (endpoint == Endpoint::forward && is_page_asset(head.method, head.path)))
        return std::nullopt;
    throw Refused{.status = 401,
                  .code = "invalid_api_key",
                  .message = "A valid API key is needed: Authorization: Bearer KEY.",
                  .more_lines = "WWW-Authenticate: Bearer\r\n"};
}

Task<> read_body(ClientStream& client, ProxyRequest& request, const ProxyLimits& limits) {
    const auto& head = request.head;
    const bool of_length = head.framing == Framing::length;
    if (head.framing == Framing::none || (of_length && head.content_length == 0)) co_return;
    if (request.coding == Coding::other) throw unsupported_coding(true);
    if (of_length && head.content_length > limits.body_bytes_max) {
        refuse_size(limits, concat("; this one has ",
                                   byte_text(static_cast<std::int64_t>(head.content_length))));
    }
    if (head.expects_continue && client.in.empty()) client.send({"HTTP/1.1 100 Continue\r\n\r\n"});
    if (of_length) {
        co_await read_length(client, request, limits);
    } else {
        co_await read_chunks(client, request, limits);
    }
    if (client.in.empty()) client.in = {};
}

Task<> inflate_body(Waiter& client, BlockingTasks& tasks, ProxyRequest& request,
                    const ProxyLimits& limits) {
    if (request.coding == Coding::none || request.body.empty()) co_return;
    const auto packed = std::make_shared<ByteBuffer>();
    packed->swap(request.body);
    const auto unpack = [packed, coding = request.coding, most = limits.body_bytes_max] {
        return inflated(coding, packed->view(), most);
    };
    const auto result = co_await blocking(tasks, client, unpack);
    if (const auto* const fault = std::get_if<InflateFault>(&result)) {
        if (*fault == InflateFault::unsupported) throw unsupported_coding(false);
        if (*fault == InflateFault::too_large) refuse_size(limits, " once it is unpacked");
        throw Refused{400, "bad_content_encoding",
                      "The body is not what Content-Encoding says, or not whole."};
    }
    request.body.swap(*std::get<0>(result));
    request.scanner = JsonScanner();
    count(request, limits);
    request.scanner.feed(request.body.view());
}

} // namespace odysseus::proxy
