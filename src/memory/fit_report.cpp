#include "odysseus/memory/fit_report.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::memory {
namespace {

constexpr std::size_t k_devices_max = 256;

std::optional<FitDevice> device_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (const auto word : split(trimmed(line), ' ')) {
        if (!word.empty()) words.push_back(word);
    }
    if (words.size() != 4) return std::nullopt;
    const auto model = parsed_int(words[1]);
    const auto context = parsed_int(words[2]);
    const auto compute = parsed_int(words[3]);
    if (!model || !context || !compute || *model < 0 || *context < 0 || *compute < 0)
        return std::nullopt;
    return FitDevice{std::string(words[0]), *model, *context, *compute};
}

} // namespace

std::optional<std::vector<FitDevice>> parse_fit_report(std::string_view text) {
    std::vector<FitDevice> devices;
    for (const auto line : lines_of(text)) {
        auto device = device_of(line);
        if (device && devices.size() < k_devices_max) devices.push_back(std::move(*device));
    }
    if (devices.empty()) return std::nullopt;
    return devices;
}

std::int64_t FitComparison::their_context_mib() const {
    std::int64_t sum = 0;
    for (const auto& device : devices)
        sum += device.context_mib;
    return sum;
}

} // namespace odysseus::memory
