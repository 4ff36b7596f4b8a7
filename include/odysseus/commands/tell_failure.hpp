// Where an error becomes a sentence and an exit code.
#pragma once

namespace odysseus::commands {

// Says at the terminal why the program ends, by the exception that is being handled. The exit code
// (docs/manual.md, "Exit codes").
[[nodiscard]] int tell_failure();

} // namespace odysseus::commands
