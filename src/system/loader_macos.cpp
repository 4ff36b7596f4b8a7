#include "odysseus/system/loader.hpp"

namespace odysseus::system {

std::vector<std::filesystem::path> patch_interpreter(const std::filesystem::path& /*llama_server*/,
                                                     const std::filesystem::path& /*future*/) {
    return {};
}

} // namespace odysseus::system
