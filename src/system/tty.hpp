// Whether a person is at the other end.
#pragma once

#include <cstddef>

namespace odysseus::system {

enum class Standard { input, output, error };
[[nodiscard]] bool is_terminal(Standard stream);
// How many characters fit into a line; 0: no terminal, or it does not say.
[[nodiscard]] std::size_t terminal_columns(Standard stream);
// Whether something can be read from stdin; waits for it up to the limit.
[[nodiscard]] bool input_waits(int limit_ms);

} // namespace odysseus::system
