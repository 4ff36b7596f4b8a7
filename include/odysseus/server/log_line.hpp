// What llama-server's log lines tell. In router mode the lines of a model's process come on the
// router's stdout with the process's port in front ("[58697] 0.00.055.548 E ggml_...: ..."), the
// router's own on stderr. Function names in them are cut and change; only the words count. Origin
// of the vocabulary: docs/supervision.md, "What counts as a memory failure".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::server {

struct LogFact {
    enum class Kind {
        noise,
        listening,      // takes connections; port
        spawned,        // the router started a model's process: model, port
        spawn_failed,   // it could not
        exited,         // a model's process ended: model, status
        loading,        // a model's process begins to load
        loaded,         // ... and has loaded
        end_asked,      // ... was told by its router to end
        leaving,        // ... ends, whoever told it
        memory,         // an allocation failed in earnest: bytes, device
        strained,       // something failed that lack of memory, but not only that, explains
        not_memory,     // a reason that no context can cure
        no_code,        // the build has no code for this GPU, or its driver
        no_free_memory, // the device told that nothing of its memory is free
        device_lost,    // the GPU is gone for this process, whatever is asked of it next
        remote_lost,    // llama.cpp's RPC: the other machine does not answer, or not as it should
        gpu_unused,     // a GPU build found none that it can use, and goes on with the CPU
        load_failed,    // the load failed; by itself no reason
        fit_trial,      // the dry run of --fit ended; what it said before does not count
        bind_failed,    // the router's port is taken
    };
    Kind kind = Kind::noise;
    char level = 0;       // 'E', 'W', 'I', 'D' ...; 0: the line has none
    bool stamped = false; // the line begins with the log's time
    bool quotes = false;  // it may quote a request, and so may lines without a time behind it
    std::chrono::steady_clock::time_point at{}; // when it was read; filled in by the reader
    bool from_model = false;                    // said by a model's process, whose port is `port`
    int port = 0;
    std::string model;
    int status = 0;
    bool killed = false; // exited: the kernel killed it for memory; filled in by the reader
    std::optional<std::int64_t> bytes; // memory: what was asked for
    std::string device;                // memory: "CPU", "CUDA0", "Vulkan0"; empty: not said
    std::string text;                  // the line without its prefixes
};

[[nodiscard]] LogFact classify(std::string_view line);

} // namespace odysseus::server
