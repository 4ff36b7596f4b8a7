// From a verdict of memory to a context that holds: the way down the ladder.
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "supervisor_core.hpp"

#include <algorithm>

namespace odysseus::server {
namespace {

constexpr std::chrono::milliseconds k_reload_limit{10'000};
constexpr std::chrono::milliseconds k_prove_again_after{500};
constexpr int k_not_implemented = 501; // an embedding model, say: it holds, and cannot complete

std::string list_of(const std::vector<std::int64_t>& numbers) {
    std::vector<std::string> texts;
    texts.reserve(numbers.size());
    for (const auto number : numbers)
        texts.push_back(std::to_string(number));
    return joined(texts, ", ");
}

} // namespace

std::optional<std::int64_t> Supervisor::Core::ceiling(const OomVerdict& verdict) const {
    const auto* memory = std::get_if<OutOfMemory>(&verdict);
    if (memory == nullptr) return std::nullopt;
    std::optional<std::int64_t> least;
    const auto consider = [&](std::optional<std::int64_t> bytes) {
        if (bytes && (!least || *bytes < *least)) least = bytes;
    };
    if (m_spec.memory_ceiling) consider(m_spec.memory_ceiling(memory->device));
    if (memory->device == "CPU") {
        consider(m_world->memory_ceiling());
        if (m_world->has_child()) {
            consider(m_world->address_space_limit(m_world->child_pid()));
        }
    }
    return least;
}

void Supervisor::Core::begin_reduction(const ReportPointer& file, const OomVerdict& verdict) {
    const auto& model = file->failure.model;
    if (m_reduction) {
        m_descent_queue.push_back({file, verdict});
        return;
    }
    const auto context = m_spec.model_context ? m_spec.model_context(model) : m_lifecycle.context();
    m_reduction.emplace(model, context);
    m_reduction_waiters.push_back(file);
    if (const auto* memory = std::get_if<OutOfMemory>(&verdict)) {
        log::info(concat("model '", model, "' ran out of memory: ", memory->evidence));
    }
    walk(m_reduction->failed(verdict, ceiling(verdict)));
}

void Supervisor::Core::walk(const ContextReduction::Step& step) {
    if (const auto* next = std::get_if<ContextReduction::Try>(&step)) {
        const auto before = m_reduction->tried().back();
        if (m_reduction->waits_for_memory() && !m_reduction->on_suspicion()) {
            m_memory_by = m_world->now() + m_spec.limits.free_memory;
            notice(concat("nothing of the device's memory is free for model '",
                          m_reduction->model(), "': waiting for it, and then once more"));
            try_context(next->context);
            return;
        }
        if (next->context != before) ++m_oom_steps;
        notice(concat("model '", m_reduction->model(),
                      m_reduction->on_suspicion() ? "' died without a reason while loading with "
                                                  : "' does not fit with ",
                      "a context of ", before, " tokens: trying ",
                      next->context == before ? concat("once more") : concat(next->context)));
        try_context(next->context);
    } else if (const auto* end = std::get_if<ContextReduction::Exhausted>(&step)) {
        end_reduction(exhausted_verdict(end->last), Outcome::failed);
    } else {
        const auto& reason = std::get<ContextReduction::NotMemory>(step).reason;
        end_reduction(
            GiveUp{500, "model_load_failed",
                   concat("model name=", m_reduction->model(), " failed to load: ", reason,
                          " (contexts tried: ", list_of(m_reduction->tried()), ")"),
                   std::nullopt},
            Outcome::failed);
    }
}

void Supervisor::Core::try_context(std::int64_t context) {
    if (!m_spec.set_model_context) {
        act(m_lifecycle.step(m_lifecycle.generation(), context));
        return;
    }
    republish();
    if (!write_context(m_reduction->model(), context)) {
        end_reduction(
            GiveUp{503, "out_of_memory",
                   concat("model '", m_reduction->model(), "' needs a smaller context, and ",
                          context, " tokens could not be written down; see odysseus.log"),
                   std::nullopt},
            Outcome::failed);
        return;
    }
    m_judged[m_reduction->model()].ends = m_processes.ends(m_reduction->model());
    prove();
}

// A full disk costs this descent, and nothing else.
bool Supervisor::Core::write_context(const std::string& model, std::int64_t tokens) const {
    try {
        m_spec.set_model_context(model, tokens);
        return true;
    } catch (const std::exception& error) {
        log::error(concat("a context of ", tokens, " tokens for model '", model,
                          "' is not used: ", error.what()));
        return false;
    }
}

// One after the other: the proof waits for it.
void Supervisor::Core::look_for_memory() {
    m_proof = ++m_errand_number;
    m_world->send(World::Task::proof,
                  [errand = m_proof, look = m_spec.has_free_memory]() -> Message {
                      return MemoryLooked{errand, look()};
                  });
}

void Supervisor::Core::on_memory_looked(const MemoryLooked& looked) {
    if (looked.errand != m_proof || !m_reduction) return;
    m_proof = 0;
    if (looked.free) m_memory_by.reset();
    m_prove_at = m_world->now() + (looked.free ? Time(0) : m_spec.limits.free_memory_every);
}

void Supervisor::Core::prove() {
    if (m_memory_by && m_spec.has_free_memory && m_world->now() < *m_memory_by) {
        look_for_memory();
        return;
    }
    m_memory_by.reset();
    m_proof_failed.reset();
    m_proof = ++m_errand_number;
    m_proof_began = m_world->now();
    const bool reload = static_cast<bool>(m_spec.set_model_context);
    m_world->send(World::Task::proof,
                  [world = m_world.get(), address = address(), model = m_reduction->model(),
                   limit = m_spec.limits.load, errand = m_proof, reload]() -> Message {
                      if (reload) (void)world->get(address, "/models?reload=1", k_reload_limit);
                      return Proved{errand, world->prove(address, model, limit)};
                  });
}

void Supervisor::Core::on_proved(const Proved& proved) {
    if (proved.errand == 0 || proved.errand != m_proof || !m_reduction) return;
    m_proof = 0;
    const auto& answer = proved.answer;
    if (is_retryable_race(answer.status, answer.body)) {
        m_prove_at = m_world->now() + k_prove_again_after;
        return;
    }
    const bool answered =
        answer.status != 0 && (answer.status < 500 || answer.status == k_not_implemented);
    if (answered) {
        end_reduction(Replay{}, Outcome::held);
        return;
    }
    m_proof_failed = answer;
    m_proof_by = m_world->now() + m_spec.limits.evidence;
    judge_proof();
}

void Supervisor::Core::judge_proof() {
    const auto& answer = *m_proof_failed;
    const auto& model = m_reduction->model();
    const bool needs_end = is_load_failure(answer.status, answer.body) ||
                           is_broken_connection(answer.status, answer.body);
    const Failure failure{m_lifecycle.generation(), model, answer.status, answer.body,
                          m_proof_began};
    const bool waits = (needs_end && !has_fresh_end(model)) || waits_for_evidence(failure);
    if (waits && m_world->now() < m_proof_by) return;
    const auto verdict = judge_answer(failure);
    const bool same = is_same_failure(answer);
    if (const auto* lost = std::get_if<DeviceLost>(&verdict)) {
        m_proof_failed.reset();
        replace_lost_device(lost->reason); // the next start proves it
        return;
    }
    m_judged[model] = {m_processes.ends(model), m_world->now(), Replay{}};
    m_proof_failed.reset();
    if (!needs_end && std::holds_alternative<OtherCause>(verdict)) {
        if (same) {
            end_reduction(PassOn{}, Outcome::failed); // it was no matter of memory
        } else {
            end_reduction(Replay{}, Outcome::serves); // it has its own trouble with our question
        }
        return;
    }
    walk(m_reduction->failed(verdict, ceiling(verdict)));
}

// Whether somebody who waits had got this very answer with the context before.
bool Supervisor::Core::is_same_failure(const LlamaAnswer& answer) const {
    return std::any_of(
        m_reduction_waiters.begin(), m_reduction_waiters.end(), [&](const auto& file) {
            return file->failure.status == answer.status && file->failure.body == answer.body;
        });
}

void Supervisor::Core::remember(const ContextReduction& descent) const {
    if (!m_spec.on_context_held) return;
    try {
        m_spec.on_context_held(descent.model(), descent.context());
    } catch (const std::exception& error) {
        log::warn(concat("the context of model '", descent.model(),
                         "' is not remembered for the next start: ", error.what()));
    }
}

void Supervisor::Core::end_reduction(const Verdict& verdict, Outcome outcome) {
    const auto descent = *m_reduction;
    m_reduction.reset();
    auto waiters = std::move(m_reduction_waiters);
    m_reduction_waiters.clear();
    if (outcome == Outcome::serves) {
        act(m_lifecycle.held());
    } else if (outcome == Outcome::held) {
        notice(concat("model '", descent.model(), "' holds with a context of ", descent.context(),
                      " tokens"));
        remember(descent);
        act(m_lifecycle.held());
    } else {
        m_hopeless[descent.model()] = {0, m_world->now(), verdict};
        // Other models may still use what they had.
        if (descent.context() == descent.origin()) {
            act(m_lifecycle.held());
        } else if (m_spec.set_model_context) {
            (void)write_context(descent.model(), descent.origin());
            m_world->send(World::Task::proof,
                          [world = m_world.get(), address = address()]() -> Message {
                              (void)world->get(address, "/models?reload=1", k_reload_limit);
                              return Proved{0, {}};
                          });
        } else {
            act(m_lifecycle.step(m_lifecycle.generation(), descent.origin()));
        }
    }
    for (const auto& file : waiters)
        conclude(*file, verdict);
    next_descent();
}

// The next model that ran out of memory meanwhile, where llama-server is still the same.
void Supervisor::Core::next_descent() {
    while (!m_reduction && !m_descent_queue.empty()) {
        const auto next = m_descent_queue.front();
        m_descent_queue.erase(m_descent_queue.begin());
        if (next.file->failure.generation == m_lifecycle.generation()) {
            begin_reduction(next.file, next.verdict);
        } else {
            conclude(*next.file, Replay{});
        }
    }
}

Verdict Supervisor::Core::exhausted_verdict(const OutOfMemory& last) const {
    const auto& first = m_reduction->first_failure();
    auto message = concat("model '", m_reduction->model(), "' does not fit in memory: ");
    if (first && first->bytes) {
        message += concat(byte_text(*first->bytes), " were asked for with a context of ",
                          m_reduction->origin(), " tokens");
        if (last.bytes && m_reduction->tried().size() > 1) {
            message += concat(", ", byte_text(*last.bytes), " with ", m_reduction->tried().back());
        }
    } else {
        message += last.evidence;
    }
    const bool host = last.device.empty() || last.device == "CPU";
    std::optional<std::int64_t> free_bytes =
        m_spec.memory_free ? m_spec.memory_free(last.device) : std::nullopt;
    if (!free_bytes && host) free_bytes = m_world->memory_free();
    const auto most = ceiling(OomVerdict(last));
    if (free_bytes && most) free_bytes = std::min(*free_bytes, *most);
    if (free_bytes) message += concat("; free were at most ", byte_text(*free_bytes));
    message += concat("; contexts tried: ", list_of(m_reduction->tried()),
                      ". Use a smaller or more strongly quantised model, close programs that use "
                      "memory, or make the cache smaller (odysseus -- --cache-type-k q8_0 "
                      "--cache-type-v q8_0)");
    return GiveUp{503, "out_of_memory", message, std::nullopt};
}

} // namespace odysseus::server
