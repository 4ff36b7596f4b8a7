#include "odysseus/system/instance_lock.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

namespace odysseus::system {
namespace {

FileLock locked(const std::filesystem::path& home) {
    const auto file = home / "data" / "odysseus.lock";
    // Long enough for a doctor that only asks whether it is held.
    constexpr std::chrono::milliseconds k_patience{300};
    if (auto lock = FileLock::wait_lock(file, k_patience, {}, {})) return std::move(*lock);
    const auto owner = FileLock::owner(file);
    throw Error(Fault::busy,
                concat("another odysseus",
                       owner ? concat(" (process ", *owner, ")") : std::string(), " runs in ",
                       utf8(home), "; stop it, or give this one another folder with --home"));
}

} // namespace

InstanceLock::InstanceLock(const std::filesystem::path& home) : m_lock(locked(home)) {}

} // namespace odysseus::system
