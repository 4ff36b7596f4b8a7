#include "odysseus/system/environment.hpp"

#include <cstdlib>

extern char** environ; // POSIX prescribes the name, and macOS's headers do not declare it

namespace odysseus::system {

std::vector<std::string> own_environment() {
    std::vector<std::string> entries;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
        entries.emplace_back(*entry);
    return entries;
}

std::optional<std::string> environment_value(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

std::vector<std::string> own_arguments(int argc, const char* const* argv) {
    return {argv, argv + argc};
}

} // namespace odysseus::system
