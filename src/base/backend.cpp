#include "odysseus/base/backend.hpp"

#include <algorithm>
#include <array>

namespace odysseus {
namespace {

struct Names {
    Backend backend;
    std::string_view name;
    std::string_view title;
};
constexpr std::array<Names, 6> k_backends{{{Backend::cuda, "cuda", "CUDA"},
                                           {Backend::rocm, "rocm", "ROCm"},
                                           {Backend::sycl, "sycl", "SYCL"},
                                           {Backend::vulkan, "vulkan", "Vulkan"},
                                           {Backend::metal, "metal", "Metal"},
                                           {Backend::cpu, "cpu", "CPU"}}};

const Names& names_of(Backend backend) {
    return k_backends[static_cast<std::size_t>(backend)];
}

} // namespace

std::string_view backend_name(Backend backend) {
    return names_of(backend).name;
}

std::string_view backend_title(Backend backend) {
    return names_of(backend).title;
}

std::optional<Backend> backend_from(std::string_view name) {
    for (const auto& known : k_backends) {
        if (known.name == name) return known.backend;
    }
    return std::nullopt;
}

} // namespace odysseus
