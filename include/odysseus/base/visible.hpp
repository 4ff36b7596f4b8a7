// Text that others chose (names of files, lines of other programs) made safe to show: whatever
// could steer a terminal or forge a line becomes visible as "\u001b".
#pragma once

#include <string>
#include <string_view>

namespace odysseus {

// Control characters (C0 but line end and tab, DEL, C1), and those that turn the direction of
// writing, are escaped; what is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string visible(std::string_view text);

// The same with line ends and tabs escaped too: what is shown stays on one line.
[[nodiscard]] std::string visible_line(std::string_view text);

} // namespace odysseus
