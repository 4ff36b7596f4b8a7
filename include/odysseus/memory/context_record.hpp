// What contexts held in earlier launches, in HOME/data/context_memory.json.
#pragma once

#include "odysseus/memory/context_memory.hpp"
#include "odysseus/settings/home.hpp"

#include <mutex>

namespace odysseus::memory {

// Thread-safe.
class ContextRecord {
  public:
    ContextRecord(const settings::Home& home, const settings::Settings& settings,
                  const hardware::Machine& machine, std::string build_tag);

    // The estimate, or what held before where that is less: one context serves all of these models.
    [[nodiscard]] ContextChoice recalled(ContextChoice estimate,
                                         const std::vector<models::Model>& models) const;
    [[nodiscard]] ModelFit recalled(ModelFit estimate, const models::Model& model) const;
    // The model was loaded with `setup`. `failed_tokens`: what ran out of memory before that in
    // this launch.
    void held(const models::Model& model, const Setup& setup,
              std::optional<std::int64_t> failed_tokens);

    // Removes what is remembered.
    static void forget(const settings::Home& home);

  private:
    [[nodiscard]] HeldKey key_of(const models::Model& model) const;

    std::filesystem::path m_file;
    std::string m_models_dir;
    hardware::Machine m_machine;
    std::string m_build_tag;
    std::int64_t m_parallel;
    std::optional<std::int64_t> m_free_mib;
    mutable std::mutex m_mutex;
    ContextMemory m_memory;
};

} // namespace odysseus::memory
