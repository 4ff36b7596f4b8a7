// Asks nvidia-smi. The same on Linux and Windows; where the tool lies is the system's matter.
#pragma once

#include "nvidia_text.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace odysseus::hardware {

struct NvidiaProbe {
    enum class Outcome {
        answered, // `answer.gpus` is what there is
        failed,   // it says why in answer.notes: no driver, no device
        silent,   // killed at the deadline, or it could not be run: nothing is known
    };
    Outcome outcome = Outcome::silent;
    NvidiaAnswer answer;
};

// `visible`: the value of CUDA_VISIBLE_DEVICES, if it is set.
[[nodiscard]] NvidiaProbe ask_nvidia_smi(const std::filesystem::path& tool,
                                         const std::optional<std::string>& visible,
                                         std::chrono::milliseconds deadline);

} // namespace odysseus::hardware
