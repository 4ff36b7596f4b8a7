#include "odysseus/system/files.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"

#include "error_text_windows.hpp"

#include <algorithm>
#include <utility>
#include <windows.h>

namespace odysseus::system {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(std::string_view doing, const fs::path& file) {
    const auto reason = windows_error_text(GetLastError());
    throw Error(Fault::usage, concat(doing, " ", utf8(file), ": ", reason));
}

HANDLE handle_of(std::intptr_t native) {
    return reinterpret_cast<HANDLE>(native);
}

} // namespace

void make_executable(const fs::path&) {}
bool may_run(const fs::path&) {
    return true;
}

void replace_file(const fs::path& from, const fs::path& to) {
    // A virus scanner or an indexer may hold the new file open for a moment.
    constexpr int k_tries_max = 20;
    constexpr DWORD k_pause_ms = 50;
    for (int i = 1;; ++i) {
        if (MoveFileExW(from.c_str(), to.c_str(),
                        MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
            return;
        }
        const auto code = GetLastError();
        const bool passing = code == ERROR_SHARING_VIOLATION || code == ERROR_ACCESS_DENIED;
        if (!passing || i == k_tries_max) fail("renaming a new file to", to);
        Sleep(k_pause_ms);
    }
}

void sync_file(const fs::path& file) {
    const HANDLE handle =
        CreateFileW(file.c_str(), GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                    OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle == INVALID_HANDLE_VALUE) fail("opening", file);
    const bool flushed = FlushFileBuffers(handle) != 0;
    const auto code = GetLastError();
    CloseHandle(handle);
    SetLastError(code);
    if (!flushed) fail("flushing", file);
}

// NTFS keeps names in its journal; a folder cannot be flushed by an ordinary user.
void sync_directory(const fs::path&) {}

std::optional<std::string> drop_quarantine(const fs::path&) {
    return std::nullopt;
}

OutputFile::OutputFile(const fs::path& file, Mode mode) : m_file(file) {
    const DWORD how = mode == Mode::create_new ? CREATE_NEW
                      : mode == Mode::truncate ? CREATE_ALWAYS
                                               : OPEN_ALWAYS;
    const DWORD access = mode == Mode::append ? FILE_APPEND_DATA | SYNCHRONIZE : GENERIC_WRITE;
    const HANDLE handle = CreateFileW(file.c_str(), access, FILE_SHARE_READ | FILE_SHARE_DELETE,
                                      nullptr, how, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle == INVALID_HANDLE_VALUE) fail("creating", file);
    m_native = reinterpret_cast<std::intptr_t>(handle);
}

void OutputFile::write(const void* data, std::size_t bytes) {
    constexpr std::size_t k_piece_bytes_max = 1U << 30;
    const auto* next = static_cast<const char*>(data);
    while (bytes > 0) {
        const auto piece = static_cast<DWORD>(std::min(bytes, k_piece_bytes_max));
        DWORD written = 0;
        if (!WriteFile(handle_of(m_native), next, piece, &written, nullptr)) {
            fail("writing", m_file);
        }
        next += written;
        bytes -= written;
    }
}

void OutputFile::sync() {
    if (!FlushFileBuffers(handle_of(m_native))) fail("flushing", m_file);
}

void OutputFile::close() {
    if (m_native != -1 && !CloseHandle(handle_of(std::exchange(m_native, -1)))) {
        fail("closing", m_file);
    }
}

void OutputFile::drop() noexcept {
    if (m_native != -1) CloseHandle(handle_of(std::exchange(m_native, -1)));
}

} // namespace odysseus::system
