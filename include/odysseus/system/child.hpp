// One program started for us, with everything it starts in turn: a process group on POSIX systems,
// a job on Windows. Nothing of it outlives this program: on POSIX systems a small guard process
// (the same binary, guard.hpp) stands between the two and stops the group when we vanish;
// on Windows the job does.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace odysseus::system {

// The guard process. It is started once, ahead of time, and used for one child after the other: a
// start then costs no more than the program's own. A guard that died is replaced by itself. On
// Windows there is none, and this does nothing.
class Guard {
  public:
    // `program`: one whose main calls guard_main: own_executable(). Returns at once; trouble shows
    // when a child is started.
    explicit Guard(std::filesystem::path program);
    ~Guard(); // after the last Child
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

  private:
    friend class Child;
    struct Native;
    std::unique_ptr<Native> m_native;
};

struct ChildSpec {
    std::filesystem::path executable;
    std::vector<std::string> arguments;   // without the program's own name
    std::vector<std::string> environment; // "NAME=value", all of it
    std::filesystem::path directory;      // empty: ours
};

// How a process ended.
struct ExitStatus {
    int code = 0;
    int signal = 0; // 0: it was not killed by a signal
};
[[nodiscard]] std::string exit_text(const ExitStatus& status); // "exit code 1", "signal 9 (Killed)"

// What arrived since the last call. When a program writes to both streams, whatever it wrote to
// `out` before something in `err` is in the same or an earlier event: handle `out` first.
struct ChildOutput {
    std::string out;
    std::string err;
};
// The program itself has ended; all it wrote has been delivered. Others of its group may live on
// for a moment.
struct ChildExited {
    ExitStatus status;
};
// The last process of the group is gone, and with it its memory. Nothing follows.
struct ChildGone {};
struct ChildQuiet {}; // the limit passed
using ChildEvent = std::variant<ChildQuiet, ChildOutput, ChildExited, ChildGone>;

class Child {
  public:
    // Returns when the program runs. One at a time for each guard. Throws Error (server) with the
    // stage and the system's reason: "starting /x/llama-server: Permission denied".
    Child(const ChildSpec& spec, Guard& guard);
    ~Child(); // kills what is left and waits until it is gone
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] std::int64_t pid() const; // the program's own, and the group's number on POSIX

    // Waits for the next event. Call it from one thread, until ChildGone.
    [[nodiscard]] ChildEvent next(std::chrono::milliseconds limit);

    // From any thread. Asks the whole group to end now and kills what is left after `grace`; the
    // events tell when it has happened. A second call with a shorter grace hastens it.
    void stop(std::chrono::milliseconds grace);

  private:
    struct Native;
    std::unique_ptr<Native> m_native;
};

} // namespace odysseus::system
