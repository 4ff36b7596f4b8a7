#include "odysseus/platform/environment.hpp"

extern char** environ; // POSIX prescribes the name, and macOS's headers do not declare it

namespace odysseus::platform {

std::vector<std::string> own_environment() {
    std::vector<std::string> entries;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
        entries.emplace_back(*entry);
    return entries;
}

} // namespace odysseus::platform
