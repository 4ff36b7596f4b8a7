// Every parser of what tools and files print, on the same bytes; and the hardware file.
#include "hardware/linux_text.hpp"
#include "hardware/macos_text.hpp"
#include "hardware/mig_text.hpp"
#include "hardware/nvidia_text.hpp"
#include "odysseus/builds/server_text.hpp"
#include "odysseus/hardware/machine_json.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace {

using namespace odysseus;

void nvidia(std::string_view text) {
    auto answer = hardware::nvidia_gpus(text);
    auto instances = hardware::mig_instances(text);
    hardware::name_mig_instances(text, instances);
    hardware::apply_mig(instances, answer);
    if (answer.gpus.size() != answer.uuids.size()) std::abort();
    for (const auto& gpu : answer.gpus) {
        if (gpu.free_mib.value_or(0) > gpu.total_mib.value_or(0)) std::abort();
    }
    (void)hardware::nvidia_failure(text);
    (void)hardware::nvidia_cuda_version(text);
    (void)hardware::nvidia_kernel_driver(text);
    (void)hardware::nvidia_model(text);
}

void linux_files(std::string_view text) {
    auto memory = hardware::parse_meminfo(text);
    const auto limit = system::cgroup_bytes(text).value_or(1);
    (void)hardware::apply_memory_limit(memory, {limit, limit / 2, limit / 3});
    (void)system::cgroup_paths(text);
    (void)hardware::cpu_quota(text);
    (void)hardware::parse_cpuinfo(text, hardware::cpu_list(text));
    (void)hardware::parse_kfd_node(text);
    (void)hardware::pci_device_name(text, 0x1002, 0x744C);
    (void)hardware::parse_glibc(text);
    (void)hardware::parse_rocm_version(text);
    (void)hardware::rocm_of_hip_library(text);
    if (const auto number = hardware::sysfs_number(text)) (void)hardware::gfx_name(*number);
}

// What was read can be written and read again, to the same.
void hardware_file(std::string_view text) {
    const auto read = hardware::machine_from_json(text);
    const auto* machine = std::get_if<hardware::Machine>(&read);
    if (machine == nullptr) return;
    const auto written = hardware::machine_json(*machine).dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
    const auto again = hardware::machine_from_json(written);
    if (!std::holds_alternative<hardware::Machine>(again)) std::abort();
    if (hardware::machine_json(std::get<hardware::Machine>(again)).dump() != written) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    nvidia(text);
    linux_files(text);
    hardware::Machine machine;
    hardware::apply_sysctl(text, machine);
    (void)hardware::parse_vm_stat(text);
    (void)builds::parse_server_version(text);
    (void)builds::parse_devices(text);
    hardware_file(text);
    return 0;
}
