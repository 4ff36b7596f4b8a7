// What llama-server says about itself: --version and --list-devices. This is the ground truth after
// installing: a GPU build that lists no GPU here is not used.
#pragma once

#include "odysseus/hardware/machine.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::builds {

struct ServerVersion {
    std::optional<int> build;           // 11064
    std::optional<std::string> version; // "0.4.1-dev"; builds of before 2026-08 have none
    std::optional<std::string> commit;  // "a894dae93"
};

// `llama` instead of `llama-server`: its first argument, "serve", says what it is.
[[nodiscard]] bool is_unified_program(std::string_view file);

// "version: 9775 (be4a6a63e)" or "version: 0.4.1-dev (build 11064, commit a894dae93)", on stderr,
// other lines around it. Absent: it is not llama-server's answer.
[[nodiscard]] std::optional<ServerVersion> parse_server_version(std::string_view output);

struct Device {
    std::string id; // "CUDA0", "Vulkan1", "RPC0[127.0.0.1:50052]"
    std::string name;
    std::optional<std::int64_t> total_mib; // absent for 0: the backend does not know
    std::optional<std::int64_t> free_mib;
    std::optional<Backend> backend; // of the id; absent for RPC, SYCL, BLAS and what is not ours
    bool is_software = false;       // llvmpipe and its like: the CPU in disguise

    [[nodiscard]] bool is_gpu() const;
};

// The lines below "Available devices:". Absent: that line is missing, so it is no answer at all;
// "(none)" is an empty list.
[[nodiscard]] std::optional<std::vector<Device>> parse_devices(std::string_view output);

// Does the list hold a real GPU of this backend? (For cpu: always.)
[[nodiscard]] bool serves(const std::vector<Device>& devices, Backend backend);

} // namespace odysseus::builds
