// Both ends of the proxy benchmark, in one program so that both read one clock:
//   bench_load upstream                             a llama-server that answers at once; prints its
//   port bench_load streams PORT COUNT EVENTS PAUSE_MS   event streams, each event with its time of
//   writing bench_load json PORT CONNECTIONS REQUESTS       small requests over kept connections
//   bench_load body PORT REQUESTS BYTES first|last  one large body after the other
// Each load prints one JSON object. All of it is one thread with a poller.
#include "odysseus/base/text.hpp"
#include "odysseus/proxy/http_head.hpp"
#include "poller.hpp"
#include "socket.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace odysseus;
using namespace odysseus::proxy;
using Clock = std::chrono::steady_clock;

namespace {

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
        .count();
}

// One connection of either side.
struct Peer {
    Socket socket;
    std::string in;
    std::string out;
    bool wants_write = true;
    // upstream: events still to be written
    int events_left = 0;
    int event = 0;
    std::int64_t next_ns = 0;
    std::int64_t pause_ns = 0;
    std::size_t body_left = 0;
    // client
    std::int64_t sent_ns = 0;
    int expected = 0;
    bool done = false;
    proxy::ChunkWalker chunks;
    std::string line;
    bool head_done = false;
};

void send_out(Poller& poller, Peer& peer) {
    while (!peer.out.empty()) {
        const std::string_view view = peer.out;
        const auto result = send(peer.socket, {&view, 1});
        if (result.bytes == 0) break;
        peer.out.erase(0, result.bytes);
    }
    const bool wanted = !peer.out.empty();
    if (wanted != peer.wants_write) {
        peer.wants_write = wanted;
        poller.change(peer.socket, &peer, {.read = true, .write = wanted, .hang_up = false});
    }
}

// ---- upstream

constexpr std::string_view k_json_answer =
    R"({"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Hello! How can I help you today?"}}],"created":1760000000,"model":"model-file","object":"chat.completion","usage":{"completion_tokens":9,"prompt_tokens":12,"total_tokens":21},"id":"chatcmpl-0123456789abcdef0123456789abcdef"})";

int number_after(std::string_view text, std::string_view name, int fallback) {
    const auto at = text.find(name);
    return at == std::string_view::npos ? fallback : std::atoi(text.data() + at + name.size());
}

void write_event(Poller& poller, Peer& peer) {
    char event[96];
    const int size = std::snprintf(event, sizeof event, "data: {\"n\":%d,\"t\":%lld}\n\n",
                                   peer.event, static_cast<long long>(now_ns()));
    char framed[128];
    const int length = std::snprintf(framed, sizeof framed, "%x\r\n%s\r\n%s", size, event,
                                     peer.events_left == 1 ? "0\r\n\r\n" : "");
    peer.out.append(framed, static_cast<std::size_t>(length));
    ++peer.event;
    --peer.events_left;
    peer.next_ns += peer.pause_ns;
    send_out(poller, peer);
}

void answer(Poller& poller, Peer& peer, std::string_view head) {
    if (head.find(" /stream") != std::string_view::npos) {
        peer.events_left = number_after(head, "events=", 30);
        peer.event = 0;
        peer.pause_ns = std::int64_t{1'000'000} * number_after(head, "pause=", 50);
        peer.next_ns = now_ns() + std::int64_t{1'000'000} * number_after(head, "phase=", 0);
        peer.out += "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    "X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";
    } else {
        peer.out += concat("HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
                           "Content-Length: ",
                           k_json_answer.size(), "\r\n\r\n", k_json_answer);
    }
    send_out(poller, peer);
}

// False: the peer has gone.
bool serve(Poller& poller, Peer& peer, std::vector<char>& scratch) {
    const auto got = receive(peer.socket, scratch.data(), scratch.size());
    if (got.moved == Moved::later) return true;
    if (got.moved != Moved::some) return false;
    if (peer.body_left > 0) {
        peer.body_left -= std::min(peer.body_left, got.bytes);
        if (peer.body_left == 0) {
            answer(poller, peer, peer.in);
            peer.in.clear();
        }
        return true;
    }
    peer.in.append(scratch.data(), got.bytes);
    const auto end = peer.in.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    std::string lower = lowered(std::string_view(peer.in).substr(0, end));
    const auto length = static_cast<std::size_t>(number_after(lower, "content-length: ", 0));
    const auto have = peer.in.size() - end - 4;
    if (have < length) {
        peer.body_left = length - have;
        peer.in.resize(end);
        return true;
    }
    answer(poller, peer, std::string_view(peer.in).substr(0, end));
    peer.in.clear();
    return true;
}

int upstream() {
    auto listener = listen_on("127.0.0.1", 0);
    (void)allow_sockets(8192);
    Poller poller;
    poller.add(listener, &listener, {.read = true});
    std::printf("%d\n", port_of(listener));
    std::fflush(stdout);
    std::map<Peer*, std::unique_ptr<Peer>> peers;
    std::vector<Ready> ready;
    std::vector<char> scratch(1 << 20);
    std::multimap<std::int64_t, Peer*> due;
    std::map<Peer*, std::int64_t> scheduled;
    const auto unschedule = [&](Peer* peer) {
        const auto found = scheduled.find(peer);
        if (found == scheduled.end()) return;
        for (auto [at, end] = due.equal_range(found->second); at != end; ++at) {
            if (at->second == peer) {
                due.erase(at);
                break;
            }
        }
        scheduled.erase(found);
    };
    while (true) {
        std::optional<std::chrono::milliseconds> limit;
        if (!due.empty())
            limit = std::chrono::milliseconds(
                std::max<std::int64_t>(0, (due.begin()->first - now_ns()) / 1'000'000));
        poller.wait(limit, ready);
        for (const auto& event : ready) {
            if (event.owner == &listener) {
                Accepted accepted;
                while (accept_from(listener, accepted) == AcceptState::accepted) {
                    auto peer = std::make_unique<Peer>();
                    peer->socket = std::move(accepted.socket);
                    peer->wants_write = false;
                    poller.add(peer->socket, peer.get(), {.read = true, .hang_up = false});
                    peers.emplace(peer.get(), std::move(peer));
                }
                continue;
            }
            auto* const peer = static_cast<Peer*>(event.owner);
            if (event.writable && !peer->out.empty()) send_out(poller, *peer);
            if (!event.readable) continue;
            if (!serve(poller, *peer, scratch)) {
                unschedule(peer);
                poller.remove(peer->socket);
                peers.erase(peer);
                continue;
            }
            if (peer->events_left > 0 && scheduled.find(peer) == scheduled.end()) {
                due.emplace(peer->next_ns, peer);
                scheduled[peer] = peer->next_ns;
            }
        }
        while (!due.empty() && due.begin()->first <= now_ns()) {
            auto* const peer = due.begin()->second;
            due.erase(due.begin());
            scheduled.erase(peer);
            write_event(poller, *peer);
            if (peer->events_left > 0) {
                due.emplace(peer->next_ns, peer);
                scheduled[peer] = peer->next_ns;
            }
        }
    }
}

// ---- loads

double percentile(std::vector<double>& values, double share) {
    if (values.empty()) return -1;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at),
                     values.end());
    return values[at];
}

std::string post(std::string_view target, std::string_view body) {
    return concat("POST ", target,
                  " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Accept: application/json\r\nUser-Agent: bench/1\r\nAuthorization: Bearer x\r\n"
                  "Content-Length: ",
                  body.size(), "\r\n\r\n", body);
}

const std::string k_chat =
    R"({"model":"friendly","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Hello!"}],"temperature":0.7,"max_tokens":64)";

// Takes the events of a stream; false when one is lost, doubled or damaged.
bool take_events(Peer& peer, std::string_view bytes, std::vector<double>& delays_us) {
    if (!peer.head_done) {
        peer.in.append(bytes);
        const auto end = peer.in.find("\r\n\r\n");
        if (end == std::string::npos) return true;
        if (peer.in.substr(0, 12) != "HTTP/1.1 200") return false;
        peer.head_done = true;
        const auto rest = peer.in.substr(end + 4);
        peer.in.clear();
        return take_events(peer, rest, delays_us);
    }
    const auto now = now_ns();
    while (!bytes.empty() && peer.chunks.state() == proxy::ChunkWalker::State::more)
        peer.line.append(peer.chunks.next(bytes));
    for (auto end = peer.line.find("\n\n"); end != std::string::npos;
         end = peer.line.find("\n\n")) {
        int n = -1;
        long long t = 0;
        if (std::sscanf(peer.line.c_str(), "data: {\"n\":%d,\"t\":%lld}", &n, &t) != 2 ||
            n != peer.expected)
            return false;
        ++peer.expected;
        delays_us.push_back(static_cast<double>(now - t) / 1000);
        peer.line.erase(0, end + 2);
    }
    if (peer.chunks.state() == proxy::ChunkWalker::State::broken) return false;
    peer.done = peer.chunks.state() == proxy::ChunkWalker::State::done;
    return true;
}

int streams(int port, int count, int events, int pause_ms) {
    (void)allow_sockets(8192);
    Poller poller;
    std::vector<std::unique_ptr<Peer>> peers;
    std::mt19937 random(1);
    for (int i = 0; i < count; ++i) {
        auto peer = std::make_unique<Peer>();
        peer->socket = connect_to_loopback(port);
        // They begin spread over a while that lies behind the connecting of all.
        const auto phase = count / 5 + static_cast<int>(random() % static_cast<unsigned>(pause_ms));
        peer->out =
            post(concat("/stream?events=", events, "&pause=", pause_ms, "&phase=", phase, "&"),
                 k_chat + R"(,"stream":true})");
        poller.add(peer->socket, peer.get(), {.read = true, .write = true, .hang_up = false});
        peers.push_back(std::move(peer));
    }
    std::vector<double> delays;
    std::vector<char> scratch(64 * 1024);
    std::vector<Ready> ready;
    int open = count;
    int bad = 0;
    const auto until = Clock::now() + std::chrono::seconds(60);
    while (open > 0 && Clock::now() < until) {
        poller.wait(std::chrono::milliseconds(1000), ready);
        for (const auto& event : ready) {
            auto& peer = *static_cast<Peer*>(event.owner);
            if (event.writable && !peer.out.empty()) send_out(poller, peer);
            if (!event.readable) continue;
            const auto got = receive(peer.socket, scratch.data(), scratch.size());
            if (got.moved == Moved::later) continue;
            const bool fine =
                got.moved == Moved::some && take_events(peer, {scratch.data(), got.bytes}, delays);
            if (fine && !peer.done) continue;
            if (!fine || peer.expected != events) ++bad;
            poller.remove(peer.socket);
            peer.socket.close();
            --open;
        }
    }
    std::printf("{\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"events\":%zu,\"bad\":%d}\n",
                percentile(delays, 0.5), percentile(delays, 0.99), percentile(delays, 1.0),
                delays.size(), bad + open);
    return 0;
}

// Closed loop: each connection sends its next request when the answer is there.
int requests(int port, int connections, int total, const std::string& request) {
    Poller poller;
    std::vector<std::unique_ptr<Peer>> peers;
    int begun = 0;
    for (int i = 0; i < connections; ++i) {
        auto peer = std::make_unique<Peer>();
        peer->socket = connect_to_loopback(port);
        peer->out = request;
        peer->sent_ns = now_ns();
        ++begun;
        poller.add(peer->socket, peer.get(), {.read = true, .write = true, .hang_up = false});
        peers.push_back(std::move(peer));
    }
    std::vector<double> times;
    std::vector<char> scratch(64 * 1024);
    std::vector<Ready> ready;
    int finished = 0;
    int bad = 0;
    const auto begin = now_ns();
    const auto until = Clock::now() + std::chrono::seconds(60);
    while (finished < total && bad < 100 && Clock::now() < until) {
        poller.wait(std::chrono::milliseconds(1000), ready);
        for (const auto& event : ready) {
            auto& peer = *static_cast<Peer*>(event.owner);
            if (event.writable && !peer.out.empty()) send_out(poller, peer);
            if (!event.readable) continue;
            const auto got = receive(peer.socket, scratch.data(), scratch.size());
            if (got.moved == Moved::later) continue;
            if (got.moved == Moved::some) peer.in.append(scratch.data(), got.bytes);
            const auto end = peer.in.find("\r\n\r\n");
            const bool whole =
                end != std::string::npos && peer.in.size() - end - 4 >= k_json_answer.size();
            if (!whole && got.moved == Moved::some) continue;
            const bool fine = whole && peer.in.substr(0, 12) == "HTTP/1.1 200" &&
                              peer.in.substr(end + 4) == k_json_answer;
            if (!fine) ++bad;
            times.push_back(static_cast<double>(now_ns() - peer.sent_ns) / 1000);
            ++finished;
            peer.in.clear();
            if (!fine || begun >= total) continue;
            ++begun;
            peer.sent_ns = now_ns();
            peer.out = request;
            send_out(poller, peer);
        }
    }
    const auto seconds = static_cast<double>(now_ns() - begin) / 1e9;
    std::printf("{\"p50_us\":%.1f,\"p99_us\":%.1f,\"per_s\":%.0f,\"bad\":%d}\n",
                percentile(times, 0.5), percentile(times, 0.99), finished / seconds,
                bad + total - finished);
    return 0;
}

std::string large_body(std::size_t bytes, bool name_first) {
    const auto picture = concat(R"("image":")", std::string(bytes, 'A'), '"');
    return name_first ? concat(R"({"model":"friendly",)", picture, "}")
                      : concat("{", picture, R"(,"model":"friendly"})");
}

} // namespace

int main(int argc, char** argv) {
    const auto number = [&](int i) { return argc > i ? std::atoi(argv[i]) : 0; };
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "upstream") return upstream();
    if (what == "streams") return streams(number(2), number(3), number(4), number(5));
    if (what == "json")
        return requests(number(2), number(3), number(4),
                        post("/v1/chat/completions", k_chat + "}"));
    if (what == "body")
        return requests(number(2), 1, number(3),
                        post("/v1/chat/completions",
                             large_body(static_cast<std::size_t>(number(4)),
                                        argc > 5 && std::strcmp(argv[5], "first") == 0)));
    return 2;
}
