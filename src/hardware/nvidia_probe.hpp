// Asks nvidia-smi. The same on Linux and Windows; where the tool lies is the system's matter.
#pragma once

#include "nvidia_text.hpp"
#include "odysseus/hardware/probe.hpp"

#include <chrono>
#include <filesystem>
#include <future>
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
    bool slow = false; // silent because the deadline came: a GPU that sleeps takes long to wake
    NvidiaAnswer answer;
};

struct NvidiaQuestion {
    std::filesystem::path tool;
    std::optional<std::string> visible; // CUDA_VISIBLE_DEVICES, if it is set
    std::optional<std::string> order;   // CUDA_DEVICE_ORDER
};

[[nodiscard]] NvidiaProbe ask_nvidia_smi(const NvidiaQuestion& question,
                                         std::chrono::milliseconds deadline);

// nvidia-smi, asked at once, and once more in the background when it does not answer in time.
class NvidiaSearch {
  public:
    NvidiaSearch(const std::optional<std::filesystem::path>& tool, const ProbeLimits& limits);
    // Waits for the answer and adds it; absent: there is no nvidia-smi.
    std::optional<NvidiaProbe::Outcome> add_to(Machine& machine);

  private:
    std::optional<NvidiaProbe> m_first;
    std::future<NvidiaProbe> m_second;
};

} // namespace odysseus::hardware
