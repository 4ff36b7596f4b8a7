// What llama.cpp computes on: a word that settings, machines, builds and the server share.
#pragma once

#include <optional>
#include <string_view>

namespace odysseus {

enum class Backend { cuda, rocm, sycl, vulkan, metal, cpu };

// "cuda" ..., as users and JSON write it.
[[nodiscard]] std::string_view backend_name(Backend backend);
[[nodiscard]] std::optional<Backend> backend_from(std::string_view name);
// How a person reads it: "CUDA", "ROCm", "SYCL", "Vulkan", "Metal", "CPU".
[[nodiscard]] std::string_view backend_title(Backend backend);

} // namespace odysseus
