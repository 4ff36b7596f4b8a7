#include "refused_allocation.hpp"

#include "line_text.hpp"
#include "odysseus/base/text.hpp"

#include <array>

namespace odysseus::server {
namespace {

struct Unit {
    std::string_view before; // what stands before the number
    std::string_view behind; // what stands behind it
    double bytes;
};
// Where each wording puts the size: "(attempted to allocate 4096.00 MB)" counts in 1024 too.
constexpr std::array<Unit, 8> k_sizes = {{
    {"allocating ", " MiB on device", 1024.0 * 1024},
    {"attempted to allocate ", " MB)", 1024.0 * 1024},
    {"buffer of size ", " MiB", 1024.0 * 1024},
    {"buffer of size ", "", 1},
    {"buffer, size = ", " MiB", 1024.0 * 1024},
    {"memory allocation of size ", "", 1},
    {"failed to allocate ", " bytes", 1},
    {"can't allocate ", " Bytes", 1},
}};

} // namespace

std::optional<std::int64_t> refused_bytes(std::string_view text) {
    constexpr double k_too_large = 9.0e18; // no memory; and the conversion below stays defined
    for (const auto& unit : k_sizes) {
        const auto rest = after(text, unit.before);
        if (!rest) continue;
        const auto tail = without_spaces_before(*rest);
        const auto digits = leading(tail, [](char c) { return is_digit(c) || c == '.'; });
        const auto number = parsed_number(digits);
        if (!number || tail.substr(digits.size(), unit.behind.size()) != unit.behind) continue;
        const double bytes = *number * unit.bytes;
        if (bytes >= 1 && bytes < k_too_large) return static_cast<std::int64_t>(bytes);
    }
    return std::nullopt;
}

std::string refusing_device(std::string_view text) {
    if (const auto rest = after(text, "failed to allocate ")) {
        const auto name = rest->substr(0, rest->find(' '));
        const auto behind = rest->substr(name.size());
        if (behind.substr(0, 7) == " buffer" && name != "output" && name != "compute") {
            return std::string(name);
        }
    }
    if (const auto rest = after(text, "unable to allocate ")) {
        const auto name = rest->substr(0, rest->find(' '));
        if (rest->substr(name.size(), 7) == " buffer") return std::string(name);
    }
    const auto number = [&]() -> std::string {
        const auto rest = after(text, " on device ");
        return rest ? std::string(leading(*rest, is_digit)) : std::string();
    };
    if (has(text, "cudaMalloc") || has(text, "CUDA error")) return "CUDA" + number();
    if (has(text, "hipMalloc") || has(text, "ROCm error")) return "ROCm" + number();
    if (has(text, " Bytes of memory on device")) return "SYCL";
    if (has(text, "ggml_aligned_malloc") || has(text, "ggml_backend_cpu_buffer")) return "CPU";
    if (has(text, "ggml_vulkan") || has(text, "vk::")) return "Vulkan";
    if (has(text, "ggml_metal") || has(text, "kIOGPU")) return "Metal";
    return {};
}

} // namespace odysseus::server
