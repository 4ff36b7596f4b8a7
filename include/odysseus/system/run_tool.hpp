// Runs a short-lived program to its end and keeps what it printed: nvidia-smi, llama-server
// --list-devices, uv. It gets no input and its own process group; at the deadline the whole group
// is killed. For what lives on, see child.hpp.
// May be called from any thread; blocks until the program is gone. Never throws for what the
// program does.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace odysseus::system {

using EnvAdditions = std::vector<std::pair<std::string, std::string>>; // replace what is set

struct ToolLimits {
    std::chrono::milliseconds deadline{3000};
    std::size_t output_bytes_max = std::size_t{1}
                                   << 20; // of each stream; the rest is read and lost
};

struct ToolResult {
    enum class End {
        exited,      // `status` is the exit code
        signalled,   // `status` is the signal (POSIX)
        timed_out,   // killed at the deadline
        not_found,   // no such program
        not_started, // `problem` is the system's reason
    };
    End end = End::not_started;
    int status = -1; // -1 with `exited`: the system did not tell
    std::string out;
    std::string err;
    bool truncated = false; // one of the streams was longer than allowed
    std::string problem;

    [[nodiscard]] bool ok() const { return end == End::exited && status == 0; }
    // One clause for a message: "exited with 9", "did not answer within 3000 ms", ...
    [[nodiscard]] std::string how_it_ended(const ToolLimits& limits) const;
};

// argv[0] with a '/' is a path, else it is looked for in this process's PATH. UTF-8 throughout.
[[nodiscard]] ToolResult run_tool(const std::vector<std::string>& argv,
                                  const EnvAdditions& env_additions = {},
                                  const ToolLimits& limits = {});

} // namespace odysseus::system
