// Every parser of what tools and files print, on the same bytes; and the hardware file.
#include "hardware/linux_text.hpp"
#include "odysseus/hardware/machine_json.hpp"
#include "hardware/macos_text.hpp"
#include "hardware/nvidia_text.hpp"
#include "odysseus/builds/server_text.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace {

using namespace odysseus;

void nvidia(std::string_view text) {
    auto answer = nvidia_gpus(text);
    apply_mig(text, answer);
    apply_visible_devices(text, answer);
    if (answer.gpus.size() != answer.uuids.size()) std::abort();
    for (const auto& gpu : answer.gpus) {
        if (gpu.free_mib.value_or(0) > gpu.total_mib.value_or(0)) std::abort();
    }
    (void)nvidia_failure(text);
    (void)nvidia_cuda_version(text);
    (void)nvidia_kernel_driver(text);
    (void)nvidia_model(text);
}

void linux_files(std::string_view text) {
    auto memory = parse_meminfo(text);
    const auto limit = cgroup_bytes(text).value_or(1);
    (void)apply_memory_limit(memory, {limit, limit / 2, limit / 3});
    (void)cgroup_paths(text);
    (void)cpu_quota(text);
    (void)parse_cpuinfo(text, cpu_list(text));
    (void)parse_kfd_node(text);
    (void)pci_device_name(text, 0x1002, 0x744C);
    (void)parse_glibc(text);
    (void)parse_rocm_version(text);
    (void)rocm_of_hip_library(text);
    if (const auto number = sysfs_number(text)) (void)gfx_name(*number);
}

// What was read can be written and read again, to the same.
void hardware_file(std::string_view text) {
    const auto read = machine_from_json(text);
    const auto* machine = std::get_if<Machine>(&read);
    if (machine == nullptr) return;
    const auto written =
        machine_json(*machine).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const auto again = machine_from_json(written);
    if (!std::holds_alternative<Machine>(again)) std::abort();
    if (machine_json(std::get<Machine>(again)).dump() != written) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    nvidia(text);
    linux_files(text);
    Machine machine;
    apply_sysctl(text, machine);
    (void)parse_vm_stat(text);
    (void)parse_server_version(text);
    (void)parse_devices(text);
    hardware_file(text);
    return 0;
}
