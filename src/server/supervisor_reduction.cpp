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

// Nothing but the machine's own memory was too small.
bool is_host(const OutOfMemory& memory) {
    return memory.device == "CPU";
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
    if (m_descent) {
        m_descent_queue.push_back({file, verdict});
        return;
    }
    const auto setup = setup_of(model);
    m_descent.emplace(Descent{{model, setup.context}, setup, setup, std::nullopt, 0});
    m_descent_waiters.push_back(file);
    const auto* refused = std::get_if<OutOfMemory>(&verdict);
    if (refused != nullptr)
        log::info(concat("model '", model, "' ran out of memory: ", refused->evidence));
    republish(); // other models have to wait
    auto step = m_descent->ladder.failed(verdict, ceiling(verdict));
    // What lies partly in RAM already has left the ladder behind.
    const bool placed = setup.placement.kind != memory::Placement::Kind::gpu;
    if (refused == nullptr || !placed || !place_lower(*refused)) walk(step);
}

void Supervisor::Core::walk(const ContextReduction::Step& step) {
    const auto& ladder = m_descent->ladder;
    if (const auto* next = std::get_if<ContextReduction::Try>(&step)) {
        const auto before = ladder.tried().back();
        if (ladder.waits_for_memory() && !ladder.on_suspicion()) {
            m_memory_by = m_world->now() + m_spec.limits.free_memory;
            notice(concat("nothing of the device's memory is free for model '", ladder.model(),
                          "': waiting for it, and then once more"));
            try_setup({next->context, m_descent->trying.placement});
            return;
        }
        if (next->context != before) ++m_oom_steps;
        notice(concat("model '", ladder.model(),
                      ladder.on_suspicion() ? "' died without a reason while loading with "
                                            : "' does not fit with ",
                      "a context of ", before, " tokens: trying ",
                      next->context == before ? concat("once more") : concat(next->context)));
        try_setup({next->context, m_descent->trying.placement});
    } else if (const auto* end = std::get_if<ContextReduction::Exhausted>(&step)) {
        if (!place_lower(end->last)) end_reduction(exhausted_verdict(end->last), Outcome::failed);
    } else {
        end_as_not_memory(std::get<ContextReduction::NotMemory>(step).reason);
    }
}

void Supervisor::Core::end_as_not_memory(const std::string& reason) {
    const auto& ladder = m_descent->ladder;
    end_reduction(GiveUp{500, "model_load_failed",
                         concat("model name=", ladder.model(), " failed to load: ", reason,
                                " (contexts tried: ", list_of(ladder.tried()), ")"),
                         std::nullopt},
                  Outcome::failed);
}

// Below the ladder: less of the model on the GPU. False: there is nothing more to try.
bool Supervisor::Core::place_lower(const OutOfMemory& last) {
    if (!m_spec.setups || is_host(last)) return false;
    auto& descent = *m_descent;
    const auto& model = descent.ladder.model();
    if (!descent.placements) {
        const auto most = m_spec.memory_ceiling ? m_spec.memory_ceiling(last.device) : std::nullopt;
        const bool race = !(last.bytes && most && *last.bytes > *most);
        const auto below = m_spec.setups->below(model, descent.trying, race);
        descent.placements.emplace(below.begin(), below.end());
    }
    if (descent.placements->empty()) return false;
    const auto next = descent.placements->front();
    descent.placements->pop_front();
    ++descent.placements_tried;
    if (next.placement != descent.trying.placement) ++m_oom_steps;
    try_setup(next);
    return true;
}

void Supervisor::Core::placement_failed(const OomVerdict& verdict) {
    if (const auto* other = std::get_if<OtherCause>(&verdict)) {
        end_as_not_memory(other->reason);
        return;
    }
    const auto* refused = std::get_if<OutOfMemory>(&verdict);
    const auto& first = m_descent->ladder.first_failure();
    const auto last = refused != nullptr ? *refused
                      : first            ? *first
                                         : OutOfMemory{reason_of(verdict), {}, ""};
    if (!place_lower(last)) end_reduction(exhausted_verdict(last), Outcome::failed);
}

void Supervisor::Core::try_setup(const memory::Setup& setup) {
    const auto model = m_descent->ladder.model();
    m_descent->trying = setup;
    if (!write_setup(model, setup)) {
        end_reduction(GiveUp{503, "out_of_memory",
                             concat("model '", model,
                                    "' needs less memory, and how it is to be run could "
                                    "not be written down; see odysseus.log"),
                             std::nullopt},
                      Outcome::failed);
        return;
    }
    if (m_descent->placements) {
        const auto sentence = m_spec.setups->sentence(model);
        notice(sentence.empty() ? concat("model '", model, "' is loaded once more") : sentence);
    }
    const bool without_gpu =
        setup.placement.kind == memory::Placement::Kind::cpu && !m_spec.setups->is_shared();
    const bool same_start = setup.context == m_lifecycle.context() && without_gpu == m_without_gpu;
    if (!m_descent->placements || !same_start) {
        m_without_gpu = without_gpu;
        act(m_lifecycle.step(m_lifecycle.generation(), setup.context));
        return;
    }
    republish();
    m_judged[model].ends = m_processes.ends(model);
    prove();
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
    if (looked.errand != m_proof || !m_descent) return;
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
    const bool reload = m_descent->placements.has_value();
    m_world->send(World::Task::proof,
                  [world = m_world.get(), address = address(), model = m_descent->ladder.model(),
                   limit = m_spec.limits.load, errand = m_proof, reload]() -> Message {
                      if (reload) (void)world->get(address, "/models?reload=1", k_reload_limit);
                      return Proved{errand, world->prove(address, model, limit)};
                  });
}

void Supervisor::Core::on_proved(const Proved& proved) {
    if (proved.errand == 0 || proved.errand != m_proof || !m_descent) return;
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
    const auto model = m_descent->ladder.model();
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
    if (m_descent->placements) {
        placement_failed(verdict);
    } else {
        walk(m_descent->ladder.failed(verdict, ceiling(verdict)));
    }
}

// Whether somebody who waits had got this very answer with the context before.
bool Supervisor::Core::is_same_failure(const LlamaAnswer& answer) const {
    return std::any_of(m_descent_waiters.begin(), m_descent_waiters.end(), [&](const auto& file) {
        return file->failure.status == answer.status && file->failure.body == answer.body;
    });
}

void Supervisor::Core::remember(const Descent& descent) const {
    if (!m_spec.setups) return;
    try {
        m_spec.setups->held(descent.ladder.model(), descent.trying, descent.ladder.tried().back());
    } catch (const std::exception& error) {
        log::warn(concat("the context of model '", descent.ladder.model(),
                         "' is not remembered for the next start: ", error.what()));
    }
}

void Supervisor::Core::end_reduction(const Verdict& verdict, Outcome outcome) {
    const auto descent = *m_descent;
    m_descent.reset();
    auto waiters = std::move(m_descent_waiters);
    m_descent_waiters.clear();
    if (outcome == Outcome::held) {
        notice(concat("model '", descent.ladder.model(), "' holds with a context of ",
                      descent.trying.context, " tokens"));
        remember(descent);
    }
    if (outcome == Outcome::failed) {
        give_up(descent.ladder.model(), verdict);
        go_back(descent);
    } else {
        act(m_lifecycle.held());
    }
    republish(); // those who waited for the end of this may go on
    for (const auto& file : waiters)
        conclude(*file, verdict);
    next_descent();
}

// Other models may still use what they had, and this one may when there is more memory.
void Supervisor::Core::go_back(const Descent& descent) {
    (void)write_setup(descent.ladder.model(), descent.origin);
    const bool each_its_own = m_spec.setups && !m_spec.setups->is_shared();
    if (!each_its_own && descent.trying.context != descent.origin.context) {
        act(m_lifecycle.step(m_lifecycle.generation(), descent.origin.context));
        return;
    }
    act(m_lifecycle.held());
    if (!descent.placements) return;
    read_presets_again();
}

void Supervisor::Core::read_presets_again() {
    m_world->send(World::Task::proof, [world = m_world.get(), address = address()]() -> Message {
        (void)world->get(address, "/models?reload=1", k_reload_limit);
        return Proved{0, {}};
    });
}

// The next model that ran out of memory meanwhile, where llama-server is still the same.
void Supervisor::Core::next_descent() {
    while (!m_descent && !m_descent_queue.empty()) {
        const auto next = m_descent_queue.front();
        m_descent_queue.erase(m_descent_queue.begin());
        if (next.file->failure.generation == m_lifecycle.generation()) {
            begin_reduction(next.file, next.verdict);
        } else {
            conclude(*next.file, Replay{});
        }
    }
}

std::string Supervisor::Core::free_text(const OutOfMemory& last) const {
    std::optional<std::int64_t> free_bytes =
        m_spec.memory_free ? m_spec.memory_free(last.device) : std::nullopt;
    if (!free_bytes && (is_host(last) || last.device.empty())) free_bytes = m_world->memory_free();
    const auto most = ceiling(OomVerdict(last));
    if (free_bytes && most) free_bytes = std::min(*free_bytes, *most);
    return free_bytes ? concat("; free were at most ", byte_text(*free_bytes)) : "";
}

Verdict Supervisor::Core::exhausted_verdict(const OutOfMemory& last) const {
    const auto& ladder = m_descent->ladder;
    const auto& first = ladder.first_failure();
    auto message = concat("model '", ladder.model(), "' does not fit in memory: ");
    if (first && first->bytes) {
        message += concat(byte_text(*first->bytes), " were asked for with a context of ",
                          ladder.origin(), " tokens");
        if (last.bytes && ladder.tried().size() > 1) {
            message += concat(", ", byte_text(*last.bytes), " with ", ladder.tried().back());
        }
    } else {
        message += last.evidence;
    }
    message += free_text(last);
    const auto figures = m_spec.setups ? m_spec.setups->figures(ladder.model()) : std::string();
    if (!figures.empty()) message += concat("; ", figures);
    message += concat("; contexts tried: ", list_of(ladder.tried()));
    if (m_descent->placements_tried > 0)
        message += ", then less and less of it on the GPU, in the end nothing";
    message +=
        ". Use a smaller or more strongly quantised model, or close programs that use memory";
    // A smaller cache helps only where the cache was too large.
    if (ladder.origin() > memory::k_ladder.back() && m_descent->placements_tried == 0)
        message += ", or make the cache smaller (odysseus --kv q8_0)";
    return GiveUp{503, "out_of_memory", message, std::nullopt};
}

} // namespace odysseus::server
