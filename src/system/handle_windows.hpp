// What the Windows sources share: an owner of a handle, and UTF-16 for what the system is told.
#pragma once

#include "odysseus/system/files.hpp"

#include <string>
#include <windows.h>

namespace odysseus::system {

class Handle {
  public:
    Handle() = default;
    explicit Handle(HANDLE handle) : m_handle(handle) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { close(); }
    void close() {
        if (is_open()) ::CloseHandle(m_handle);
        m_handle = nullptr;
    }
    [[nodiscard]] bool is_open() const {
        return m_handle != nullptr && m_handle != INVALID_HANDLE_VALUE;
    }
    [[nodiscard]] HANDLE get() const { return m_handle; }
    [[nodiscard]] HANDLE* place() { return &m_handle; }

  private:
    HANDLE m_handle = nullptr;
};

inline std::wstring wide(const std::string& text) {
    return path_from_utf8(text).native();
}

inline std::string narrow(const wchar_t* text) {
    return utf8(std::filesystem::path(text));
}

} // namespace odysseus::system
