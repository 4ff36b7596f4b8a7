// Starts llama-server, keeps it running, and finds the context that holds. One thread owns the
// child and every decision; everybody else asks it. How a failure is judged, how the context is
// reduced and in which order things stop: docs/supervision.md.
#pragma once

#include "odysseus/base/error.hpp"
#include "odysseus/server/ladder.hpp"
#include "odysseus/server/llama_control.hpp"
#include "odysseus/server/model_setups.hpp"
#include "odysseus/server/server_log.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace odysseus::server {

// Every wait has an end.
struct SupervisorLimits {
    using Time = std::chrono::milliseconds;
    Time start{120'000};       // from exec to ready; a first GPU start compiles kernels
    Time ready_poll{250};      // when no log line told us
    Time load{3'600'000};      // one load of one model
    Time settle{50};           // for what a living process said about a failure
    Time evidence{1'500};      // for the router's line about the end of a process
    Time stop_grace{10'000};   // between TERM and KILL when everything ends
    Time restart_grace{2'000}; // ... when it is started again; nobody is served then
    Time health_every{10'000}; // how often a ready server is asked
    Time health_answer{5'000}; // how long it may take to answer
    Time hung_after{30'000};   // no answer and no progress for so long: replaced
    Time leaving{2'000};       // for a model's process that was told to end, but not by its router
    Time free_memory{20'000};  // for a device to have free memory again
    Time free_memory_every{1'000};
    int crashes_max = 5; // of one model within Lifecycle::Limits::window
    Lifecycle::Limits lifecycle;
};

// Everything that is needed to run it, as values.
struct StartSpec {
    std::filesystem::path executable;
    std::filesystem::path guard;     // a program whose main calls guard_main: own_executable()
    std::filesystem::path directory; // llama-server's working directory; empty: ours
    std::filesystem::path log_file;  // empty: none
    std::filesystem::path record;    // of what runs, for the next start; empty: none
    std::vector<std::filesystem::path> needs; // without one of these it is not started
    std::vector<std::string> environment;
    std::function<std::vector<std::string>(std::int64_t context, bool without_gpu, int port)>
        arguments;
    std::string api_key; // empty: none
    int port = 10086;
    bool port_asked_for = false; // a taken port is then an error; else the next free one is used
    std::int64_t context = 0;    // tokens, of the first start
    bool without_gpu = false;    // likewise
    bool uses_gpu = false;       // a GPU was asked for
    SupervisorLimits limits;

    // How each model is run; must outlive the supervisor. Null: all with the same context.
    ModelSetups* setups = nullptr;
    // What no single allocation on this device ("CPU", "CUDA0"...) can exceed, in bytes, where
    // known.
    std::function<std::optional<std::int64_t>(const std::string& device)> memory_ceiling;
    // What is free on this device now, in bytes, where known; for messages.
    std::function<std::optional<std::int64_t>(const std::string& device)> memory_free;
    // The supervision itself failed, and llama-server was ended: nothing will come of this program
    // any more. Called in the supervisor's thread.
    std::function<void(const Error& error)> on_lost;
    // Whether the device that models are loaded on has free memory; it may take seconds to tell.
    // Not called in the supervisor's thread. Absent: it is not known, and not waited for.
    std::function<bool()> has_free_memory;
    // What to add to the last lines of a llama-server that did not start; may be empty.
    std::function<std::string(const std::vector<std::string>& last_lines)> start_advice;
    // One sentence for the user about what happens. Called in the supervisor's thread.
    std::function<void(const std::string& sentence)> notice;
};

class Supervisor final : public LlamaControl {
  public:
    class Core; // its inside, which tests/simulation runs in virtual time

    explicit Supervisor(StartSpec spec);
    ~Supervisor() override; // stops
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    // Begins; returns at once. Once.
    void start();
    // Waits for the first start to come to its end: ready, or why not (with llama-server's last
    // lines). `stopped` is asked meanwhile and ends the wait with what is.
    [[nodiscard]] std::variant<Serving, Error> wait_started(const GaveUp& stopped);

    // These models (ids) are run in another way from now on, by what `setups` says: llama-server is
    // started again if the one that runs is among them, and reads the preset file again if not.
    // `why`: for a request that had to be given up. From any thread; does not wait.
    void setups_changed(std::vector<std::string> models, std::string why);

    // Ends llama-server and all it started; returns when the last process is gone.
    void stop(std::chrono::milliseconds grace);
    void stop(); // with the limit's grace
    // For the second Ctrl-C, from any thread: KILL now; does not wait.
    void kill_now();

    [[nodiscard]] Serving current() const override;
    [[nodiscard]] std::variant<Serving, GiveUp> admit(const std::string& model) override;
    [[nodiscard]] Serving wait_ready(std::chrono::milliseconds limit,
                                     const GaveUp& gave_up) override;
    [[nodiscard]] Verdict report(const Failure& failure, const GaveUp& gave_up) override;

    // The newest lines of llama-server's log, oldest first.
    [[nodiscard]] std::vector<std::string> recent_log(std::size_t most) const;
    // The lines of it after the first `after` ones, as far as they are kept.
    [[nodiscard]] LogTail log_tail(std::uint64_t after) const;
    // What llama-server says it is: "b11669-Debian"; empty before it was ready.
    [[nodiscard]] std::string build() const;

  private:
    std::unique_ptr<Core> m_core;
};

} // namespace odysseus::server
