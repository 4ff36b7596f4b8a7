// What contexts held in earlier launches, in HOME/data/context_memory.json
// (logic/context_memory.hpp).
#pragma once

#include "odysseus/settings/home.hpp"
#include "odysseus/memory/context_memory.hpp"

#include <mutex>

namespace odysseus {

// Thread-safe.
class ContextRecord {
  public:
    ContextRecord(const Home& home, const Settings& settings, const Machine& machine,
                  std::string build_tag);

    // The estimate, or what held before where that is less: one context serves all of these models.
    [[nodiscard]] ContextChoice recalled(ContextChoice estimate,
                                         const std::vector<Model>& models) const;
    // The model was loaded at `tokens`. `failed_tokens`: what ran out of memory before that in this
    // launch.
    void held(const Model& model, std::int64_t tokens, std::optional<std::int64_t> failed_tokens);

    // Removes what is remembered.
    static void forget(const Home& home);

  private:
    [[nodiscard]] HeldKey key_of(const Model& model) const;

    std::filesystem::path m_file;
    std::string m_models_dir;
    Machine m_machine;
    std::string m_build_tag;
    std::int64_t m_parallel;
    std::optional<std::int64_t> m_free_mib;
    mutable std::mutex m_mutex;
    ContextMemory m_memory;
};

} // namespace odysseus
