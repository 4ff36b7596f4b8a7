// A connection between two machines that do not know each other yet (odysseus pair): TLS on which
// each shows its certificate and any is accepted. People compare what both saw afterwards.
#pragma once

#include "odysseus/system/tls.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace odysseus::proxy {

class PairLink {
  public:
    using Stopped = std::function<bool()>;
    // Whether it is the other machine; else the next one that connects is asked.
    using Greet = std::function<bool(PairLink&)>;
    // Waits for the other machine on all addresses; `listens` is told when it can connect. Throws
    // Error: busy when the port is taken; Stopped; and what `greet` throws.
    [[nodiscard]] static std::unique_ptr<PairLink> wait(int port, const system::TlsFiles& files,
                                                        const std::function<void()>& listens,
                                                        const Greet& greet, const Stopped& stopped);
    // Throws Error (network).
    [[nodiscard]] static std::unique_ptr<PairLink> connect(const std::string& host, int port,
                                                           const system::TlsFiles& files,
                                                           const Stopped& stopped);
    virtual ~PairLink() = default;

    // One line each, without its end and at most 4 KiB. Throw Error (network), Stopped.
    virtual void send(const std::string& line) = 0;
    [[nodiscard]] virtual std::string receive(std::chrono::seconds limit) = 0;
    [[nodiscard]] virtual system::CertificateDigest certificate() const = 0; // the other one's
    [[nodiscard]] virtual std::string address() const = 0;                   // the other one's
};

} // namespace odysseus::proxy
