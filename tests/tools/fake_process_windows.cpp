#include "fake_process.hpp"

#include <cstdlib>
#include <cstring>
#include <string>
#include <winsock2.h>

#include <windows.h>

namespace odysseus::testing {
namespace {

constexpr const char* k_role = "--waiting-process";
constexpr const char* k_stubborn_role = "--stubborn-process";

// This program in another role; `input` is its stdin, stdout and stderr are ours.
HANDLE start_self(const char* role, HANDLE input) {
    wchar_t self[4096];
    const DWORD length = ::GetModuleFileNameW(nullptr, self, 4096);
    if (length == 0 || length == 4096) std::abort();
    const std::string narrow(role);
    std::wstring command =
        L"\"" + std::wstring(self, length) + L"\" " + std::wstring(narrow.begin(), narrow.end());
    STARTUPINFOW startup{};
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = input;
    startup.hStdOutput = ::GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = ::GetStdHandle(STD_ERROR_HANDLE);
    PROCESS_INFORMATION started{};
    if (!::CreateProcessW(nullptr, command.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr,
                          &startup, &started)) {
        std::abort();
    }
    ::CloseHandle(started.hThread);
    return started.hProcess;
}

std::function<void()>& wish() {
    static std::function<void()> wished;
    return wished;
}

} // namespace

struct WaitingProcess::Native {
    HANDLE process = nullptr;
    HANDLE input = nullptr;
};

WaitingProcess::WaitingProcess(bool stubborn) : m_native(std::make_unique<Native>()) {
    SECURITY_ATTRIBUTES inherit{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
    HANDLE read = nullptr;
    if (!::CreatePipe(&read, &m_native->input, &inherit, 0)) std::abort();
    ::SetHandleInformation(m_native->input, HANDLE_FLAG_INHERIT, 0);
    m_native->process = start_self(stubborn ? k_stubborn_role : k_role, read);
    ::CloseHandle(read);
}

WaitingProcess::~WaitingProcess() {
    ::TerminateProcess(m_native->process, 1);
    ::CloseHandle(m_native->input);
    ::WaitForSingleObject(m_native->process, INFINITE);
    ::CloseHandle(m_native->process);
}

std::optional<int> waiting_process_main(int argc, char** argv) {
    if (argc != 2) return std::nullopt;
    const bool stubborn = std::strcmp(argv[1], k_stubborn_role) == 0;
    if (!stubborn && std::strcmp(argv[1], k_role) != 0) return std::nullopt;
    if (stubborn) {
        ::SetConsoleCtrlHandler([](DWORD) -> BOOL { return TRUE; }, TRUE);
        ::Sleep(INFINITE);
    }
    char byte = 0;
    DWORD count = 0;
    while (::ReadFile(::GetStdHandle(STD_INPUT_HANDLE), &byte, 1, &count, nullptr) && count == 1)
        continue;
    return 0;
}

void leave_a_grandchild() {
    ::CloseHandle(start_self(k_stubborn_role, nullptr));
}

void listen_deaf(int port) {
    const SOCKET listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 8) != 0)
        std::abort();
}

void on_stop(std::function<void()> wished) {
    wish() = std::move(wished);
    ::SetConsoleCtrlHandler(
        [](DWORD) -> BOOL {
            wish()();
            return TRUE;
        },
        TRUE);
}

void end_now(int code) {
    ::TerminateProcess(::GetCurrentProcess(), static_cast<UINT>(code));
    std::abort();
}

} // namespace odysseus::testing
