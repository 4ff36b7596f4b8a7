#include "odysseus/system/files.hpp"

namespace odysseus::system {

std::optional<std::string> drop_quarantine(const std::filesystem::path&) {
    return std::nullopt;
}

} // namespace odysseus::system
