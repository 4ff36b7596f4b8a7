#include "odysseus/logic/server_report.hpp"

#include "odysseus/logic/text.hpp"

#include <algorithm>

namespace odysseus {

namespace {

constexpr std::size_t k_devices_max = 64;

std::string_view digits_at(std::string_view text) {
    return text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
}

std::optional<std::string> tag_of(std::string_view digits) {
    constexpr std::size_t k_digits_max = 7;
    if (digits.empty() || digits.size() > k_digits_max || digits.front() == '0') {
        return std::nullopt;
    }
    return cat("b", digits);
}

std::optional<Backend> backend_of(std::string_view id) {
    const auto kind = lowered(id.substr(0, id.find_first_of("0123456789[")));
    if (kind == "cuda") return Backend::cuda;
    if (kind == "rocm" || kind == "hip") return Backend::rocm;
    if (kind == "vulkan") return Backend::vulkan;
    if (kind == "metal" || kind == "mtl") return Backend::metal;
    return std::nullopt;
}

bool is_software(std::string_view description) {
    const auto text = lowered(description);
    for (const char* name :
         {"llvmpipe", "lavapipe", "softpipe", "swiftshader", "microsoft basic render", "warp)"}) {
        if (text.find(name) != std::string::npos) return true;
    }
    return false;
}

} // namespace

std::optional<std::string> version_tag(std::string_view text) {
    for (const auto line : lines_of(text)) {
        const auto at = line.find("version: ");
        if (at == std::string_view::npos) continue;
        const auto rest = line.substr(at + 9);
        if (const auto build = rest.find("(build "); build != std::string_view::npos) {
            if (auto tag = tag_of(digits_at(rest.substr(build + 7)))) return tag;
        }
        const auto digits = digits_at(rest);
        if (rest.substr(digits.size(), 2) == " (") {
            if (auto tag = tag_of(digits)) return tag;
        }
    }
    return std::nullopt;
}

std::optional<std::vector<ServerDevice>> listed_devices(std::string_view text) {
    std::vector<ServerDevice> devices;
    bool heading = false;
    for (const auto line : lines_of(text)) {
        if (trimmed(line) == "Available devices:") {
            heading = true;
            continue;
        }
        // Device lines are indented; the backends' own chatter is not.
        if (!heading || line.empty() || line.front() != ' ' || devices.size() == k_devices_max) {
            continue;
        }
        const auto entry = trimmed(line);
        const auto colon = entry.find(": ");
        const auto id = entry.substr(0, colon);
        if (colon == std::string_view::npos || id.empty() || id.find(' ') != id.npos) continue;
        const auto description = trimmed(entry.substr(colon + 2));
        devices.push_back(
            {std::string(id), std::string(description), backend_of(id), is_software(description)});
    }
    if (!heading) return std::nullopt;
    return devices;
}

bool serves(const std::vector<ServerDevice>& devices, Backend backend) {
    if (backend == Backend::cpu) return true;
    return std::any_of(devices.begin(), devices.end(), [&](const ServerDevice& device) {
        return device.backend == backend && !device.software;
    });
}

} // namespace odysseus
