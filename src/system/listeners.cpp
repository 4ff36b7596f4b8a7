#include "odysseus/base/error.hpp"
#include "odysseus/system/socket.hpp"

#include <optional>

namespace odysseus::platform {
namespace {

constexpr int k_ports_tried_at_most = 20; // where any will do

// Throws when none can be had, or one is taken: half of a name would be another program's.
std::vector<Socket> listen_on_each(const std::vector<std::string>& addresses, int port) {
    std::vector<Socket> listeners;
    std::optional<Error> lacking;
    for (const auto& address : addresses) {
        try {
            listeners.push_back(listen_on(address, port));
            port = port_of(listeners.back());
        } catch (const Error& error) {
            if (error.fault() == Fault::busy) throw;
            lacking = error;
        }
    }
    if (listeners.empty()) throw *lacking;
    return listeners;
}

} // namespace

std::vector<Socket> listen_on_all(const std::string& host, int port) {
    const auto addresses =
        host == "localhost" ? std::vector<std::string>{"127.0.0.1", "::1"} : addresses_of(host);
    for (int tried = 1;; ++tried) {
        try {
            return listen_on_each(addresses, port);
        } catch (const Error& error) {
            const bool another = port == 0 && error.fault() == Fault::busy;
            if (!another || tried == k_ports_tried_at_most) throw;
        }
    }
}

} // namespace odysseus::platform
