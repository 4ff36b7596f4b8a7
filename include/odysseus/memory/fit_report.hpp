// What llama.cpp itself reckons a model needs (llama-fit-params --fit-print on), beside our own
// estimate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::memory {

// One line of its output: "CUDA0 4403 1024 296".
struct FitDevice {
    std::string device;
    std::int64_t model_mib = 0;
    std::int64_t context_mib = 0;
    std::int64_t compute_mib = 0;
};
// Absent: no line of the text is of that shape. Other lines are passed over.
[[nodiscard]] std::optional<std::vector<FitDevice>> parse_fit_report(std::string_view text);

struct FitComparison {
    std::string model; // id
    std::int64_t tokens = 0;
    double our_context_mib = 0;
    std::vector<FitDevice> devices; // llama.cpp's answer
    std::string trouble;            // why there is none; a sentence
    [[nodiscard]] std::int64_t their_context_mib() const;
};

} // namespace odysseus::memory
