// Who listens on a TCP port, out of what each system prints about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::system {

// Inodes of the sockets that listen on this port: /proc/net/tcp and /proc/net/tcp6
// (proc_pid_net(5): the local address, state 0A, the inode in the tenth column).
[[nodiscard]] std::vector<std::string> listening_inodes(std::string_view proc_net_tcp, int port);

// The user of the socket of 127.0.0.1:`port` that is connected to 127.0.0.1:`to`, in /proc/net/tcp.
[[nodiscard]] std::optional<std::int64_t> user_of_connection(std::string_view proc_net_tcp,
                                                             int port, int to);

// `lsof -nP -iTCP:PORT -sTCP:LISTEN -Fpc`: a line "p812", then "cnginx".
struct PortUser {
    std::int64_t pid = 0;
    std::string name;
};
[[nodiscard]] std::optional<PortUser> lsof_user(std::string_view text);

// The process of the listening line for this port in `netstat -ano -p TCP` (Windows, any language:
// the state is translated there, so a remote port of 0 tells).
[[nodiscard]] std::optional<std::int64_t> netstat_pid(std::string_view text, int port);
// The program's name in `tasklist /fo csv /nh /fi "PID eq N"`: "nginx.exe","812",...
[[nodiscard]] std::string tasklist_name(std::string_view text);

} // namespace odysseus::system
