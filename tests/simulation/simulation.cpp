// The supervisor's decisions, driven by a simulated llama-server in virtual time: seeded, so that
// every failure can be played again. docs/supervision.md says what is checked.
//
//   simulation [--seed N] [--seconds S | --events N | --rounds N] [--trace 1]
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/server/model_setups.hpp"
#include "server/supervisor_core.hpp"
#include "sim_world.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string_view>

namespace simulation {
namespace {

using namespace std::chrono_literals;
using odysseus::concat;
using odysseus::server::Failure;
using odysseus::server::GiveUp;
using odysseus::server::Message;
using odysseus::server::PassOn;
using odysseus::server::Replay;
using odysseus::server::Report;
using odysseus::server::Reported;
using odysseus::server::Serving;
using odysseus::server::StartSpec;
using odysseus::server::State;
using odysseus::server::StopAsked;
using odysseus::server::Supervisor;

constexpr auto k_ready_wait = 10min;     // docs/proxy.md
constexpr auto k_verdict_within = 15min; // of virtual time, whatever happens
constexpr auto k_cause_is_fresh = 10s;
constexpr auto k_calm = 3min; // without faults: longer than every back-off and every grudge

// A request's life as the proxy leads it (src/proxy/session.cpp): wait until llama-server is ready,
// forward, report a failure, send once more.
struct Client {
    enum class Stage { waiting, forwarded, reported, over };
    std::string model;
    Stage stage = Stage::waiting;
    World::Moment since{};
    std::uint64_t generation = 0;
    bool replayed = false;
    std::uint64_t ends = 0; // of its model's processes, when it failed first
    bool gone = false;
    LlamaAnswer answer; // the last one of llama-server
    std::shared_ptr<Report> report;
    std::string end; // "200", "500", "out_of_memory" ...
};
using ClientPointer = std::shared_ptr<Client>;

// Each model has a context of its own; a switch restarts the router.
class Setups final : public odysseus::server::ModelSetups {
  public:
    std::map<std::string, odysseus::memory::Setup> of_model;
    bool shared = false; // several models at once have one context

    [[nodiscard]] bool is_shared() const override { return shared; }
    [[nodiscard]] std::optional<odysseus::memory::Setup>
    of(const std::string& model) const override {
        return of_model.at(model);
    }
    void set(const std::string& model, const odysseus::memory::Setup& setup) override {
        of_model[model] = setup;
        if (!shared) return;
        for (auto& [id, one] : of_model)
            one.context = setup.context;
    }
    [[nodiscard]] std::vector<odysseus::memory::Setup>
    below(const std::string&, const odysseus::memory::Setup&, bool) const override {
        return {};
    }
    [[nodiscard]] std::optional<std::string> refusal(const std::string&) const override {
        return {};
    }
    [[nodiscard]] std::string sentence(const std::string&) const override { return {}; }
    [[nodiscard]] std::string figures(const std::string&) const override { return {}; }
    void held(const std::string&, const odysseus::memory::Setup&,
              std::optional<std::int64_t>) override {}
};

class Round {
  public:
    Round(std::uint64_t seed, std::uint64_t events, bool trace)
        : m_random(seed), m_events_left(events), m_trace(trace) {
        set_up();
    }

    std::uint64_t run() {
        m_core->begin();
        settle();
        // A first start that fails ends the program.
        while (m_core->current().state != State::ready)
            advance();
        m_world->faults = m_faults;
        while (m_events_left > 0) {
            --m_events_left;
            advance();
            if (m_random.chance(120)) new_client();
            if (m_random.chance(4)) hang_up();
            if (m_random.chance(2)) worker_comes_or_goes();
        }
        come_to_rest();
        end();
        return m_done;
    }

  private:
    void set_up();
    void advance();
    void settle();
    void new_client();
    ClientPointer client_of(const std::string& model);
    void hang_up();
    void worker_comes_or_goes();
    void move(const ClientPointer& client);
    [[nodiscard]] bool has_turn(const Client& client) const;
    void give_up(const ClientPointer& client, const GiveUp& in_vain);
    void forward(const ClientPointer& client, const Serving& serving);
    void on_answer(const ClientPointer& client, const LlamaAnswer& answer);
    void on_verdict(const ClientPointer& client);
    void finish(const ClientPointer& client, std::string end);
    void check();
    void check_steps();
    void come_to_rest();
    void ask_all();
    void end();
    void pass(World::Time span);

    Random m_random;
    std::uint64_t m_events_left;
    bool m_trace;
    std::uint64_t m_done = 0;
    Faults m_faults;
    std::vector<ModelTruth> m_models;
    Setups m_setups;
    bool m_several = false;      // models are held at once
    SimWorld* m_world = nullptr; // the core's
    std::unique_ptr<Supervisor::Core> m_core;
    std::vector<ClientPointer> m_clients; // those that are not over
    std::uint64_t m_steps = 0;
    std::uint64_t m_generation = 0;
    std::optional<World::Moment> m_deaf_since; // said to be ready, and nobody listens
};

void Round::set_up() {
    using Kind = ModelTruth::Kind;
    constexpr std::array<std::int64_t, 8> k_holds{1'000'000, 32768, 24576, 16384,
                                                  8192,      4096,  2048,  0};
    constexpr std::array<std::int64_t, 3> k_contexts{32768, 12288, 4096};
    for (const std::string name : {"alpha", "cuda-out of memory", "gamma"}) {
        ModelTruth model{name};
        model.holds = k_holds.at(m_random.below(k_holds.size()));
        model.names_the_size = m_random.chance(500);
        if (m_random.chance(200)) model.silent_deaths = static_cast<int>(m_random.below(3));
        if (m_random.chance(250)) {
            constexpr std::array<Kind, 3> k_kinds{Kind::embedding, Kind::corrupt, Kind::quoting};
            model.kind = k_kinds.at(m_random.below(k_kinds.size()));
        }
        if (model.kind == Kind::quoting) model.holds = 1'000'000;
        m_models.push_back(std::move(model));
    }
    m_several = m_random.chance(300);
    m_setups.shared = m_several;
    auto world = std::make_unique<SimWorld>(m_random, m_models, m_several ? 2 : 1);
    m_world = world.get();
    world->trace = m_trace;
    const auto some = [this](unsigned most) {
        return m_random.chance(500) ? 0U : static_cast<unsigned>(m_random.below(most));
    };
    m_faults = {some(20), some(8),  some(100), some(0 + 1), some(60),
                some(20), some(20), some(200), some(200),   some(100)};
    StartSpec spec;
    spec.context = 32768;
    if (m_random.chance(500)) {
        for (const auto& model : m_models)
            m_setups.set(model.name, {k_contexts.at(m_random.below(k_contexts.size())), {}});
        spec.setups = &m_setups;
    }
    spec.arguments = [](std::int64_t context, bool, int port) {
        return std::vector<std::string>{std::to_string(context), std::to_string(port)};
    };
    spec.notice = [this](const std::string& sentence) { m_world->tell(sentence); };
    m_core = std::make_unique<Supervisor::Core>(std::move(spec), std::move(world));
}

// One event of the world, or one moment that the core waits for.
void Round::advance() {
    ++m_done;
    if (!m_world->step()) {
        auto moment = m_core->next_moment();
        if (const auto event = m_world->next()) moment = std::min(moment, *event);
        m_world->advance_to(moment);
        (void)m_world->step();
    }
    settle();
}

void Round::settle() {
    try {
        do {
            while (!m_world->mail.empty()) {
                auto message = std::move(m_world->mail.front());
                m_world->mail.pop_front();
                m_core->take(message);
                check_steps();
            }
            m_core->take_mail();
            m_core->tick();
            check_steps();
        } while (!m_world->mail.empty());
    } catch (const Violation&) {
        throw;
    } catch (const std::exception& error) {
        throw Violation(concat("the owner died: ", error.what()));
    }
    const auto clients = m_clients;
    for (const auto& client : clients)
        move(client);
    check();
}

// --- clients ------------------------------------------------------------------------------------

ClientPointer Round::client_of(const std::string& model) {
    auto client = std::make_shared<Client>();
    client->model = model;
    client->since = m_world->now();
    m_clients.push_back(client);
    return client;
}

void Round::new_client() {
    if (m_clients.size() >= 12) return;
    move(client_of(m_models[m_random.below(m_models.size())].name));
}

void Round::hang_up() {
    if (m_clients.empty()) return;
    const auto client = m_clients[m_random.below(m_clients.size())];
    client->gone = true;
    finish(client, "gone");
}

// Which one of the models runs in another way since.
void Round::worker_comes_or_goes() {
    auto& models = m_setups.of_model;
    if (models.empty()) return;
    auto model = models.begin();
    std::advance(model, m_random.below(models.size()));
    model->second.placement.worker = !model->second.placement.worker;
    m_core->setups_changed({model->first}, "the worker came or went");
    settle();
}

void Round::move(const ClientPointer& client) {
    if (client->stage == Client::Stage::waiting) {
        if (!has_turn(*client)) return;
        const auto admitted = m_core->admit(client->model);
        if (const auto* in_vain = std::get_if<GiveUp>(&admitted)) {
            give_up(client, *in_vain);
            return;
        }
        const auto& serving = std::get<Serving>(admitted);
        if (serving.state == State::ready) {
            forward(client, serving);
        } else if (serving.state == State::failed || serving.state == State::stopping) {
            finish(client, "503");
        } else if (m_world->now() - client->since > k_ready_wait) {
            finish(client, "504");
        }
    } else if (client->stage == Client::Stage::reported && client->report->verdict) {
        on_verdict(client);
    }
}

// As the proxy's SwitchQueue has it: nobody uses another model meanwhile.
bool Round::has_turn(const Client& client) const {
    return m_several || std::all_of(m_clients.begin(), m_clients.end(), [&](const auto& other) {
               return other->stage == Client::Stage::waiting || other->model == client.model;
           });
}

void Round::give_up(const ClientPointer& client, const GiveUp& in_vain) {
    if (in_vain.code == "out_of_memory" && !m_world->short_of_memory.contains(client->model)) {
        throw Violation(concat("'", client->model, "' is said not to fit: ", in_vain.message));
    }
    finish(client, in_vain.code);
}

void Round::forward(const ClientPointer& client, const Serving& serving) {
    client->stage = Client::Stage::forwarded;
    client->since = m_world->now();
    client->generation = serving.generation;
    m_world->tell(concat("client of '", client->model, "' forwarded"));
    m_world->request(client->model, serving.port, false, [this, client](const LlamaAnswer& answer) {
        if (client->stage == Client::Stage::forwarded) on_answer(client, answer);
    });
}

void Round::on_answer(const ClientPointer& client, const LlamaAnswer& answer) {
    client->answer = answer;
    m_world->tell(concat("client of '", client->model, "' got ", answer.status, " ", answer.body));
    const bool failed = answer.status == 0 || answer.status >= 500;
    if (client->replayed && SimWorld::is_refused(answer) &&
        m_world->ends[client->model] == client->ends) {
        throw Violation(concat("a request of '", client->model,
                               "' was sent once more to the process that had failed it"));
    }
    if (!failed || client->replayed) {
        finish(client, std::to_string(answer.status));
        return;
    }
    const auto state = m_core->current().state; // as Supervisor::report() begins
    if (state == State::stopping || state == State::failed) {
        finish(client, "503");
        return;
    }
    Failure failure{client->generation, client->model, answer.status, answer.body, client->since};
    client->report = std::make_shared<Report>();
    client->report->failure = failure;
    client->ends = m_world->ends[client->model];
    client->report->decide_by = m_world->now() + 1500ms; // SupervisorLimits::evidence
    client->stage = Client::Stage::reported;
    client->since = m_world->now();
    m_world->mail.push_back(Reported{client->report});
}

void Round::on_verdict(const ClientPointer& client) {
    const auto verdict = *client->report->verdict;
    m_world->tell(concat("verdict for '", client->model, "': ", verdict.index()));
    if (std::holds_alternative<Replay>(verdict)) {
        client->replayed = true;
        client->stage = Client::Stage::waiting;
        client->since = m_world->now();
    } else if (const auto* in_vain = std::get_if<GiveUp>(&verdict)) {
        give_up(client, *in_vain);
    } else {
        finish(client, std::to_string(client->answer.status));
    }
}

void Round::finish(const ClientPointer& client, std::string end) {
    if (client->stage == Client::Stage::over) throw Violation("a request ended twice");
    client->stage = Client::Stage::over;
    client->end = std::move(end);
    m_world->tell(concat("client of '", client->model, "' ends: ", client->end));
    std::erase(m_clients, client);
}

// --- what must hold at every moment -------------------------------------------------------------

// Every step down has a cause of its own: memory that was refused, or a silent death, lately.
void Round::check_steps() {
    const auto serving = m_core->current();
    for (; m_steps < serving.oom_steps; ++m_steps) {
        auto& causes = m_world->causes;
        const auto fresh = m_world->now() - k_cause_is_fresh;
        std::erase_if(causes, [&](const auto& cause) { return cause.spent || cause.when < fresh; });
        if (causes.empty()) throw Violation("a step down without a cause of its own");
        causes.front().spent = true;
    }
    if (serving.generation < m_generation) throw Violation("the generation went back");
    m_generation = serving.generation;
    if (serving.context < 2048 || serving.context > 32768) {
        throw Violation(concat("a context of ", serving.context));
    }
}

void Round::check() {
    const auto now = m_world->now();
    for (const auto& client : m_clients) {
        if (client->stage == Client::Stage::reported && now - client->since > k_verdict_within) {
            throw Violation(concat("no verdict for a request of '", client->model, "'"));
        }
    }
    const bool deaf = m_core->current().state == State::ready && !m_world->is_listening();
    if (!deaf) {
        m_deaf_since.reset();
    } else if (!m_deaf_since) {
        m_deaf_since = now;
    } else if (now - *m_deaf_since > 10min) { // a model that loads is given ten times 30 s
        throw Violation("said to be ready, and nobody listens");
    }
}

void Round::pass(World::Time span) {
    const auto end = m_world->now() + span;
    while (m_world->now() < end) {
        if (++m_done > 50'000'000) throw Violation("it does not come to rest");
        advance();
    }
}

// --- when the faults stop -----------------------------------------------------------------------

void Round::come_to_rest() {
    m_world->faults = {};
    pass(12min); // a hung router is found, and every wait has ended
    if (!m_clients.empty()) throw Violation("a request has no end");
    pass(k_calm);
    if (m_core->current().state != State::ready) {
        throw Violation(concat("not ready after the faults: ", m_core->current().reason));
    }
    ask_all();
}

// Without faults every model gives what its truth has.
void Round::ask_all() {
    for (const auto& model : m_models) {
        std::string end;
        for (int attempt = 0; attempt < 3; ++attempt) { // one silent death may be left of the storm
            const auto client = client_of(model.name);
            move(client);
            pass(k_calm);
            end = client->end;
            if (end == "200") break;
        }
        using Kind = ModelTruth::Kind;
        const auto expected = model.kind == Kind::corrupt   ? "model_load_failed"
                              : model.kind == Kind::quoting ? "500"
                              : model.holds < 2048          ? "out_of_memory"
                                                            : "200";
        if (end != expected) {
            throw Violation(concat("'", model.name, "' (holds ", model.holds, ") ends in ", end,
                                   " instead of ", expected));
        }
    }
}

void Round::end() {
    new_client();
    m_world->mail.push_back(StopAsked{10s});
    settle();
    for (int i = 0; i < 100'000 && !m_core->has_ended(); ++i)
        advance();
    if (!m_core->has_ended()) throw Violation("it does not stop");
    pass(1min);
    if (m_world->has_child()) throw Violation("llama-server stays behind");
    if (!m_clients.empty()) throw Violation("a request outlives the stop");
}

// --- the program --------------------------------------------------------------------------------

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t events = 2000; // a round, before it comes to rest
    std::uint64_t rounds = 0;    // 0: as many as the time allows
    std::uint64_t total = 0;     // events; 0: as many as the time allows
    double seconds = 10;
    bool trace = false;
};

Options options_from(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        if (name == "--seed") options.seed = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--trace") options.trace = true;
        if (name == "--rounds") options.rounds = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--events") options.total = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--seconds") options.seconds = std::strtod(argv[i + 1], nullptr);
    }
    return options;
}

int run(const Options& options) {
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
    std::uint64_t events = 0;
    std::uint64_t rounds = 0;
    const auto goes_on = [&] {
        if (options.rounds > 0) return rounds < options.rounds;
        if (options.total > 0) return events < options.total;
        return spent() < options.seconds;
    };
    for (; goes_on(); ++rounds) {
        const auto seed = options.seed + rounds;
        try {
            events += Round(seed, options.events, options.trace).run();
        } catch (const Violation& violation) {
            std::printf("violated: %s\nplay it again: simulation --seed %llu --rounds 1\n",
                        violation.what(), static_cast<unsigned long long>(seed));
            return 1;
        }
    }
    std::printf("seeds %llu to %llu: %llu events in %.1f s, nothing violated\n",
                static_cast<unsigned long long>(options.seed),
                static_cast<unsigned long long>(options.seed + rounds - 1),
                static_cast<unsigned long long>(events), spent());
    return 0;
}

} // namespace
} // namespace simulation

int main(int argc, char** argv) {
    odysseus::log::set_up(odysseus::log::Level::off, odysseus::log::Format::text, std::nullopt);
    return simulation::run(simulation::options_from(argc, argv));
}
