// Whether a person is at the other end.
#pragma once

namespace odysseus::platform {

enum class Standard { input, output, error };
[[nodiscard]] bool is_terminal(Standard stream);

} // namespace odysseus::platform
