#include "macos_text.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::hardware {
namespace {

constexpr std::int64_t k_mib = std::int64_t{1} << 20;
constexpr std::int64_t k_pages_max = std::int64_t{1} << 36;

std::optional<std::int64_t> positive(std::string_view output, std::string_view name) {
    const auto value = value_of_key(output, name);
    const auto number = value ? parsed_int(*value) : std::nullopt;
    if (!number || *number <= 0) return std::nullopt;
    return number;
}

// "Pages free:                              123456."
std::optional<std::int64_t> pages(std::string_view output, std::string_view name) {
    auto value = value_of_key(output, name);
    if (!value || value->empty()) return std::nullopt;
    if (value->back() == '.') value->remove_suffix(1);
    const auto number = parsed_int(*value);
    if (!number || *number < 0 || *number > k_pages_max) return std::nullopt;
    return number;
}

// "Mach Virtual Memory Statistics: (page size of 16384 bytes)"
std::optional<std::int64_t> page_size(std::string_view output) {
    constexpr std::string_view k_label = "page size of ";
    const auto at = output.find(k_label);
    if (at == std::string_view::npos) return std::nullopt;
    const auto rest = output.substr(at + k_label.size());
    const auto size = parsed_int(rest.substr(0, rest.find(' ')));
    if (!size || *size < 1024 || *size > k_mib) return std::nullopt;
    return size;
}

} // namespace

void apply_sysctl(std::string_view output, Machine& machine) {
    if (const auto bytes = positive(output, "hw.memsize"); bytes && *bytes >= k_mib) {
        machine.ram_mib = *bytes / k_mib;
    }
    machine.cpu_cores = positive(output, "hw.physicalcpu");
    const auto model = value_of_key(output, "machdep.cpu.brand_string");
    if (model && !model->empty()) machine.cpu_model = std::string(*model);
    const auto version = value_of_key(output, "kern.osproductversion"); // "15.5"
    if (version && !version->empty()) machine.os_version = std::string(*version);
    // Also under Rosetta, where the program itself is an x64 one.
    if (positive(output, "hw.optional.arm64") != 1) return;
    machine.arch = Arch::arm64;
    Gpu gpu;
    gpu.vendor = Vendor::apple;
    gpu.name = machine.cpu_model.value_or("Apple silicon");
    gpu.unified_memory = true;
    gpu.total_mib = positive(output, "iogpu.wired_limit_mb"); // 0: the system's own limit
    machine.gpus.push_back(std::move(gpu));
}

std::optional<std::int64_t> parse_vm_stat(std::string_view output) {
    const auto size = page_size(output);
    const auto free = pages(output, "Pages free");
    if (!size || !free) return std::nullopt;
    const auto sum = *free + pages(output, "Pages inactive").value_or(0) +
                     pages(output, "Pages speculative").value_or(0) +
                     pages(output, "Pages purgeable").value_or(0);
    return sum * (*size / 1024) / 1024;
}

} // namespace odysseus::hardware
