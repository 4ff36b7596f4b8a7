#include "odysseus/memory/context_record.hpp"

#include "context_memory_file.hpp"

#include <algorithm>
#include <utility>

namespace odysseus::memory {
namespace {

std::filesystem::path file_of(const settings::Home& home) {
    return home.data() / "context_memory.json";
}

// Of what the model goes into; absent where one part is not known.
std::optional<std::int64_t> free_mib(const hardware::Machine& machine) {
    if (machine.backend == Backend::cpu) return machine.available_ram_mib;
    std::int64_t sum = 0;
    for (const auto& gpu : used_gpus(machine)) {
        if (!gpu.free_mib) return std::nullopt;
        sum += *gpu.free_mib;
    }
    return sum > 0 ? std::optional(sum) : std::nullopt;
}

} // namespace

ContextRecord::ContextRecord(const settings::Home& home, const settings::Settings& settings,
                             const hardware::Machine& machine, std::string build_tag)
    : m_file(file_of(home)), m_models_dir(settings.models_dir), m_machine(machine),
      m_build_tag(std::move(build_tag)), m_parallel(settings.parallel),
      m_free_mib(free_mib(machine)), m_memory(load_context_memory(m_file)) {}

ContextChoice ContextRecord::recalled(ContextChoice estimate,
                                      const std::vector<models::Model>& models) const {
    const std::lock_guard lock(m_mutex);
    std::vector<HeldKey> keys(models.size());
    std::transform(models.begin(), models.end(), keys.begin(),
                   [this](const models::Model& model) { return key_of(model); });
    return with_memory(estimate, m_memory, keys, m_free_mib);
}

ModelFit ContextRecord::recalled(ModelFit estimate, const models::Model& model) const {
    const std::lock_guard lock(m_mutex);
    return with_memory(m_machine, model, std::move(estimate), m_memory, key_of(model), m_free_mib);
}

void ContextRecord::held(const models::Model& model, const Setup& setup,
                         std::optional<std::int64_t> failed_tokens) {
    const std::lock_guard lock(m_mutex);
    note_held(m_memory, key_of(model), setup, failed_tokens, m_free_mib);
    save_context_memory(m_file, m_memory);
}

void ContextRecord::forget(const settings::Home& home) {
    save_context_memory(file_of(home), {});
}

HeldKey ContextRecord::key_of(const models::Model& model) const {
    return held_key(model, m_models_dir, m_build_tag, m_machine, m_parallel);
}

} // namespace odysseus::memory
