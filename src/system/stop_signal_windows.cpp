#include "odysseus/system/stop_signal.hpp"

#include <condition_variable>
#include <mutex>
#include <windows.h>

namespace odysseus::system {
namespace {

constexpr UINT k_status_second = 130;
// Windows ends the program some seconds after a close of the console, whatever we do; until then
// the handler must not return.
constexpr DWORD k_console_patience_ms = 15'000;

} // namespace

struct StopSignal::Native {
    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    bool asked = false;
    std::function<void()> second;
};

namespace {

std::mutex g_mutex;
void* g_native = nullptr; // StopSignal::Native of the one there is

} // namespace

StopSignal::StopSignal(std::function<void()> second) : m_native(std::make_unique<Native>()) {
    m_native->second = std::move(second);
    {
        const std::lock_guard lock(g_mutex);
        g_native = m_native.get();
    }
    // The console's own thread calls it.
    const PHANDLER_ROUTINE handler = [](DWORD event) -> BOOL {
        std::function<void()> last_words;
        {
            const std::lock_guard guard(g_mutex);
            auto* native = static_cast<Native*>(g_native);
            if (native == nullptr) return FALSE;
            const std::lock_guard lock(native->mutex);
            if (native->asked) last_words = native->second;
            const bool again = native->asked;
            native->asked = true;
            native->changed.notify_all();
            if (!again) last_words = nullptr;
            if (!again && (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT)) return TRUE;
            if (!again) event = CTRL_CLOSE_EVENT;
        }
        if (event == CTRL_CLOSE_EVENT) {
            ::Sleep(k_console_patience_ms);
            return TRUE;
        }
        if (last_words) last_words();
        ::TerminateProcess(::GetCurrentProcess(), k_status_second);
        return TRUE;
    };
    ::SetConsoleCtrlHandler(handler, TRUE);
}

StopSignal::~StopSignal() {
    const std::lock_guard lock(g_mutex);
    g_native = nullptr;
}

void StopSignal::on_second(std::function<void()> second) {
    const std::lock_guard lock(m_native->mutex);
    m_native->second = std::move(second);
}

bool StopSignal::asked() const {
    const std::lock_guard lock(m_native->mutex);
    return m_native->asked;
}

bool StopSignal::wait(std::chrono::milliseconds limit) const {
    std::unique_lock lock(m_native->mutex);
    return m_native->changed.wait_for(lock, limit, [this] { return m_native->asked; });
}

void StopSignal::wait() const {
    std::unique_lock lock(m_native->mutex);
    m_native->changed.wait(lock, [this] { return m_native->asked; });
}

void StopSignal::ask() {
    const std::lock_guard lock(m_native->mutex);
    m_native->asked = true;
    m_native->changed.notify_all();
}

} // namespace odysseus::system
