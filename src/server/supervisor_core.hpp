// The supervisor's inside. Members without a note belong to the owner thread alone.
#pragma once

#include "odysseus/server/ladder.hpp"
#include "odysseus/server/llama_client.hpp"
#include "odysseus/server/model_processes.hpp"
#include "odysseus/server/server_log.hpp"
#include "odysseus/server/supervisor.hpp"
#include "supervisor_messages.hpp"
#include "world.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace odysseus::server {

class Supervisor::Core {
  public:
    using Clock = std::chrono::steady_clock;
    using Moment = Clock::time_point;
    using Time = std::chrono::milliseconds;

    explicit Core(StartSpec spec); // in the real world
    // In a world of one thread: the caller runs the owner by begin(), take() and tick().
    Core(StartSpec spec, std::unique_ptr<World> world);
    ~Core();

    // From any thread.
    void start();
    void stop(Time grace);
    void stop();
    void kill_now();
    [[nodiscard]] Serving current() const;
    [[nodiscard]] std::variant<Serving, GiveUp> admit(const std::string& model);
    [[nodiscard]] Serving wait_ready(Time limit, const GaveUp& gave_up);
    [[nodiscard]] Verdict report(const Failure& failure, const GaveUp& gave_up);
    void setups_changed(std::vector<std::string> models, std::string why);
    [[nodiscard]] std::optional<Error> start_trouble() const;
    [[nodiscard]] std::vector<std::string> recent_log(std::size_t most) const;
    [[nodiscard]] LogTail log_tail(std::uint64_t after) const;
    [[nodiscard]] std::string build() const;

    // The owner's steps, for the thread that runs it; run() is begin() and then the other two.
    void begin();
    void take(Message& message);
    void take_mail(); // all that was posted
    void tick();      // what is due
    [[nodiscard]] Moment next_moment() const;
    [[nodiscard]] bool has_ended() const { return m_stopped; }

  private:
    static constexpr std::size_t k_mailbox_max = 10'000;

    void post(Message message);

    // --- owner thread: supervisor.cpp -------------------------------------------------------
    void run();
    void tell_lost(const Error& error);
    [[nodiscard]] Lifecycle::Time since_start() const;

    void act(const Lifecycle::Action& action);
    void act_start(const Lifecycle::StartAt& start);
    void act_serve();
    void act_fail(const Lifecycle::Fail& fail);

    // --- owner thread: supervisor_child.cpp -------------------------------------------------
    void launch();
    void check_needs() const;
    void launch_failed(const Error& error);
    [[nodiscard]] int choose_port() const;
    void delete_child();

    void on_lines(const Lines& lines);
    void on_fact(const LogFact& fact);
    void on_ended(const Ended& ended);
    void on_gone();
    void unplanned_end(std::string reason);

    // --- owner thread: supervisor_health.cpp ------------------------------------------------
    void check_readiness_soon(Moment at);
    void on_checked(const Checked& checked);
    void examine();
    void on_examined(const Examined& examined);
    void watch_model(const LogFact& fact);
    void on_gpu_unused(const LogFact& fact);
    void look_for_stuck_processes();

    void publish(State state, std::string reason);
    void republish(); // the numbers beside an unchanged state
    // --- owner thread: supervisor_notices.cpp, what a person at the terminal is told ----------
    void notice(const std::string& sentence) const;
    void tell_end(std::string_view what);
    void tell_failing(std::chrono::seconds retry_in);
    void tell_running_again(bool for_a_while);
    void tell_model_end(const ModelProcess& process);
    void tell_model_again(const LogFact& loaded);
    [[nodiscard]] LlamaAddress address() const;

    // --- supervisor_switch.cpp --------------------------------------------------------------
    [[nodiscard]] static bool needs_switch(const std::optional<memory::Setup>& setup,
                                           const Serving& serving);
    [[nodiscard]] std::optional<Verdict> hopeless_verdict(const std::string& model);
    void give_up(const std::string& model, const Verdict& verdict);
    [[nodiscard]] bool climb(const std::string& model);
    void on_switch_asked(const SwitchAsked& asked);
    void on_setups_changed(const SetupsChanged& changed);
    void read_presets_again();
    [[nodiscard]] memory::Setup setup_of(const std::string& model) const;
    [[nodiscard]] bool write_setup(const std::string& model, const memory::Setup& setup) const;

    // --- owner thread: supervisor_recovery.cpp ----------------------------------------------
    void on_reported(const ReportPointer& file);
    void settle_cases(); // those whose evidence is in, or whose time is up
    [[nodiscard]] bool try_settle(const ReportPointer& file, Moment now);
    struct Judged {
        std::size_t ends = 0; // of the model's processes, when it was judged
        Moment when;
        Verdict verdict;
    };
    [[nodiscard]] bool is_of_judged_end(const Failure& failure, const Judged& judged,
                                        Moment now) const;
    [[nodiscard]] bool judge_case(const ReportPointer& file); // false: what it does is under way
    [[nodiscard]] Verdict last_verdict(const Failure& failure, const OomVerdict& verdict);
    void replace_lost_device(const std::string& reason);
    [[nodiscard]] OomVerdict judge_answer(const Failure& failure);
    [[nodiscard]] const ModelProcess* process_of(const Failure& failure) const;
    [[nodiscard]] bool waits_for_evidence(const Failure& failure) const;
    [[nodiscard]] Verdict other_cause_verdict(const Failure& failure, const OtherCause& cause);
    [[nodiscard]] bool has_fresh_end(const std::string& model) const;
    [[nodiscard]] bool seems_alive(const std::string& model) const;
    void conclude(Report& file, Verdict verdict);
    void conclude_all(const Verdict& verdict); // everyone who waits
    // One model's way to a setup that holds: down the ladder, then off the GPU.
    struct Descent {
        ContextReduction ladder;
        memory::Setup origin;
        memory::Setup trying;
        std::optional<std::deque<memory::Setup>>
            placements; // what is left to try, below the ladder
        std::size_t placements_tried = 0;
    };
    void begin_reduction(const ReportPointer& file, const OomVerdict& verdict);
    void next_descent();
    void remember(const Descent& descent) const;
    void walk(const ContextReduction::Step& step);
    void end_as_not_memory(const std::string& reason);
    [[nodiscard]] bool place_lower(const OutOfMemory& last);
    void placement_failed(const OomVerdict& verdict);
    void try_setup(const memory::Setup& setup);
    void prove();
    void look_for_memory();
    void on_memory_looked(const MemoryLooked& looked);
    void on_proved(const Proved& proved);
    void judge_proof();
    enum class Outcome {
        held,   // the model answered: the context is remembered
        serves, // it has loaded, and fails for another reason: the context stays, for now
        failed, // the context goes back
    };
    void end_reduction(const Verdict& verdict, Outcome outcome);
    void go_back(const Descent& descent);
    [[nodiscard]] bool is_same_failure(const LlamaAnswer& answer) const;
    [[nodiscard]] bool crashes_too_often(const std::string& model);
    [[nodiscard]] std::optional<std::int64_t> ceiling(const OomVerdict& verdict) const;
    [[nodiscard]] bool killed_for_memory();
    [[nodiscard]] Verdict exhausted_verdict(const OutOfMemory& last) const;
    [[nodiscard]] std::string free_text(const OutOfMemory& last) const;
    [[nodiscard]] Verdict failed_verdict() const;

    const StartSpec m_spec;
    ServerLog m_log; // thread-safe

    std::mutex m_mail_mutex;
    std::condition_variable m_mail_came;
    std::deque<Message> m_mail; // by m_mail_mutex

    mutable std::mutex m_state_mutex;
    std::condition_variable m_state_changed;
    Serving m_serving;              // by m_state_mutex
    bool m_without_gpu = false;     // what llama-server is started with
    std::string m_build;            // by m_state_mutex
    std::optional<Error> m_trouble; // by m_state_mutex: why the first start failed

    Lifecycle m_lifecycle;
    ModelProcesses m_processes;
    bool m_ending_child = false; // its end is our wish
    bool m_stopped = false;
    bool m_setups_changed = false; // while it was not serving
    bool m_bind_failed = false;
    int m_races_lost = 0;    // for the port, in a row
    std::string m_bind_line; // what llama-server said about it
    int m_port = 0;
    std::string m_end_reason; // why the child is being ended, when it is no plan
    std::optional<Moment> m_launch_at;
    std::optional<Moment> m_start_limit;
    std::optional<Moment> m_check_at;
    bool m_checking = false;
    std::optional<Moment> m_due_at;
    std::optional<Moment> m_examine_at;
    bool m_examining = false;
    std::optional<Moment> m_silent_since; // of a server that does not answer and does nothing
    std::optional<std::int64_t> m_silent_cpu_ms;
    std::uint64_t m_lines_seen = 0;
    std::uint64_t m_silent_lines = 0;
    std::optional<Moment> m_look_for_stuck_at;
    int m_spawns_failed = 0; // in a row
    Moment m_began;
    std::optional<std::int64_t> m_memory_kills; // counted when the server was started
    std::uint64_t m_restarts = 0;
    std::uint64_t m_oom_steps = 0;
    std::string m_gpu_unused; // why; empty: it is used, or none was asked for
    bool m_gpu_unused_told = false;
    std::uint64_t m_lines_before = 0;  // of the log, when the present llama-server was started
    bool m_end_told = false;           // ... and not yet that it is running again
    bool m_failing_told = false;       // likewise
    std::set<std::string> m_ends_told; // models whose process ended, and is not loaded again yet

    std::vector<ReportPointer> m_cases; // waiting for evidence
    std::optional<Descent> m_descent;
    std::vector<ReportPointer> m_descent_waiters;
    struct Queued { // memory too, but of another model: its turn comes after this descent
        ReportPointer file;
        OomVerdict verdict;
    };
    std::vector<Queued> m_descent_queue;
    std::uint64_t m_errand_number = 0;
    std::uint64_t m_proof = 0;                 // the errand that proves; 0: none under way
    std::optional<LlamaAnswer> m_proof_failed; // its evidence is being waited for
    Moment m_proof_by;
    std::optional<Moment> m_prove_at; // the router had no room for it: once more then
    Moment m_proof_began;
    std::optional<Moment> m_memory_by; // the device's free memory is waited for, at most so long
    std::map<std::string, Judged> m_judged;   // per model, in this generation
    std::map<std::string, Judged> m_hopeless; // by m_state_mutex; per model: nothing held, or it
                                              // was not memory
    bool m_descending = false;                // by m_state_mutex: m_descent is there
    std::map<std::string, std::deque<Moment>> m_crashes;

    std::unique_ptr<World> m_world;
    std::thread m_owner;
};

} // namespace odysseus::server
