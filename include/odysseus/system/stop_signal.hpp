// Ctrl-C, SIGTERM, SIGHUP, or the console's close button: one flag that can be waited for.
// Make it in main before the first thread starts (POSIX: the signals are blocked in every thread,
// and one thread of ours waits for them). There can be one at a time. SIGPIPE is ignored from then
// on.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace odysseus::system {

class StopSignal {
  public:
    // `second` is called, in a thread of ours, when the user asks a second time; then the program
    // exits at once with status 130. It should kill what must not be left behind, and be quick.
    explicit StopSignal(std::function<void()> second = {});
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    void on_second(std::function<void()> second);

    [[nodiscard]] bool asked() const;
    // Returns asked(); waits until it is true or `limit` has passed.
    bool wait(std::chrono::milliseconds limit) const;
    void wait() const;
    // As if the user had asked once. For the program's own use; thread-safe.
    void ask();

  private:
    struct Native;
    std::unique_ptr<Native> m_native;
};

} // namespace odysseus::system
