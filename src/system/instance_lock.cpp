#include "odysseus/system/instance_lock.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <fstream>

namespace odysseus::system {
namespace {

std::filesystem::path address_file(const std::filesystem::path& home) {
    return home / "data" / "address";
}

std::filesystem::path lock_file(const std::filesystem::path& home) {
    return home / "data" / "odysseus.lock";
}

struct Address {
    std::int64_t pid = 0;
    std::string url;
};

// "PID URL"; a file of another shape says nothing.
std::optional<Address> address_in(const std::filesystem::path& home) {
    std::ifstream in(address_file(home));
    Address address;
    if (!(in >> address.pid >> address.url)) return std::nullopt;
    const bool plain = std::all_of(address.url.begin(), address.url.end(),
                                   [](char c) { return c > ' ' && c < 0x7f; });
    return plain && address.url.starts_with("http") ? std::optional(address) : std::nullopt;
}

FileLock locked(const std::filesystem::path& home) {
    const auto file = lock_file(home);
    // Long enough for a doctor that only asks whether it is held.
    constexpr std::chrono::milliseconds k_patience{300};
    if (auto lock = FileLock::wait_lock(file, k_patience, {}, {})) return std::move(*lock);
    const auto owner = FileLock::owner(file);
    const auto url = owner ? address_of_instance(home, *owner) : std::nullopt;
    throw Error(Fault::busy, concat(url ? concat("running already: ", *url, "/odysseus")
                                        : concat("another odysseus is starting in ", utf8(home)),
                                    owner ? concat(" (process ", *owner, ")") : std::string(),
                                    "; stop it, or give this one another folder with --home"));
}

} // namespace

std::optional<std::string> address_of_instance(const std::filesystem::path& home,
                                               std::int64_t pid) {
    const auto address = address_in(home);
    return address && address->pid == pid ? std::optional(address->url) : std::nullopt;
}

InstanceLock::InstanceLock(const std::filesystem::path& home)
    : m_home(home), m_lock(locked(home)) {}

// Without it a second start says less; nothing else depends on it.
void InstanceLock::note_address(const std::string& url) const {
    std::ofstream out(address_file(m_home), std::ios::trunc);
    if (const auto self = FileLock::owner(lock_file(m_home))) out << *self << ' ' << url << '\n';
}

std::optional<std::string> InstanceLock::last_address() const {
    const auto address = address_in(m_home);
    return address ? std::optional(address->url) : std::nullopt;
}

} // namespace odysseus::system
