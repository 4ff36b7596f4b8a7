// data/models.ini: what llama-server is told of the models that it does not find by itself, and of
// those whose weights do not all lie on the GPU (docs/decisions/0004-preset-file.md).
#pragma once

#include "odysseus/server/preset.hpp"

#include <filesystem>
#include <mutex>
#include <string>

namespace odysseus::server {

// Thread-safe. Whoever changes the file tells llama-server to read it again (GET /models?reload=1).
class PresetFile {
  public:
    explicit PresetFile(std::filesystem::path file) : m_file(std::move(file)) {}

    [[nodiscard]] const std::filesystem::path& path() const { return m_file; }
    // Writes the file for these models, and for no others. Throws Error (usage) when it cannot be
    // written.
    void offer(const models::Catalog& catalog, Placements placements);
    void place(const std::string& id, const memory::Placement& placement);
    // For what is written from now on.
    void use_worker(const PresetWorker& worker);

  private:
    void write();

    std::mutex m_mutex;
    std::filesystem::path m_file;
    models::Catalog m_catalog;
    Placements m_placements;
    PresetWorker m_worker;
};

} // namespace odysseus::server
