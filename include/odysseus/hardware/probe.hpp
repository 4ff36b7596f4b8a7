// Looks at this machine. Tools are run here and files read; nvidia_text, linux_text and macos_text
// understand what they say. What cannot be found out stays unknown, and what a person should know
// about that is in Machine::notes. docs/hardware.md tells what is looked at and why.
//
// Quick: without an NVIDIA driver no program is started. With one, nvidia-smi is run at most four
// times. One that does not answer in time is asked once more, while the rest is looked at: a GPU
// that sleeps needs some seconds to wake. Never throws for what the
// machine is like. May be called from any thread.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace odysseus::hardware {

// A test gives a root of its own, with a made-up /proc and /sys below it.
struct ProbeLimits {
    std::filesystem::path root = "/";                // Linux only
    std::optional<std::string> path_env;             // instead of PATH
    std::optional<std::string> visible_devices;      // instead of CUDA_VISIBLE_DEVICES
    std::optional<std::string> device_order;         // instead of CUDA_DEVICE_ORDER
    std::optional<std::string> library_path;         // instead of LD_LIBRARY_PATH; Linux only
    std::chrono::milliseconds tool_deadline{3000};   // each run of a tool
    std::chrono::milliseconds wake_deadline{12'000}; // of the second question to a silent one
};

[[nodiscard]] Machine probe_machine(const ProbeLimits& limits = {});

// Machine::distribution alone; reads one small file.
[[nodiscard]] std::optional<std::string> distribution_here();

} // namespace odysseus::hardware
