// What fake_llama_server needs of the system: processes beside it, and the wish that it ends.
#pragma once

#include <functional>
#include <memory>
#include <optional>

namespace odysseus::testing {

// A process that waits for the end of its input, as a model's process does. `stubborn`: nothing but
// kill() ends it. Aborts where no process can be started.
class WaitingProcess {
  public:
    explicit WaitingProcess(bool stubborn);
    ~WaitingProcess(); // kills it and waits
    WaitingProcess(const WaitingProcess&) = delete;
    WaitingProcess& operator=(const WaitingProcess&) = delete;

  private:
    struct Native;
    std::unique_ptr<Native> m_native;
};

// Such a process is this very program in another role: the exit code when this is one.
std::optional<int> waiting_process_main(int argc, char** argv);

// A process that lives on for ever, outside our session where there are such, and keeps stdout
// open.
void leave_a_grandchild();

// Takes connections on 127.0.0.1:port and answers none, until this process ends.
void listen_deaf(int port);

// From now on every wish that this process ends (TERM, INT, Ctrl-C, Ctrl-Break) is only a call of
// `wished`, from a thread of its own. Before the first other thread is started.
void on_stop(std::function<void()> wished);

[[noreturn]] void end_now(int code); // without a destructor

} // namespace odysseus::testing
