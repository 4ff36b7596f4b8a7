// While odysseus serves, nothing that it does waits for its terminal or its log file.
#pragma once

#include <string>

namespace odysseus {

// Writes to stderr, in order with the log's lines.
void show(std::string text);

// While one lives, show and the log (log.hpp) write behind (write_behind.hpp): to the terminal and
// to the log file, each by a thread of its own. At most one at a time.
class BackgroundOutput {
  public:
    BackgroundOutput();
    ~BackgroundOutput();
    BackgroundOutput(const BackgroundOutput&) = delete;
    BackgroundOutput& operator=(const BackgroundOutput&) = delete;
};

// Whether one has gone that left a stuck thread behind. It holds stderr's lock: nothing is to be
// written there any more, and the program has to end without cleaning up (std::_Exit).
[[nodiscard]] bool output_is_stuck();

} // namespace odysseus
