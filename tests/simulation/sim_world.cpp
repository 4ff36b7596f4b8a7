#include "sim_world.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>
#include <cstdio>

namespace simulation {

using odysseus::concat;
using odysseus::server::AllGone;
using odysseus::server::Ended;
using odysseus::server::Lines;
using odysseus::server::NotYet;
using odysseus::server::Ready;

namespace {

constexpr std::int64_t k_bytes_per_token = 1'000'000;

struct AskAgain { // a proof: the work is done once more when its answer is there
    std::string model;
    int port = 0;
};

LlamaAnswer error_answer(int status, const std::string& message) {
    return {status, concat(R"({"error":{"code":)", status, R"(,"message":")", message,
                           R"(","type":"server_error"}})")};
}

LlamaAnswer load_failure(const std::string& model) {
    return error_answer(500, concat("model name=", model, " failed to load"));
}

const LlamaAnswer k_broken{
    500,
    R"({"error":{"code":500,"message":"proxy error: Failed to read connection","type":"server_error"}})"};
const LlamaAnswer k_refused{
    500,
    R"({"error":{"code":500,"message":"proxy error: Could not establish connection","type":"server_error"}})"};
// What a client wrote comes back in the answer: words of memory that are no evidence.
const LlamaAnswer k_quoting{
    500,
    R"({"error":{"code":500,"message":"failed to parse grammar: CUDA error: out of memory, failed to allocate","type":"server_error"}})"};

} // namespace

SimWorld::SimWorld(Random& random, std::vector<ModelTruth> models, std::size_t models_max)
    : m_random(random), m_models(std::move(models)), m_models_max(models_max) {}

World::Time SimWorld::within(std::int64_t least_ms, std::int64_t most_ms) {
    const auto span = static_cast<std::uint64_t>(most_ms - least_ms + 1);
    return Time(least_ms + static_cast<std::int64_t>(m_random.below(span)));
}

ModelTruth& SimWorld::truth(const std::string& name) {
    const auto found = std::find_if(m_models.begin(), m_models.end(),
                                    [&](const auto& model) { return model.name == name; });
    if (found == m_models.end()) throw Violation(concat("asked for a model that is not: ", name));
    return *found;
}

void SimWorld::tell(const std::string& what) const {
    if (!trace) return;
    const auto ms = std::chrono::duration_cast<Time>(m_now.time_since_epoch()).count();
    std::printf("%9lld %s\n", static_cast<long long>(ms - 3'600'000), what.c_str());
}

// --- time ---------------------------------------------------------------------------------------

void SimWorld::at(Time delay, std::function<void()> work) {
    m_events.push({m_now + delay, ++m_number, std::move(work)});
}

std::optional<World::Moment> SimWorld::next() const {
    if (m_events.empty()) return std::nullopt;
    return m_events.top().when;
}

void SimWorld::advance_to(Moment moment) {
    m_now = std::max(m_now, moment);
}

bool SimWorld::step() {
    if (m_events.empty() || m_events.top().when > m_now) return false;
    auto work = m_events.top().work;
    m_events.pop();
    work();
    return true;
}

// --- the router ---------------------------------------------------------------------------------

void SimWorld::start_child(const odysseus::system::ChildSpec& spec, std::uint64_t generation) {
    if (m_router) throw Violation("a second router was started beside the first");
    if (m_random.chance(faults.start_fails)) {
        throw odysseus::Error(odysseus::Fault::server, "starting llama-server: out of processes");
    }
    auto router = std::make_shared<Router>();
    router->generation = generation;
    router->pid = ++m_next_pid;
    router->context = std::stoll(spec.arguments.at(0));
    router->port = std::stoi(spec.arguments.at(1));
    router->last_line = m_now;
    m_router = router;
    tell(concat("start ", generation, " with ", router->context));
    if (m_random.chance(faults.start_dies)) {
        at(within(1, 400), [this, router] { end_router(router, 1); });
        return;
    }
    at(within(5, 60), [this, router] {
        if (!router->alive) return;
        router->listening = true;
        say(router, concat("0.00.031.762 I srv  llama_server: listening on http://127.0.0.1:",
                           router->port));
    });
}

bool SimWorld::is_listening() const {
    return m_router && m_router->alive && m_router->listening && !m_router->hung;
}

void SimWorld::stop_child(Time grace) {
    if (!m_router || !m_router->alive) return;
    tell(concat("stop asked, grace ", grace.count(), " ms"));
    const bool first = !m_router->ending;
    m_router->ending = true;
    if (!first && grace > Time(0)) return;
    const auto longest = std::max<std::int64_t>(1, m_router->hung ? grace.count() : 80);
    at(within(0, std::min<std::int64_t>(longest, std::max<std::int64_t>(1, grace.count()))),
       [this, router = m_router] { end_router(router, 0); });
}

void SimWorld::delete_child() {
    if (m_router && m_router->alive) end_router(m_router, 9);
    m_router.reset();
}

void SimWorld::end_router(const RouterPointer& router, int code) {
    if (!router->alive) return;
    router->alive = false;
    tell(concat("llama-server ends with code ", code));
    const LlamaAnswer cut{0, "the connection broke"};
    for (const auto& process : router->processes) {
        process->alive = false;
        for (const auto& waiting : process->waiting)
            answer(waiting.answered, cut, within(0, 5));
        process->waiting.clear();
    }
    for (const auto& [model, waiting] : router->queue)
        answer(waiting.answered, cut, within(0, 5));
    for (const auto& stuck : router->stuck)
        answer(stuck, cut, within(0, 5));
    router->queue.clear();
    router->stuck.clear();
    // All that was said comes before the end.
    const auto behind =
        std::chrono::duration_cast<Time>(std::max(router->last_line, m_now) - m_now) + Time(1);
    at(behind, [this, router, code] { mail.push_back(Ended{router->generation, {code, 0}}); });
    at(behind + within(1, 30), [this, router] { mail.push_back(AllGone{router->generation}); });
}

void SimWorld::say(const RouterPointer& router, const std::string& line) {
    const auto delay = m_random.chance(faults.slow_line) ? within(20, 900) : within(0, 2);
    router->last_line = std::max(router->last_line, m_now + delay);
    auto found = m_classified.find(line);
    if (found == m_classified.end()) {
        found = m_classified.emplace(line, odysseus::server::classify(line)).first;
    }
    const auto wait = std::chrono::duration_cast<Time>(router->last_line - m_now);
    at(wait, [this, router, fact = &found->second] {
        Lines lines{router->generation, {*fact}};
        lines.facts.front().at = m_now;
        tell(fact->text);
        mail.push_back(std::move(lines));
    });
}

void SimWorld::say_model(const RouterPointer& router, const ProcessPointer& process,
                         const std::string& line) {
    say(router, concat("[", process->port, "] 0.00.055.548 ", line));
}

void SimWorld::answer(const Answered& whom, LlamaAnswer what, Time delay) {
    at(delay, [whom, what = std::move(what)] { whom(what); });
}

void SimWorld::request(const std::string& model, int port, bool proof, Answered answered) {
    const auto router = m_router;
    if (!router || !router->alive || !router->listening || router->port != port) {
        answer(answered, {0, "connection refused"}, within(0, 2));
        return;
    }
    if (m_random.chance(faults.router_dies)) {
        at(within(0, 50), [this, router] { end_router(router, 1); });
    }
    router->hung = router->hung || m_random.chance(faults.router_hangs);
    if (router->hung) {
        router->stuck.push_back(std::move(answered));
        return;
    }
    router->queue.emplace_back(model, Waiting{proof, std::move(answered)});
    turn(router);
}

// Takes from the queue what the present processes can do; changes a model when one is free.
void SimWorld::turn(const RouterPointer& router) {
    while (router->alive && !router->queue.empty()) {
        const auto model = router->queue.front().first;
        std::erase_if(router->processes, [](const auto& process) {
            return !process->alive && !process->taken_for_alive;
        });
        auto& processes = router->processes;
        const auto mine = std::find_if(processes.begin(), processes.end(),
                                       [&](const auto& one) { return one->model == model; });
        if (mine != processes.end() && (*mine)->taken_for_alive) {
            answer(router->queue.front().second.answered, k_refused, within(0, 2));
            router->queue.pop_front();
            continue;
        }
        auto process = mine != processes.end() ? *mine : nullptr;
        if (!process) {
            if (processes.size() >= m_models_max && !make_room(router)) return;
            process = begin_load(router, model);
        }
        auto waiting = std::move(router->queue.front().second);
        router->queue.pop_front();
        if (process->loaded) {
            serve(router, process, std::move(waiting));
        } else {
            process->waiting.push_back(std::move(waiting));
        }
    }
}

// Ends one that nobody uses. False: there is none.
bool SimWorld::make_room(const RouterPointer& router) {
    const auto& processes = router->processes;
    const auto idle = std::find_if(processes.begin(), processes.end(), [](const auto& process) {
        return process->taken_for_alive || process->waiting.empty();
    });
    if (idle == processes.end()) return false;
    const auto process = *idle;
    if (process->alive) {
        say_model(router, process, "I srv    operator(): exit command received, exiting...");
        say(router, concat("0.02.014.454 I srv  operator(): instance name=", process->model,
                           " exited with status 0"));
        process->alive = false;
    }
    std::erase(router->processes, process);
    return true;
}

SimWorld::ProcessPointer SimWorld::begin_load(const RouterPointer& router,
                                              const std::string& model) {
    auto process = std::make_shared<Process>();
    process->model = model;
    process->port = ++m_next_port;
    if (m_next_port > 60'000) m_next_port = 30'000;
    router->processes.push_back(process);
    say(router, concat("0.02.014.454 I srv          load: spawning server instance with name=",
                       model, " on port ", process->port));
    say_model(router, process, concat("I srv    load_model: loading model '", model, "'"));
    at(within(20, 3000), [this, router, process] { end_load(router, process); });
    return process;
}

void SimWorld::end_load(const RouterPointer& router, const ProcessPointer& process) {
    if (!router->alive || !process->alive) return;
    auto& model = truth(process->model);
    if (model.kind == ModelTruth::Kind::corrupt) {
        say_model(router, process,
                  "E llama_model_load: error loading model: unknown model architecture: 'x'");
        end_process(router, process, 1, load_failure(process->model));
    } else if (model.silent_deaths > 0) {
        --model.silent_deaths;
        causes.push_back({m_now});
        end_process(router, process, 1, load_failure(process->model));
    } else if (router->context > model.holds) {
        refuse_memory(router, process);
        end_process(router, process, 1, load_failure(process->model));
    } else {
        process->loaded = true;
        say_model(router, process, "I srv  llama_server: model loaded");
        auto waiting = std::move(process->waiting);
        process->waiting.clear();
        for (auto& one : waiting)
            serve(router, process, std::move(one));
    }
}

void SimWorld::refuse_memory(const RouterPointer& router, const ProcessPointer& process) {
    causes.push_back({m_now});
    short_of_memory.insert(process->model);
    const auto& model = truth(process->model);
    if (model.names_the_size) {
        say_model(router, process,
                  concat("E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer "
                         "of size ",
                         router->context * k_bytes_per_token));
    } else {
        say_model(router, process,
                  "E llama_init_from_model: failed to initialize the context: failed to allocate "
                  "buffer for kv cache");
    }
}

void SimWorld::serve(const RouterPointer& router, const ProcessPointer& process, Waiting waiting) {
    process->waiting.push_back(std::move(waiting));
    at(within(1, 800), [this, router, process] {
        if (!router->alive || !process->alive || process->waiting.empty()) return;
        auto one = std::move(process->waiting.front());
        process->waiting.erase(process->waiting.begin());
        finish(router, process, std::move(one));
        turn(router);
    });
}

void SimWorld::finish(const RouterPointer& router, const ProcessPointer& process, Waiting waiting) {
    const auto& model = truth(process->model);
    if (m_random.chance(faults.survived_line)) {
        say_model(
            router, process,
            "E srv  update: failed to allocate memory for prompt cache state: std::bad_alloc");
    }
    if (m_random.chance(faults.quoted_line)) {
        say_model(
            router, process,
            m_random.chance(500)
                ? "E srv  operator(): got exception: failed to parse: CUDA error: out of memory"
                : "E srv  log_server_r: request: {\"prompt\":\"CUDA error: out of memory\"}");
    }
    // Words of memory in an answer and the end of the process right behind it are taken for
    // evidence; so who quotes does not crash here.
    const bool quotes = model.kind == ModelTruth::Kind::quoting;
    if (!quotes && m_random.chance(faults.crash)) {
        process->waiting.push_back(std::move(waiting));
        end_process(router, process, 1, k_broken);
    } else if (m_random.chance(faults.kernel_kill)) {
        ++m_kills; // which does not tell whose process it was
        causes.push_back({m_now});
        for (const auto& one : router->processes)
            short_of_memory.insert(one->model);
        process->waiting.push_back(std::move(waiting));
        end_process(router, process, 1, k_broken);
    } else if (m_random.chance(faults.alive_memory)) {
        causes.push_back({m_now});
        short_of_memory.insert(process->model);
        say_model(router, process,
                  "E ggml_metal_graph_compute: error: Insufficient Memory "
                  "(00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)");
        answer(waiting.answered, error_answer(500, "Compute error. out of memory"), within(0, 3));
    } else if (quotes) {
        answer(waiting.answered, k_quoting, within(0, 3));
    } else if (model.kind == ModelTruth::Kind::embedding && waiting.proof) {
        answer(waiting.answered, error_answer(501, "This server does not support completions."),
               within(0, 3));
    } else {
        answer(waiting.answered, {200, "{}"}, within(0, 3));
    }
}

void SimWorld::end_process(const RouterPointer& router, const ProcessPointer& process, int status,
                           const LlamaAnswer& what) {
    process->alive = false;
    ++ends[process->model];
    for (const auto& waiting : process->waiting)
        answer(waiting.answered, what, within(0, 5));
    process->waiting.clear();
    // The router learns of the end of one that served a moment later, and says so then.
    process->taken_for_alive = process->loaded;
    at(process->loaded ? within(0, 20) : Time(0), [this, router, process, status] {
        process->taken_for_alive = false;
        if (!router->alive) return;
        say(router, concat("0.02.014.454 I srv  operator(): instance name=", process->model,
                           " exited with status ", status));
        turn(router);
    });
}

bool SimWorld::is_refused(const LlamaAnswer& answer) {
    return answer.body == k_refused.body;
}

// --- questions ----------------------------------------------------------------------------------

void SimWorld::send(Task task, std::function<Message()> work) {
    at(within(0, task == Task::health ? 3 : 1), [this, task, work = std::move(work)] {
        try {
            m_waited = Time(0);
            auto message = work();
            const auto waited = m_waited;
            m_waited = Time(0);
            at(waited, [this, message = std::move(message)]() mutable {
                mail.push_back(std::move(message));
            });
        } catch (const AskAgain& proof) {
            m_waited = Time(0);
            request(proof.model, proof.port, true, [this, work](const LlamaAnswer& answer) {
                m_proof_answer = answer;
                mail.push_back(work());
                m_proof_answer.reset();
            });
        }
    });
}

Readiness SimWorld::check_readiness(const LlamaAddress& address, std::int64_t pid) {
    const bool ready = is_listening() && m_router->port == address.port && m_router->pid == pid;
    if (ready) return Ready{"b1"};
    return NotYet{"not yet"};
}

LlamaAnswer SimWorld::get(const LlamaAddress& address, const std::string&, Time limit) {
    if (!m_router || !m_router->alive) return {0, "connection refused"};
    if (m_router->hung) {
        m_waited += limit;
        return {0, "no answer"};
    }
    const auto& processes = m_router->processes;
    const bool there = address.port == m_router->port ||
                       std::any_of(processes.begin(), processes.end(), [&](const auto& process) {
                           return process->alive && process->port == address.port;
                       });
    return there ? LlamaAnswer{200, "{}"} : LlamaAnswer{0, "connection refused"};
}

LlamaAnswer SimWorld::prove(const LlamaAddress& address, const std::string& model, Time) {
    if (m_proof_answer) return *m_proof_answer;
    throw AskAgain{model, address.port};
}

} // namespace simulation
