#include "odysseus/system/port_text.hpp"

#include "odysseus/base/text.hpp"

#include <cstdio>

namespace odysseus::system {
namespace {

std::vector<std::string_view> columns_of(std::string_view line) {
    std::vector<std::string_view> columns;
    for (const auto column : split(line, ' ')) {
        if (!column.empty()) columns.push_back(column);
    }
    return columns;
}

} // namespace

std::vector<std::string> listening_inodes(std::string_view text, int port) {
    char wanted[8];
    std::snprintf(wanted, sizeof wanted, ":%04X", static_cast<unsigned>(port & 0xffff));
    std::vector<std::string> inodes;
    for (const auto line : lines_of(text)) {
        const auto columns = columns_of(line);
        if (columns.size() > 9 && columns[3] == "0A" && columns[1].ends_with(wanted)) {
            inodes.emplace_back(columns[9]);
        }
    }
    return inodes;
}

std::optional<std::int64_t> user_of_connection(std::string_view text, int port, int to) {
    char here[16];
    char there[16];
    std::snprintf(here, sizeof here, "0100007F:%04X", static_cast<unsigned>(port & 0xffff));
    std::snprintf(there, sizeof there, "0100007F:%04X", static_cast<unsigned>(to & 0xffff));
    for (const auto line : lines_of(text)) {
        const auto columns = columns_of(line);
        if (columns.size() > 9 && columns[1] == here && columns[2] == there)
            return parsed_int(columns[7]);
    }
    return std::nullopt;
}

std::optional<PortUser> lsof_user(std::string_view text) {
    PortUser user;
    for (const auto line : lines_of(text)) {
        if (line.starts_with('p') && user.pid == 0) {
            user.pid = parsed_int(line.substr(1)).value_or(0);
        } else if (line.starts_with('c') && user.name.empty()) {
            user.name = line.substr(1);
        }
    }
    return user.pid > 0 ? std::optional(user) : std::nullopt;
}

std::optional<std::int64_t> netstat_pid(std::string_view text, int port) {
    const auto wanted = concat(":", port);
    for (const auto line : lines_of(text)) {
        const auto columns = columns_of(line);
        if (columns.size() < 5 || columns[0] != "TCP") continue;
        if (!columns[1].ends_with(wanted) || !columns[2].ends_with(":0")) continue;
        if (const auto pid = parsed_int(columns.back())) return pid;
    }
    return std::nullopt;
}

std::string tasklist_name(std::string_view text) {
    for (const auto line : lines_of(text)) {
        if (!line.starts_with('"')) continue;
        return std::string(line.substr(1, line.find('"', 1) - 1));
    }
    return "";
}

} // namespace odysseus::system
