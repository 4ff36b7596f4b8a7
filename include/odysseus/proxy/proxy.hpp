// The server that clients speak to: passes requests to llama-server and its answers back, byte for
// byte, with only the model's name rewritten on the way in (docs/proxy.md).
//
// A few threads move all bytes and never block; a few more are started when they are needed for
// what may block (the supervisor's verdict, reading the models folder). A stream therefore costs a
// few thousand bytes and no thread, and a client that goes away is noticed at once.
#pragma once

#include "odysseus/models/model_directory.hpp"
#include "odysseus/models/pull.hpp"
#include "odysseus/proxy/access.hpp"
#include "odysseus/proxy/peer_address.hpp"
#include "odysseus/proxy/peer_view.hpp"
#include "odysseus/server/llama_control.hpp"
#include "odysseus/system/tls.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace odysseus::proxy {

// Everything has a limit. The defaults are those of docs/proxy.md, "Limits".
struct ProxyLimits {
    std::size_t connections_max = 2048; // beyond: 503 with Retry-After
    std::size_t requests_max = 1536;    // in flight to llama-server; beyond: 503 with Retry-After
    std::size_t body_bytes_max = std::size_t{256} << 20;    // of one request; beyond: 413
    std::size_t bodies_bytes_max = std::size_t{1024} << 20; // of all at one time; beyond: 503
    std::chrono::milliseconds head{10'000};                 // from a head's first byte to its last
    std::chrono::milliseconds body_pause{30'000};           // without a byte of a body
    std::chrono::milliseconds idle{75'000};                 // a connection between two requests
    std::chrono::milliseconds write_pause{120'000}; // the client takes nothing of its answer
    std::chrono::milliseconds ready_wait{600'000};  // while llama-server starts
    std::chrono::milliseconds own_question{3'000};  // llama-server's answer to odysseus itself
    std::chrono::milliseconds peer_look{5'000};     // between two looks at a peer
};

struct ProxySettings {
    AccessRules access;
    std::shared_ptr<system::TlsContext> tls; // of the port; null: plain HTTP
    // How many models llama-server holds at once (its --models-max); 0: any number. Requests for
    // another one wait until nobody uses the one that must go.
    std::size_t models_max = 1;
    std::chrono::milliseconds sse_ping{15'000}; // 0: no comments while a stream has not begun
    std::chrono::milliseconds idle_unload{
        0}; // without a request; then models are unloaded; 0: never
    ProxyLimits limits;
    std::vector<PeerAddress> peers; // other machines that answer, too
    bool on_gpu = false;            // for Ollama's clients: where models are
    // How POST /api/pull fetches; empty: it does not. May throw Error.
    std::function<models::PullOptions()> pull_options;
};

// Counted since the start.
struct Traffic {
    std::uint64_t total = 0; // requests for llama-server
    std::uint64_t active = 0;
    std::uint64_t replayed = 0;
    std::uint64_t refused = 0;     // by odysseus: names, keys, limits, bad HTTP
    std::uint64_t hung_up = 0;     // the client left before the end
    std::uint64_t cut = 0;         // llama-server left before the end
    std::uint64_t connections = 0; // open now
    bool idle_unloaded = false;    // nobody asked for some time, so no model is loaded
    std::uint64_t bytes_to_clients = 0;
    std::uint64_t by_class[6] = {}; // answers of 1xx … 5xx, at their first digit
    double first_byte_s = 0;        // sums over the answers that were passed on
    double total_s = 0;
    std::vector<PeerStatus> peers; // now
};

// What work that takes its time is given: where its lines go, and whether anybody still waits.
struct LineWork {
    std::function<void(const std::string& line)> tell; // without its end
    std::function<bool()> unwanted;
};

// All are asked by several threads at a time, and answer at once, but for `pull`.
struct ProxyPages {
    std::function<std::string(const Traffic&)> status_json; // GET /odysseus/status
    // GET /odysseus/log: the lines after this many (log_json); empty: 404
    std::function<std::string(std::uint64_t after)> log_json;
    // Tokens that this model (llama-server's id) has or will have; empty: the same for all.
    std::function<std::int64_t(const std::string& id)> context_of;
    // The context of each model, by id, whether it is loaded or not.
    std::function<std::vector<std::pair<std::string, std::int64_t>>()> contexts;
    // Whether this model (llama-server's id) fits this machine; empty: not known.
    std::function<PeerFit(const std::string& id)> fits_of;
    std::function<std::string()> metrics_text; // more lines for GET /metrics; may be empty
    // GET and POST /odysseus/pull; empty: 404. `pull` blocks until the model is there, and throws
    // Error.
    std::function<std::string()> pull_offer;
    std::function<void(const std::string& name, const LineWork& work)> pull;
};

class Proxy {
  public:
    Proxy(ProxySettings settings, server::LlamaControl& upstream, models::ModelDirectory& models,
          ProxyPages pages);
    ~Proxy(); // cuts what is still there
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    // Binds; clients may connect from now on and are served from start() on. Throws Error: busy
    // when the port is taken. Port 0: any.
    void listen(const std::string& host, int port);
    [[nodiscard]] int port() const;
    // The same once more where Ollama's clients look; GET / tells them that Ollama runs.
    void listen_as_ollama(const std::string& host, int port);
    [[nodiscard]] int ollama_port() const; // 0: it does not
    void start();
    // Takes no new connection, lets requests in flight end within `grace`, cuts the rest, and
    // returns when nothing runs any more.
    void stop(std::chrono::milliseconds grace);

    [[nodiscard]] Traffic traffic() const; // from any thread

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace odysseus::proxy
