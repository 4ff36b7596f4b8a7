#include "odysseus/hardware/oneapi.hpp"

namespace odysseus::hardware {

OneApi find_oneapi(const std::filesystem::path& /*root*/,
                   const std::optional<std::string>& /*library_path*/) {
    return {};
}

OneApi find_oneapi() {
    return {};
}

} // namespace odysseus::hardware
