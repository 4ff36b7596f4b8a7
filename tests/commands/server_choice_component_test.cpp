#include "odysseus/commands/server_choice.hpp"

#include <catch2/catch_test_macros.hpp>

namespace odysseus::commands {

// The fake one lists no device, as a build for the CPU does.
TEST_CASE("A llama-server that was named tells what it can compute on") {
    settings::Settings settings;
    settings.llama_server = ODYSSEUS_FAKE_LLAMA_SERVER;
    Server server;
    server.executable = ODYSSEUS_FAKE_LLAMA_SERVER;
    hardware::Machine loader_alone;
    loader_alone.vulkan = true;
    loader_alone.backend = Backend::vulkan;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::amd;
    gpu.name = "Example";
    gpu.total_mib = 8192;
    auto with_gpu = loader_alone;
    with_gpu.gpus.push_back(gpu);

    auto machine = loader_alone;
    take_listed_devices(machine, settings, server);
    CHECK(machine.backend == Backend::cpu);
    CHECK(machine.notes.empty());

    machine = with_gpu;
    take_listed_devices(machine, settings, server);
    CHECK(machine.backend == Backend::cpu);
    REQUIRE(machine.notes.size() == 1);
    CHECK(machine.notes[0].find("can use no GPU here") != std::string::npos);

    settings.device = Backend::vulkan; // it was asked for
    machine = with_gpu;
    take_listed_devices(machine, settings, server);
    CHECK(machine.backend == Backend::vulkan);
}

} // namespace odysseus::commands
