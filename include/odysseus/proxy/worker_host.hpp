// The port of `odysseus worker`: machines that were paired with this one get llama.cpp's RPC server
// through TLS, one at a time; nobody else gets beyond the first line.
#pragma once

#include "odysseus/proxy/worker_hello.hpp"
#include "odysseus/system/tls.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace odysseus::proxy {

struct WorkerRules {
    std::string build; // tag
    std::shared_ptr<system::TlsContext> tls;
    // The name of the machine with this certificate; absent: it was not paired with this one.
    std::function<std::optional<std::string>(const system::CertificateDigest&)> name_of;
    struct Started {
        int port = 0; // of the RPC server
        WorkerOffer offer;
    };
    // A fresh RPC server for a session; it may block, and throws Error.
    std::function<Started()> start;
    std::function<void()> stop;                        // ends it; it may block
    std::function<void(const std::string& news)> tell; // a sentence; must not block
};

class WorkerHost {
  public:
    explicit WorkerHost(WorkerRules rules);
    ~WorkerHost(); // stops
    WorkerHost(const WorkerHost&) = delete;
    WorkerHost& operator=(const WorkerHost&) = delete;

    // `host` empty: all addresses. Throws Error: busy when the port is taken. Port 0: any.
    void listen(const std::string& host, int port);
    [[nodiscard]] int port() const;
    void start();
    // Ends the session and its RPC server; returns when that is done.
    void stop();

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace odysseus::proxy
