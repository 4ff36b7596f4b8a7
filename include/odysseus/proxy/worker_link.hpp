// The other end of `odysseus worker` (--worker): a port of 127.0.0.1 that leads to its RPC server
// while the session with it holds, and closes every connection at once when it does not.
#pragma once

#include "odysseus/proxy/worker_view.hpp"
#include "odysseus/system/tls.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace odysseus::proxy {

struct WorkerPlace {
    WorkerAddress address;
    std::string build; // tag of llama.cpp here
    system::TlsFiles identity;
    system::CertificateDigest certificate; // the worker's
};

class WorkerLink {
  public:
    // `changed`: the worker came or went; before the connections of one that went are closed.
    // `turn`: once a second while it is there. Both in a thread of ours, and must not block long.
    struct Listener {
        std::function<void(const WorkerView& view)> changed;
        std::function<void()> turn;
    };
    // Takes the port. Throws Error.
    explicit WorkerLink(WorkerPlace place);
    ~WorkerLink(); // stops
    WorkerLink(const WorkerLink&) = delete;
    WorkerLink& operator=(const WorkerLink&) = delete;

    void start();
    void stop();
    // From now on; it is told at once what is so.
    void listen(Listener listener);
    // Until the worker has answered for the first time, or could not be asked.
    void wait_asked(std::chrono::milliseconds limit, const std::function<bool()>& stopped) const;
    [[nodiscard]] WorkerView view() const; // from any thread
    // Asks once, and leaves it alone again.
    [[nodiscard]] static WorkerView look_at(const WorkerPlace& place);

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace odysseus::proxy
