#include "odysseus/system/certificates.hpp"

namespace odysseus::system {

std::optional<std::filesystem::path> certificate_bundle(const std::filesystem::path& /*root*/) {
    return std::nullopt;
}

} // namespace odysseus::system
