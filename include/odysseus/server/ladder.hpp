// The context ladder, and the two state machines that walk it: `Lifecycle` decides over starts of
// llama-server, `ContextReduction` over one model's way down after a memory failure. Both are plain
// values without clocks or processes; the supervisor feeds them events and does what they say.
//
// clang-format off
//   phase       ready                    memory failure     exit                           late       stop
//   starting    serving                  -                  failed (it never ran)          failed     stopping
//   serving     -                        restarting, lower  restarting, same context       -          stopping
//   restarting  proving, if a model is   -                  restarting, after a delay;     as exit    stopping
//               to be proved; else                          failed after k in t
//               serving
//   proving     serving (it holds)       restarting, lower  as restarting                  -          stopping
//   failed      -                        -                  -                              -          stopping
//               when its time comes: restarting
// clang-format on
//
// Every start has a number, the generation. A report about an old one changes nothing: somebody has
// acted on it already.
#pragma once

#include "odysseus/memory/context_choice.hpp"
#include "odysseus/server/oom_verdict.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace odysseus::server {

// The next rung that is not certainly too large. `asked_bytes` is one allocation that was refused
// at `present_tokens`; it is taken to shrink with the context, and a rung is passed over only when
// its share alone is more than `ceiling_bytes`, which no allocation can exceed. The last rung is
// never passed over: what was refused need not shrink with the context at all.
[[nodiscard]] std::optional<std::int64_t>
rung_that_can_hold(std::int64_t present_tokens, std::optional<std::int64_t> asked_bytes,
                   std::optional<std::int64_t> ceiling_bytes);

class ContextReduction {
  public:
    ContextReduction(std::string model, std::int64_t context);

    struct Try { // load the model with this context, which may be the same once more
        std::int64_t context = 0;
    };
    struct Exhausted { // it is memory, and no rung holds
        OutOfMemory last;
    };
    struct NotMemory { // or not memory any more; the context goes back
        std::string reason;
    };
    using Step = std::variant<Try, Exhausted, NotMemory>;

    // The model failed with the present context.
    [[nodiscard]] Step failed(const OomVerdict& verdict, std::optional<std::int64_t> ceiling_bytes);

    [[nodiscard]] const std::string& model() const { return m_model; }
    [[nodiscard]] std::int64_t origin() const { return m_origin; }   // where it began
    [[nodiscard]] std::int64_t context() const { return m_context; } // where it is
    [[nodiscard]] bool on_suspicion() const {
        return m_on_suspicion;
    } // the last failure was silent
    // The last failure was for want of free memory, and the first of its kind: the same context is
    // to be tried once more when the device has some.
    [[nodiscard]] bool waits_for_memory() const { return m_waits && m_tried.back() == m_context; }
    [[nodiscard]] const std::vector<std::int64_t>& tried() const { return m_tried; }
    [[nodiscard]] const std::optional<OutOfMemory>& first_failure() const { return m_first; }

  private:
    Step step_to(std::optional<std::int64_t> rung, Step otherwise);
    Step out_of_memory(const OutOfMemory& memory, std::optional<std::int64_t> ceiling_bytes);

    std::string m_model;
    std::int64_t m_origin;
    std::int64_t m_context;
    bool m_on_suspicion = false;
    bool m_waits = false;
    std::vector<std::int64_t> m_tried;
    std::optional<OutOfMemory> m_first;
};

class Lifecycle {
  public:
    using Time = std::chrono::milliseconds; // since whenever, never going back

    struct Limits {
        int failures_max = 5; // unplanned ends within `window`; one more: failed
        Time window{60'000};
        Time delay_first{250};  // before the second restart in a row; doubles
        Time cool_down{10'000}; // failed for so long, then tried again
    };
    enum class Phase { starting, serving, restarting, proving, failed, stopping };

    // What to do.
    struct Nothing {};
    struct StartAt { // end what runs, then start llama-server after `delay`
        std::int64_t context = 0;
        std::uint64_t generation = 0;
        Time delay{0};
    };
    struct Prove {}; // load the model that failed
    struct Serve {};
    struct Fail {
        std::optional<Time> retry_in; // absent: for good (it never ran)
    };
    struct Stop {};
    using Action = std::variant<Nothing, StartAt, Prove, Serve, Fail, Stop>;

    Lifecycle(std::int64_t context, Limits limits) : m_limits(limits), m_context(context) {}

    [[nodiscard]] Phase phase() const { return m_phase; }
    [[nodiscard]] std::uint64_t generation() const { return m_generation; }
    [[nodiscard]] std::int64_t context() const { return m_context; }

    [[nodiscard]] Action start();
    [[nodiscard]] Action ready(bool model_to_prove);
    [[nodiscard]] Action held(); // the model to prove has loaded, or will not be waited for
    // Somebody saw a failure in `generation` that another context cures.
    [[nodiscard]] Action step(std::uint64_t generation, std::int64_t context);
    [[nodiscard]] Action exited(Time now); // unplanned; a start that takes too long counts as one
    [[nodiscard]] Action due();            // the time of Fail::retry_in has come
    [[nodiscard]] Action stop();

  private:
    StartAt start_again(std::int64_t context, Time delay);

    Limits m_limits;
    Phase m_phase = Phase::starting;
    std::uint64_t m_generation = 0;
    std::int64_t m_context;
    bool m_has_served = false;
    std::deque<Time> m_failures;
};

} // namespace odysseus::server
