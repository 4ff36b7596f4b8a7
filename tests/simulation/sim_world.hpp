// A llama-server and the machine under it, as a value in virtual time: it loads, serves, runs out
// of memory, dies, hangs, lies and quotes its clients, as the seed has it. What it does wrong it
// writes down, so that the checks know the truth that the supervisor can only infer.
#pragma once

#include "random.hpp"
#include "server/world.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace simulation {

using odysseus::server::LlamaAddress;
using odysseus::server::LlamaAnswer;
using odysseus::server::LogFact;
using odysseus::server::Message;
using odysseus::server::Readiness;
using odysseus::server::World;

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What a model really needs, which nobody tells the supervisor.
struct ModelTruth {
    enum class Kind {
        plain,     // holds with `holds` tokens and less
        embedding, // so too, and answers 501 to a completion
        corrupt,   // fails to load, and says why
        quoting,   // answers every request with a 500 that quotes it
    };
    std::string name;
    Kind kind = Kind::plain;
    std::int64_t holds = 0;     // tokens; 0: not even the lowest rung
    int silent_deaths = 0;      // so many loads end without a word first
    bool names_the_size = true; // the refused allocation tells how much was asked for
};

// Chances in a thousand, per occasion.
struct Faults {
    unsigned router_dies = 0;   // at a request
    unsigned router_hangs = 0;  // at a request
    unsigned start_fails = 0;   // the program cannot be started
    unsigned start_dies = 0;    // it ends before it listens
    unsigned crash = 0;         // of a model's process at a request
    unsigned kernel_kill = 0;   // for memory, at a request
    unsigned alive_memory = 0;  // an allocation is refused at a request, and the process lives on
    unsigned survived_line = 0; // a line about memory that means nothing
    unsigned quoted_line = 0;   // a client's text about memory in the log
    unsigned slow_line = 0;     // the log comes late
};

class SimWorld final : public World {
  public:
    using Answered = std::function<void(const LlamaAnswer&)>;

    // Holds so many models at once.
    SimWorld(Random& random, std::vector<ModelTruth> models, std::size_t models_max);

    // --- for the simulation ------------------------------------------------------------------
    Faults faults;
    bool trace = false; // prints what happens
    void tell(const std::string& what) const;
    [[nodiscard]] bool step();                        // the next event; false: nothing is due
    [[nodiscard]] std::optional<Moment> next() const; // when
    void advance_to(Moment moment);
    std::deque<Message> mail;
    // A request of a client, or a proof; `answered` is called once, later.
    void request(const std::string& model, int port, bool proof, Answered answered);
    void at(Time delay, std::function<void()> work);
    [[nodiscard]] bool is_listening() const;
    [[nodiscard]] std::int64_t running_context() const { return m_router ? m_router->context : 0; }
    // When memory was truly refused, or a process died without a word: what may cost a step.
    struct Cause {
        Moment when;
        bool spent = false;
    };
    std::vector<Cause> causes;
    std::map<std::string, std::uint64_t> ends; // of each model's processes, by themselves
    // Sent to a process that had ended.
    [[nodiscard]] static bool is_refused(const LlamaAnswer& answer);
    std::set<std::string> short_of_memory; // models that were truly refused memory, ever

    // --- World -------------------------------------------------------------------------------
    [[nodiscard]] Moment now() const override { return m_now + m_waited; }
    [[nodiscard]] bool exists(const std::filesystem::path&) const override { return true; }
    [[nodiscard]] std::optional<int> next_free_port(int from) const override { return from; }
    void start_child(const odysseus::system::ChildSpec& spec, std::uint64_t generation) override;
    [[nodiscard]] bool has_child() const override { return m_router != nullptr; }
    [[nodiscard]] std::int64_t child_pid() const override { return m_router ? m_router->pid : 0; }
    void child_is_ready() override {}
    void stop_child(Time grace) override;
    void delete_child() override;
    void send(Task task, std::function<Message()> work) override;
    [[nodiscard]] Readiness check_readiness(const LlamaAddress& address, std::int64_t pid) override;
    [[nodiscard]] LlamaAnswer get(const LlamaAddress& address, const std::string& path,
                                  Time limit) override;
    [[nodiscard]] LlamaAnswer prove(const LlamaAddress& address, const std::string& model,
                                    Time limit) override;
    [[nodiscard]] std::optional<std::int64_t> group_cpu_ms(std::int64_t) const override {
        return 0;
    }
    [[nodiscard]] std::optional<std::int64_t> memory_kills() const override { return m_kills; }
    [[nodiscard]] std::optional<std::int64_t> memory_ceiling() const override { return {}; }
    [[nodiscard]] std::optional<std::int64_t> memory_free() const override { return {}; }
    [[nodiscard]] std::optional<std::int64_t> address_space_limit(std::int64_t) const override {
        return {};
    }

  private:
    struct Waiting {
        bool proof = false;
        Answered answered;
    };
    struct Process {
        std::string model;
        int port = 0;
        bool loaded = false;
        bool alive = true;
        bool taken_for_alive = false; // by the router, which has not seen yet that it ended
        std::vector<Waiting> waiting; // for the load, or for their answers
    };
    struct Router {
        std::uint64_t generation = 0;
        std::int64_t pid = 0;
        int port = 0;
        std::int64_t context = 0;
        bool alive = true;
        bool listening = false;
        bool hung = false;
        bool ending = false;
        std::vector<std::shared_ptr<Process>> processes;   // at most m_models_max
        std::deque<std::pair<std::string, Waiting>> queue; // until the present one is free
        std::vector<Answered> stuck;                       // nobody will answer them
        Moment last_line{};
    };
    using RouterPointer = std::shared_ptr<Router>;
    using ProcessPointer = std::shared_ptr<Process>;
    struct Event {
        Moment when;
        std::uint64_t number;
        std::function<void()> work;
        bool operator<(const Event& other) const { // the earliest is the top of the heap
            return when != other.when ? when > other.when : number > other.number;
        }
    };

    ModelTruth& truth(const std::string& name);
    void say(const RouterPointer& router, const std::string& line);
    void say_model(const RouterPointer& router, const ProcessPointer& process,
                   const std::string& line);
    void turn(const RouterPointer& router);
    [[nodiscard]] bool make_room(const RouterPointer& router);
    ProcessPointer begin_load(const RouterPointer& router, const std::string& model);
    void end_load(const RouterPointer& router, const ProcessPointer& process);
    void refuse_memory(const RouterPointer& router, const ProcessPointer& process);
    void serve(const RouterPointer& router, const ProcessPointer& process, Waiting waiting);
    void finish(const RouterPointer& router, const ProcessPointer& process, Waiting waiting);
    void end_process(const RouterPointer& router, const ProcessPointer& process, int status,
                     const LlamaAnswer& answer);
    void end_router(const RouterPointer& router, int code);
    void answer(const Answered& whom, LlamaAnswer what, Time delay);
    Time within(std::int64_t least_ms, std::int64_t most_ms);

    Random& m_random;
    std::vector<ModelTruth> m_models;
    std::size_t m_models_max = 1;
    Moment m_now{std::chrono::hours(1)};
    Time m_waited{0}; // by a question that is being asked
    std::uint64_t m_number = 0;
    std::priority_queue<Event> m_events;
    RouterPointer m_router;
    std::int64_t m_next_pid = 100;
    int m_next_port = 30'000;
    std::int64_t m_kills = 0;
    std::optional<LlamaAnswer> m_proof_answer; // for the work that is done again with it
    std::unordered_map<std::string, LogFact> m_classified;
};

} // namespace simulation
