#include "odysseus/server/preset_file.hpp"

#include "odysseus/system/files.hpp"

#include <utility>

namespace odysseus::server {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{16} * 1024 * 1024;

} // namespace

PresetFile::PresetFile(std::filesystem::path file, std::optional<ContextOf> context_of,
                       std::int64_t gpu_layers)
    : m_file(std::move(file)), m_context_of(std::move(context_of)) {
    m_contexts.gpu_layers = gpu_layers;
}

void PresetFile::offer(const models::Catalog& catalog) {
    const std::lock_guard lock(m_mutex);
    m_catalog = catalog;
    for (const auto& model : catalog.models) {
        if (m_context_of && m_contexts.tokens.count(model.id) == 0) {
            m_contexts.tokens[model.id] = (*m_context_of)(model);
        }
    }
    write();
}

void PresetFile::set_context(const std::string& id, std::int64_t tokens) {
    const std::lock_guard lock(m_mutex);
    m_contexts.tokens[id] = tokens;
    write();
}

std::int64_t PresetFile::context(const std::string& id) const {
    const std::lock_guard lock(m_mutex);
    const auto found = m_contexts.tokens.find(id);
    return found != m_contexts.tokens.end() ? found->second : m_contexts.other_tokens;
}

void PresetFile::write() {
    auto text = m_context_of ? preset_text(m_catalog, m_contexts) : preset_text(m_catalog);
    if (text.empty())
        text = "version = 1\n"; // llama-server was told of the file, so it must be there
    if (system::read_file(m_file, k_file_bytes_max) == text) return; // a write waits for the disk
    system::write_file_atomically(m_file, text);
}

} // namespace odysseus::server
