#include "odysseus/system/file_lock.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include "error_text_windows.hpp"

#include <string>
#include <system_error>
#include <utility>
#include <windows.h>

namespace odysseus::system {

namespace {

// A locked byte cannot be read by others, so the lock lies far behind the record.
constexpr DWORD k_lock_offset = 0x40000000;

} // namespace

std::optional<FileLock> FileLock::try_lock(const std::filesystem::path& file) {
    std::error_code ignored;
    std::filesystem::create_directories(file.parent_path(), ignored);
    const HANDLE handle =
        CreateFileW(file.c_str(), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle == INVALID_HANDLE_VALUE) {
        const auto reason = windows_error_text(GetLastError());
        throw Error(Fault::usage,
                    concat("opening the lock ", utf8(file), ": ", reason,
                           "; its folder must be writable, or HOME another one: --home DIR"));
    }
    FileLock lock(reinterpret_cast<std::intptr_t>(handle));
    OVERLAPPED place{};
    place.Offset = k_lock_offset;
    if (!LockFileEx(handle, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &place)) {
        const auto code = GetLastError();
        if (code == ERROR_LOCK_VIOLATION || code == ERROR_IO_PENDING) return std::nullopt;
        const auto reason = windows_error_text(code);
        throw Error(Fault::usage, concat("locking ", utf8(file), ": ", reason));
    }
    const auto record = std::to_string(GetCurrentProcessId()) + "\n";
    DWORD written = 0;
    SetEndOfFile(handle);
    WriteFile(handle, record.data(), static_cast<DWORD>(record.size()), &written, nullptr);
    return lock;
}

bool FileLock::is_held(const std::filesystem::path& file) {
    const FileLock asking(reinterpret_cast<std::intptr_t>(
        CreateFileW(file.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                    OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)));
    if (asking.m_native == -1) return false;
    OVERLAPPED place{};
    place.Offset = k_lock_offset;
    // Shared, so that two who only ask do not see each other.
    return !LockFileEx(reinterpret_cast<HANDLE>(asking.m_native), LOCKFILE_FAIL_IMMEDIATELY, 0, 1,
                       0, &place);
}

void FileLock::release() noexcept {
    if (m_native != -1) CloseHandle(reinterpret_cast<HANDLE>(std::exchange(m_native, -1)));
}

} // namespace odysseus::system
