#include "context_memory_file.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

namespace odysseus::memory {

namespace fs = std::filesystem;

ContextMemory load_context_memory(const fs::path& file) {
    constexpr std::size_t k_file_bytes_max = 4 << 20;
    std::string trouble = "it is too large or not what odysseus writes";
    try {
        std::error_code error;
        if (!fs::exists(file, error) && !error) return {};
        if (const auto content = system::read_file(file, k_file_bytes_max)) {
            if (auto memory = memory_from_json(*content)) return std::move(*memory);
        }
    } catch (const Error& error) {
        trouble = error.what();
    }
    log::warn(concat("The remembered contexts in ", system::utf8(file),
                     " are passed over: ", trouble, "."));
    return {};
}

void save_context_memory(const fs::path& file, const ContextMemory& memory) {
    std::error_code error;
    if (memory.entries.empty()) {
        fs::remove(file, error);
    } else {
        fs::create_directories(file.parent_path(), error);
        try {
            system::write_file_atomically(file, memory_json(memory));
        } catch (const Error& failed) {
            log::warn(concat("The context that held is not remembered: ", failed.what()));
            return;
        }
        error.clear();
    }
    if (error) {
        log::warn(concat(system::utf8(file), " cannot be removed: ", error.message(), "."));
    }
}

} // namespace odysseus::memory
