#include "odysseus/memory/device_memory.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;

TEST_CASE("device memory: GPUs by number, everything else is the machine's own") {
    hardware::Machine machine;
    machine.backend = Backend::cuda;
    machine.ram_mib = 4;
    machine.available_ram_mib = 3;
    for (const std::int64_t mib : {10, 20}) {
        hardware::Gpu gpu;
        gpu.vendor = hardware::Vendor::nvidia;
        gpu.total_mib = mib;
        gpu.free_mib = mib - 1;
        machine.gpus.push_back(gpu);
    }
    constexpr std::int64_t k_mib = 1024 * 1024;
    CHECK(device_memory(machine, "CUDA0").total_bytes == 10 * k_mib);
    CHECK(device_memory(machine, "CUDA1").free_bytes == 19 * k_mib);
    CHECK(device_memory(machine, "CPU").total_bytes == 4 * k_mib);
    CHECK_FALSE(device_memory(machine, "RPC0[127.0.0.1:50052]").total_bytes); // another machine's
    CHECK(device_memory(machine, "CUDA_Host").free_bytes == 3 * k_mib);
    CHECK_FALSE(device_memory(machine, "CUDA2").total_bytes.has_value());
    CHECK_FALSE(device_memory(machine, "CUDA-1").total_bytes.has_value());
}
