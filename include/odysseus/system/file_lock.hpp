// One program at a time: a lock on a file, which the system releases when the program ends in
// whatever way. The file stays (removing it would let two hold "the" lock) and holds the owner's
// process id as text.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace odysseus::system {

class FileLock {
  public:
    // Creates the file, and the folders above it, when missing. Nothing: somebody else holds it,
    // another FileLock of this very program included. Throws Error (usage) when the file cannot be
    // opened at all.
    [[nodiscard]] static std::optional<FileLock> try_lock(const std::filesystem::path& file);

    // Tries until it is free, `limit` has passed, or `stopped` says so. `waiting` is called once,
    // with the owner's process id where it is known, before the first wait.
    [[nodiscard]] static std::optional<FileLock>
    wait_lock(const std::filesystem::path& file, std::chrono::milliseconds limit,
              const std::function<void(std::optional<std::int64_t> owner)>& waiting,
              const std::function<bool()>& stopped);

    // Whether somebody holds it. Makes and writes nothing; who takes it in this very moment may be
    // refused once.
    [[nodiscard]] static bool is_held(const std::filesystem::path& file);

    // What the file says: the owner of now, or the last one.
    [[nodiscard]] static std::optional<std::int64_t> owner(const std::filesystem::path& file);

    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;
    ~FileLock();

  private:
    explicit FileLock(std::intptr_t native) : m_native(native) {}
    void release() noexcept;
    std::intptr_t m_native = -1;
};

} // namespace odysseus::system
