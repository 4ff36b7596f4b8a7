// What FileLock does the same on every system.
#include "odysseus/system/file_lock.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace odysseus::system {

std::optional<FileLock>
FileLock::wait_lock(const std::filesystem::path& file, std::chrono::milliseconds limit,
                    const std::function<void(std::optional<std::int64_t> owner)>& waiting,
                    const std::function<bool()>& stopped) {
    constexpr std::chrono::milliseconds k_pause_max{200};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    auto pause = std::chrono::milliseconds{10};
    for (bool told = false;;) {
        if (auto lock = try_lock(file)) return lock;
        if (!std::exchange(told, true) && waiting) waiting(owner(file));
        if (stopped && stopped()) return std::nullopt;
        if (std::chrono::steady_clock::now() + pause > deadline) return std::nullopt;
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, k_pause_max);
    }
}

std::optional<std::int64_t> FileLock::owner(const std::filesystem::path& file) {
    constexpr std::size_t k_record_bytes_max = 64;
    const auto text = read_file(file, k_record_bytes_max);
    return text ? parsed_int(trimmed(*text)) : std::nullopt;
}

FileLock::FileLock(FileLock&& other) noexcept : m_native(std::exchange(other.m_native, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    if (this != &other) {
        release();
        m_native = std::exchange(other.m_native, -1);
    }
    return *this;
}

FileLock::~FileLock() {
    release();
}

} // namespace odysseus::system
