#include "odysseus/server/preset_file.hpp"

#include "odysseus/system/files.hpp"

#include <utility>

namespace odysseus::server {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{16} * 1024 * 1024;

} // namespace

void PresetFile::offer(const models::Catalog& catalog, Placements placements) {
    const std::lock_guard lock(m_mutex);
    m_catalog = catalog;
    m_placements = std::move(placements);
    write();
}

void PresetFile::place(const std::string& id, const memory::Placement& placement) {
    const std::lock_guard lock(m_mutex);
    m_placements[id] = placement;
    write();
}

void PresetFile::use_worker(const PresetWorker& worker) {
    const std::lock_guard lock(m_mutex);
    m_worker = worker;
}

void PresetFile::write() {
    auto text = preset_text(m_catalog, m_placements, m_worker);
    if (text.empty())
        text = "version = 1\n"; // llama-server was told of the file, so it must be there
    if (system::read_file(m_file, k_file_bytes_max) == text) return; // a write waits for the disk
    system::write_file_atomically(m_file, text);
}

} // namespace odysseus::server
