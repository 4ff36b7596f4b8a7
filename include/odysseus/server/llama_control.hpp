// What the proxy may ask of the supervisor: nothing else passes between the two.
// Every start of llama-server has a number, its generation. The proxy notes it before it forwards a
// request and names it with a failure, so that two failures at one time cost one step of the ladder
// (docs/supervision.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace odysseus::server {

enum class State { starting, ready, restarting, stopping, failed };
[[nodiscard]] const char* state_name(State state);

// One published state of affairs; a copy, never changed in place.
struct Serving {
    State state = State::starting;
    std::uint64_t generation = 0; // counts starts of llama-server, from 1
    int port = 0;                 // of llama-server, on 127.0.0.1
    std::int64_t pid = 0;         // of llama-server; 0: none
    std::int64_t context = 0;     // tokens
    std::string model;            // that was admitted last; empty: none yet
    bool without_gpu = false;     // started for a model that runs on the CPU alone
    std::string api_key;          // what llama-server expects; empty: none
    std::string reason;           // why it is not ready, as a sentence
    std::chrono::seconds retry_after{1};
    std::uint64_t restarts = 0; // unplanned ones
    std::uint64_t oom_steps = 0;
    std::string gpu_unused; // why a GPU that was asked for is not used; empty: it is
};

// A request that llama-server did not answer well, before a byte of an answer went to the client.
struct Failure {
    std::uint64_t generation = 0;
    std::string model;                             // llama-server's id
    int status = 0;                                // 0: the connection broke
    std::string body;                              // at most the first 64 KiB
    std::chrono::steady_clock::time_point began{}; // when it was sent to llama-server
    enum class Stage {
        first, // it can be sent once more
        again, // it was; what is asked for is the reason
        begun, // the client has a part of the answer; the same
    };
    Stage stage = Stage::first;
};

struct Replay {}; // the cause is gone: wait_ready, then send the request once more
struct PassOn {
}; // not a failure that the supervisor can cure: the client gets llama-server's own answer
struct GiveUp { // cured in vain: the client gets this
    int status = 503;
    std::string code;
    std::string message;
    std::optional<std::chrono::seconds> retry_after;
};
using Verdict = std::variant<Replay, PassOn, GiveUp>;

// Asked while waiting: true when the client has gone, so that the wait can end early.
using GaveUp = std::function<bool()>;

// Thread-safe.
class LlamaControl {
  public:
    virtual ~LlamaControl() = default;
    [[nodiscard]] virtual Serving current() const = 0;
    // As current(), for a request that needs this model: not ready while llama-server has to be
    // started again for it, which begins with the first question. GiveUp: it cannot be had now.
    [[nodiscard]] virtual std::variant<Serving, GiveUp> admit(const std::string& model) {
        (void)model;
        return current();
    }
    // Returns when the state is ready, failed or stopping, when `limit` has passed, or when the
    // client gave up.
    [[nodiscard]] virtual Serving wait_ready(std::chrono::milliseconds limit,
                                             const GaveUp& gave_up) = 0;
    // Returns when the cause is cured (the lower context holds the model), or is known not to be
    // curable.
    [[nodiscard]] virtual Verdict report(const Failure& failure, const GaveUp& gave_up) = 0;
};

} // namespace odysseus::server
