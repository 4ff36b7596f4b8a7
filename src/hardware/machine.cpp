#include "odysseus/hardware/machine.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace odysseus::hardware {
namespace {

template <class Enum, std::size_t count>
using Names = std::array<std::pair<Enum, std::string_view>, count>;

constexpr Names<Os, 3> k_os{{{Os::linux, "linux"}, {Os::macos, "macos"}, {Os::windows, "win"}}};
constexpr Names<Arch, 2> k_arch{{{Arch::x64, "x64"}, {Arch::arm64, "arm64"}}};
constexpr Names<Vendor, 5> k_vendor{{{Vendor::nvidia, "nvidia"},
                                     {Vendor::amd, "amd"},
                                     {Vendor::intel, "intel"},
                                     {Vendor::apple, "apple"},
                                     {Vendor::other, "other"}}};
constexpr Names<Os, 3> k_os_title{
    {{Os::linux, "Linux"}, {Os::macos, "macOS"}, {Os::windows, "Windows"}}};

template <class Enum, std::size_t count>
std::string_view name_of(const Names<Enum, count>& names, Enum value) {
    for (const auto& [known, name] : names) {
        if (known == value) return name;
    }
    return {};
}

template <class Enum, std::size_t count>
std::optional<Enum> value_of(const Names<Enum, count>& names, std::string_view name) {
    for (const auto& [value, known] : names) {
        if (known == name) return value;
    }
    return std::nullopt;
}

bool has(const Machine& machine, Vendor vendor) {
    return std::any_of(machine.gpus.begin(), machine.gpus.end(),
                       [&](const Gpu& gpu) { return gpu.vendor == vendor; });
}

} // namespace

std::string_view os_name(Os os) {
    return name_of(k_os, os);
}
std::string_view arch_name(Arch arch) {
    return name_of(k_arch, arch);
}
std::string_view vendor_name(Vendor vendor) {
    return name_of(k_vendor, vendor);
}
std::optional<Os> os_from(std::string_view name) {
    return value_of(k_os, name);
}
std::optional<Arch> arch_from(std::string_view name) {
    return value_of(k_arch, name);
}
std::optional<Vendor> vendor_from(std::string_view name) {
    return value_of(k_vendor, name);
}
Vendor vendor_of(Backend backend) {
    switch (backend) {
    case Backend::cuda: return Vendor::nvidia;
    case Backend::rocm: return Vendor::amd;
    case Backend::sycl: return Vendor::intel;
    case Backend::metal: return Vendor::apple;
    case Backend::vulkan:
    case Backend::cpu: break;
    }
    return Vendor::other;
}

std::string_view os_title(Os os) {
    return name_of(k_os_title, os);
}

Backend detect_backend(const Machine& machine) {
    if (machine.os == Os::macos) {
        return machine.arch == Arch::arm64 ? Backend::metal : Backend::cpu;
    }
    if (has(machine, Vendor::nvidia)) return Backend::cuda;
    if (has(machine, Vendor::amd) && machine.rocm) return Backend::rocm;
    const bool brings_vulkan = has(machine, Vendor::amd) || has(machine, Vendor::intel);
    if (machine.vulkan.value_or(brings_vulkan)) return Backend::vulkan;
    return has_sycl(machine) ? Backend::sycl : Backend::cpu;
}

bool has_sycl(const Machine& machine) {
    if (!machine.sycl || machine.arch != Arch::x64 || !has(machine, Vendor::intel)) return false;
    if (machine.os == Os::windows) return *machine.sycl != "none";
    return machine.os == Os::linux && parsed_int(*machine.sycl).value_or(0) >= k_sycl_library_major;
}

} // namespace odysseus::hardware
