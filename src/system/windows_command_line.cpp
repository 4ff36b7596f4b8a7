#include "windows_command_line.hpp"

#include <string_view>

namespace odysseus::system {
namespace {

void append_quoted(std::string& line, std::string_view argument) {
    if (!argument.empty() && argument.find_first_of(" \t\n\v\"") == std::string_view::npos) {
        line += argument;
        return;
    }
    line += '"';
    std::size_t backslashes = 0;
    for (const char c : argument) {
        if (c == '\\') {
            ++backslashes;
            continue;
        }
        // Before a quote each backslash is doubled, and one more escapes the quote itself.
        line.append(c == '"' ? 2 * backslashes + 1 : backslashes, '\\');
        backslashes = 0;
        line += c;
    }
    line.append(2 * backslashes, '\\'); // the closing quote follows
    line += '"';
}

} // namespace

std::string windows_command_line(const std::vector<std::string>& argv) {
    std::string line;
    for (const auto& argument : argv) {
        if (!line.empty()) line += ' ';
        append_quoted(line, argument);
    }
    return line;
}

} // namespace odysseus::system
