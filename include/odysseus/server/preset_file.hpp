// data/models.ini: what llama-server is told of the models that it does not find by itself, and
// with --per-model-context the context of each (docs/decisions/0004-preset-file.md).
#pragma once

#include "odysseus/server/preset.hpp"

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace odysseus::server {

// Thread-safe. Whoever changes the file tells llama-server to read it again (GET /models?reload=1).
class PresetFile {
  public:
    // The context that a model starts with; absent: one context for all, given in llama-server's
    // argv.
    using ContextOf = std::function<std::int64_t(const models::Model&)>;
    PresetFile(std::filesystem::path file, std::optional<ContextOf> context_of,
               std::int64_t gpu_layers);

    [[nodiscard]] const std::filesystem::path& path() const { return m_file; }
    // Writes the file for these models; contexts that were set stay. Throws Error (usage) when it
    // cannot be written.
    void offer(const models::Catalog& catalog);
    void set_context(const std::string& id, std::int64_t tokens);
    [[nodiscard]] std::int64_t context(const std::string& id) const;

  private:
    void write();

    mutable std::mutex m_mutex;
    std::filesystem::path m_file;
    std::optional<ContextOf> m_context_of;
    models::Catalog m_catalog;
    ModelContexts m_contexts;
};

} // namespace odysseus::server
