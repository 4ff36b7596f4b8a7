// TCP ports and sockets of this machine. An answer is true at the moment of asking only: who needs
// the port binds it, and asks for another when that fails.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace odysseus::system {

// Nobody listens on it and it can be bound. `address`: "127.0.0.1", "0.0.0.0", "::1"...
[[nodiscard]] bool port_is_free(const std::string& address, int port);
// The first free one from `from` on; nothing when the next k_ports_tried are all taken.
inline constexpr int k_ports_tried = 100;
[[nodiscard]] std::optional<int> next_free_port(const std::string& address, int from);

// Whether the process `pid`, or one of its children, listens on this port of 127.0.0.1 (or of
// every address). Nothing: this system does not tell.
[[nodiscard]] std::optional<bool> listens_on(std::int64_t pid, int port);

// Whether another user of this machine made this connection on 127.0.0.1, from `port` to `to`;
// false also where the system does not tell.
[[nodiscard]] bool is_foreign_connection(int port, int to);

// For a socket that is to listen, before it is bound: the port of a program that has ended can be
// taken at once, that of one that runs cannot.
void claim_port(std::intptr_t socket);

// Programs that are started do not inherit it.
void keep_from_children(std::intptr_t socket);

// For a connection to another machine: one that vanished without a word breaks it within half a
// minute, also while nothing is sent. What the system lacks for it is left out.
void notice_lost_host(std::intptr_t socket);

// How many files and sockets this process may hold open, after asking the system for up to
// `wanted`.
[[nodiscard]] std::size_t allow_open_files(std::size_t wanted);

} // namespace odysseus::system
