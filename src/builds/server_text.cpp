#include "odysseus/builds/server_text.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::builds {
namespace {

constexpr std::size_t k_devices_max = 256;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// The number before "MiB" at the end of `text`: "24105 MiB" -> 24105.
std::optional<std::int64_t> mib(std::string_view text) {
    const auto words = split(trimmed(text), ' ');
    if (words.size() < 2 || words[1] != "MiB") return std::nullopt;
    return parsed_int(words[0]);
}

std::optional<Backend> backend_of(std::string_view id) {
    struct Prefix {
        std::string_view text;
        Backend backend;
    };
    // MTL0 since autumn 2025, "Metal" before; a ROCm build calls its devices ROCm0.
    static constexpr Prefix k_prefixes[] = {{"CUDA", Backend::cuda},     {"ROCm", Backend::rocm},
                                            {"HIP", Backend::rocm},      {"SYCL", Backend::sycl},
                                            {"Vulkan", Backend::vulkan}, {"MTL", Backend::metal},
                                            {"Metal", Backend::metal}};
    for (const auto& [text, backend] : k_prefixes) {
        if (id.substr(0, text.size()) == text) return backend;
    }
    return std::nullopt;
}

bool is_software_renderer(std::string_view name) {
    const auto low = lowered(name);
    return contains(low, "llvmpipe") || contains(low, "lavapipe") || contains(low, "softpipe") ||
           contains(low, "swiftshader") || contains(low, "microsoft basic render");
}

// "  CUDA0: NVIDIA GeForce RTX 4090 (24080 MiB, 23650 MiB free)". The name may hold parentheses.
std::optional<Device> device_from(std::string_view line) {
    if (line.empty() || (line.front() != ' ' && line.front() != '\t')) return std::nullopt;
    const auto text = trimmed(line);
    const auto colon = text.find(": ");
    const auto open = text.rfind(" (");
    if (colon == 0 || colon == std::string_view::npos || open == std::string_view::npos ||
        open < colon || text.back() != ')') {
        return std::nullopt;
    }
    const auto figures = split(text.substr(open + 2, text.size() - open - 3), ',');
    if (figures.size() != 2) return std::nullopt;
    const auto total = mib(figures[0]);
    const auto free = mib(figures[1]);
    if (!total || !free || *total < 0 || *free < 0) return std::nullopt;

    Device device;
    device.id = std::string(text.substr(0, colon));
    device.name =
        open > colon + 1 ? std::string(trimmed(text.substr(colon + 2, open - colon - 2))) : "";
    if (*total > 0) {
        device.total_mib = total;
        device.free_mib = std::min(*free, *total);
    }
    device.backend = backend_of(device.id);
    device.is_software = is_software_renderer(device.name);
    return device;
}

std::optional<ServerVersion> version_from(std::string_view line) {
    constexpr std::string_view k_label = "version: ";
    if (line.substr(0, k_label.size()) != k_label) return std::nullopt;
    line = trimmed(line.substr(k_label.size()));
    const auto open = line.find(" (");
    if (open == std::string_view::npos || line.back() != ')') return std::nullopt;
    const auto first = line.substr(0, open);
    const auto inside = line.substr(open + 2, line.size() - open - 3);

    ServerVersion version;
    const auto set_build = [&](std::string_view text) {
        const auto number = parsed_int(text);
        if (number && *number >= 0 && *number <= 99'999'999)
            version.build = static_cast<int>(*number);
    };
    constexpr std::string_view k_build = "build ";
    constexpr std::string_view k_commit = "commit ";
    if (inside.substr(0, k_build.size()) == k_build) {
        const auto parts = split(inside.substr(k_build.size()), ',');
        set_build(parts[0]);
        version.version = std::string(first);
        const auto commit = parts.size() > 1 ? trimmed(parts[1]) : std::string_view();
        if (commit.substr(0, k_commit.size()) == k_commit) {
            version.commit = std::string(commit.substr(k_commit.size()));
        }
    } else {
        set_build(first);
        version.commit = std::string(inside);
    }
    if (!version.build) return std::nullopt;
    return version;
}

} // namespace

bool Device::is_gpu() const {
    return backend.has_value() && !is_software;
}

bool is_unified_program(std::string_view file) {
    return file == "llama" || file == "llama.exe";
}

std::optional<ServerVersion> parse_server_version(std::string_view output) {
    for (const auto line : lines_of(output)) {
        if (auto version = version_from(line)) return version;
    }
    return std::nullopt;
}

std::optional<std::vector<Device>> parse_devices(std::string_view output) {
    const auto lines = lines_of(output);
    const auto title = std::find(lines.begin(), lines.end(), "Available devices:");
    if (title == lines.end()) return std::nullopt;
    std::vector<Device> devices;
    // stdout and stderr may be mixed: lines that are no device stand between.
    for (auto line = title + 1; line != lines.end() && devices.size() < k_devices_max; ++line) {
        if (auto device = device_from(*line)) devices.push_back(std::move(*device));
    }
    return devices;
}

bool serves(const std::vector<Device>& devices, Backend backend) {
    if (backend == Backend::cpu) return true;
    return std::any_of(devices.begin(), devices.end(), [&](const Device& device) {
        return device.is_gpu() && device.backend == backend;
    });
}

} // namespace odysseus::builds
