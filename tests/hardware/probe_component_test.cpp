// A made-up /proc, /sys and nvidia-smi for each kind of machine. (Linux; the parsers of the other
// systems have tests of their own.)
#include "odysseus/hardware/oneapi.hpp"
#include "odysseus/hardware/probe.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/hardware/machine_json.hpp"

#include "hardware/linux_text.hpp"
#include "hardware/mutation.hpp"
#include "scratch.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <catch2/matchers/catch_matchers_vector.hpp>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::hardware;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::VectorContains;

namespace {

class FakeMachine {
  public:
    FakeMachine() {
        file("proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable: 62914560 kB\n");
        std::string cpus;
        for (int i = 0; i < 16; ++i) {
            cpus += "processor\t: " + std::to_string(i) +
                    "\nmodel name\t: AMD Ryzen 7 7700X 8-Core Processor\nphysical id\t: 0\n"
                    "core id\t\t: " +
                    std::to_string(i % 8) + "\n\n";
        }
        file("proc/cpuinfo", cpus);
        file("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-15\n");
        file("proc/self/cgroup", "0::/\n");
        std::filesystem::create_directories(m_scratch / "bin");
    }

    void file(const std::string& path, const std::string& content) {
        std::filesystem::create_directories((m_scratch / path).parent_path());
        std::ofstream(m_scratch / path, std::ios::binary) << content;
    }

    void card(const std::string& name, const std::string& vendor, const std::string& device,
              const std::string& address) {
        const auto folder = "sys/class/drm/" + name + "/device/";
        file(folder + "vendor", vendor + "\n");
        file(folder + "device", device + "\n");
        file(folder + "uevent", "DRIVER=x\nPCI_SLOT_NAME=" + address + "\n");
        file("sys/class/drm/" + name + "-DP-1/status", "connected\n");
    }

    // `query` answers --query-gpu, `plain` the call without arguments.
    void nvidia_smi(const std::string& query, const std::string& plain,
                    const std::string& path = "bin/nvidia-smi") {
        file(path, "#!/bin/sh\nif [ $# -gt 0 ]; then\n" + query + "\nelse\n" + plain + "\nfi\n");
        system::make_executable(m_scratch / path);
    }

    Machine probe(std::chrono::milliseconds deadline = 10s,
                  const std::optional<std::string>& visible = std::nullopt) const {
        ProbeLimits limits;
        limits.root = m_scratch.path();
        limits.path_env = (m_scratch / "nowhere").string() + ":" + (m_scratch / "bin").string();
        limits.tool_deadline = deadline;
        limits.wake_deadline = wake_deadline;
        limits.visible_devices = visible;
        limits.library_path = library_path;
        return probe_machine(limits);
    }

    [[nodiscard]] OneApi oneapi() const { return find_oneapi(m_scratch.path(), library_path); }
    [[nodiscard]] std::string below(const std::filesystem::path& path) const {
        return path.lexically_relative(m_scratch.path()).generic_string();
    }

    std::string library_path; // LD_LIBRARY_PATH
    std::chrono::milliseconds wake_deadline = 200ms;

  private:
    Scratch m_scratch;
};

constexpr const char* k_two_gpus =
    "echo 'NVIDIA GeForce RTX 4090, 24564, 23187, 580.65.06, 8.9, GPU-aaaa'\n"
    "echo 'NVIDIA GeForce RTX 3060, 12288, 12000, 580.65.06, 8.6, GPU-bbbb'";
constexpr const char* k_header =
    "echo '| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06   CUDA Version: 13.0     |'";

} // namespace

TEST_CASE("probe: a machine without a GPU") {
    FakeMachine fake;
    const auto machine = fake.probe();
    CHECK(machine.os == Os::linux);
    CHECK(machine.backend == Backend::cpu);
    CHECK(machine.cpu_model == "AMD Ryzen 7 7700X 8-Core Processor");
    CHECK(machine.cpu_cores == 8);
    CHECK(machine.ram_mib == 65536);
    CHECK(machine.available_ram_mib == 61440);
    CHECK(machine.gpus.empty());
    CHECK(machine.vulkan == false);
    CHECK_FALSE(machine.rocm.has_value());
    CHECK(machine.notes.empty());
}

TEST_CASE("probe: every NVIDIA GPU, with driver, CUDA version and compute capability") {
    FakeMachine fake;
    fake.nvidia_smi(k_two_gpus, k_header);
    fake.card("card0", "0x10de", "0x2684", "0000:01:00.0");
    const auto machine = fake.probe();
    CHECK(machine.backend == Backend::cuda);
    REQUIRE(machine.gpus.size() == 2);
    CHECK(machine.gpus[0].name == "NVIDIA GeForce RTX 4090");
    CHECK(machine.gpus[0].total_mib == 24564);
    CHECK(machine.gpus[0].cuda == "13.0");
    CHECK(machine.gpus[1].compute_capability == "8.6");
    CHECK(machine.gpus[1].free_mib == 12000);
    CHECK(machine.notes.empty());
    // The environment's choice counts, since llama.cpp will follow it.
    const auto second = fake.probe(10s, "1");
    REQUIRE(second.gpus.size() == 1);
    CHECK(second.gpus[0].name == "NVIDIA GeForce RTX 3060");
}

TEST_CASE("probe: an old driver does not know every field") {
    FakeMachine fake;
    fake.nvidia_smi(
        "case \"$*\" in *compute_cap*) echo 'Field \"compute_cap\" is not a valid field to "
        "query.'; exit 2;; *) echo 'Tesla K80, 11441, 11440, 470.256.02';; esac",
        "echo '| CUDA Version: 11.4 |'");
    const auto machine = fake.probe();
    REQUIRE(machine.gpus.size() == 1);
    CHECK(machine.gpus[0].driver == "470.256.02");
    CHECK(machine.gpus[0].cuda == "11.4");
    CHECK_FALSE(machine.gpus[0].compute_capability.has_value());
}

TEST_CASE("probe: an nvidia-smi that hangs is killed, and the kernel asked instead") {
    FakeMachine fake;
    fake.nvidia_smi("sleep 600", "sleep 600");
    fake.file("proc/driver/nvidia/version",
              "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 2025\n");
    fake.file("proc/driver/nvidia/gpus/0000:01:00.0/information",
              "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ: 5\n");
    const auto start = std::chrono::steady_clock::now();
    const auto machine = fake.probe(150ms);
    CHECK(std::chrono::steady_clock::now() - start < 5s);
    CHECK(machine.backend == Backend::cuda);
    REQUIRE(machine.gpus.size() == 1);
    CHECK(machine.gpus[0].name == "NVIDIA GeForce RTX 4090");
    CHECK(machine.gpus[0].driver == "580.65.06");
    CHECK_FALSE(machine.gpus[0].total_mib.has_value());
    CHECK(machine.notes ==
          std::vector<std::string>{
              "nvidia-smi did not finish within 200 ms",
              "the NVIDIA GPUs are known from the kernel alone; their memory is not known"});
    // Only the header hangs: the GPUs stand.
    fake.nvidia_smi(k_two_gpus, "sleep 600");
    const auto without_header = fake.probe(300ms);
    CHECK(without_header.gpus.size() == 2);
    CHECK_FALSE(without_header.gpus[0].cuda.has_value());
}

TEST_CASE("probe: a GPU that sleeps is asked once more") {
    FakeMachine fake;
    fake.wake_deadline = 20s;
    fake.nvidia_smi("sleep 1; " + std::string(k_two_gpus), k_header);
    const auto machine = fake.probe(100ms);
    CHECK(machine.gpus.size() == 2);
    CHECK(machine.backend == Backend::cuda);
    CHECK(machine.warnings.empty());
}

TEST_CASE("probe: a driver that does not answer is told at every start") {
    FakeMachine fake;
    fake.nvidia_smi("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18",
                    "exit 18");
    const auto machine = fake.probe();
    REQUIRE(machine.warnings.size() == 1);
    CHECK_THAT(machine.warnings[0], ContainsSubstring("reboot"));
    CHECK(machine.notes == machine.warnings);
}

TEST_CASE("probe: nvidia-smi's words about a GPU that is lost are kept, beside the others") {
    FakeMachine fake;
    fake.nvidia_smi(std::string(k_two_gpus) +
                        "\necho 'Unable to determine the device handle for GPU0000:02:00.0: GPU is "
                        "lost.' >&2",
                    k_header);
    const auto machine = fake.probe();
    CHECK(machine.gpus.size() == 2);
    REQUIRE(machine.notes.size() == 1);
    CHECK_THAT(machine.notes[0], ContainsSubstring("GPU is lost"));
}

TEST_CASE("probe: an Intel card's memory comes from whichever file its driver has") {
    for (const std::string file :
         {"sys/class/drm/card0/lmem_total_bytes", "sys/class/drm/card0/device/lmem_total_bytes",
          "sys/class/drm/card0/device/tile0/physical_vram_size_bytes",
          "sys/class/drm/card0/device/tile0/memory/physical_vram_size_bytes"}) {
        INFO(file);
        FakeMachine fake;
        fake.card("card0", "0x8086", "0x56a0", "0000:03:00.0");
        fake.file("dev/dri/renderD128", "");
        fake.file(file, "17179869184\n");
        const auto machine = fake.probe();
        REQUIRE(machine.gpus.size() == 1);
        CHECK(machine.gpus[0].total_mib == 16384);
        CHECK(machine.gpus[0].unified_memory == false);
    }
}

TEST_CASE("probe: an nvidia-smi that fails or babbles leaves no GPU, but its words") {
    FakeMachine fake;
    fake.nvidia_smi(
        "echo \"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA "
        "driver. Make sure that the latest NVIDIA driver is installed and running.\"; exit 9",
        "exit 9");
    fake.card("card0", "0x10de", "0x2684", "0000:01:00.0");
    auto machine = fake.probe();
    CHECK(machine.backend == Backend::cpu);
    CHECK(machine.gpus.empty());
    REQUIRE(machine.notes.size() == 1);
    CHECK_THAT(machine.notes[0], ContainsSubstring("couldn't communicate with the NVIDIA driver"));

    fake.nvidia_smi("head -c 100000 /dev/zero", "true");
    machine = fake.probe();
    CHECK(machine.gpus.empty());
    CHECK(machine.backend == Backend::cpu);

    fake.nvidia_smi("kill -SEGV $$", "true");
    CHECK_THAT(fake.probe().notes,
               VectorContains(std::string("nvidia-smi was ended by signal 11")));
}

TEST_CASE("probe: an NVIDIA card without NVIDIA's driver is only noted") {
    FakeMachine fake;
    fake.card("card0", "0x10de", "0x2684", "0000:01:00.0");
    const auto machine = fake.probe();
    CHECK(machine.gpus.empty());
    CHECK(machine.backend == Backend::cpu);
    REQUIRE(machine.notes.size() == 1);
    CHECK_THAT(machine.notes[0], ContainsSubstring("NVIDIA's driver is not"));
}

TEST_CASE("probe: WSL2's nvidia-smi is found without PATH") {
    FakeMachine fake;
    fake.file("dev/dxg", "");
    fake.nvidia_smi(k_two_gpus, k_header, "usr/lib/wsl/lib/nvidia-smi");
    const auto machine = fake.probe();
    CHECK(machine.gpus.size() == 2);
    CHECK(machine.backend == Backend::cuda);
    CHECK(machine.notes == std::vector<std::string>{"this is WSL2"});
}

TEST_CASE("probe: an AMD card with its chip, memory and ROCm runtime") {
    FakeMachine fake;
    fake.card("card1", "0x1002", "0x744c", "0000:03:00.0");
    fake.file("dev/kfd", "");
    fake.file("sys/class/drm/card1/device/mem_info_vram_total", "25753026560\n");
    fake.file("sys/class/drm/card1/device/mem_info_vram_used", "1073741824\n");
    fake.file("sys/class/drm/card1/device/mem_info_gtt_total", "33669038080\n");
    fake.file("sys/class/drm/card1/device/mem_info_gtt_used", "0\n");
    fake.file("sys/class/kfd/kfd/topology/nodes/0/properties", "simd_count 0\nlocation_id 0\n");
    fake.file("sys/class/kfd/kfd/topology/nodes/1/properties",
              "simd_count 192\ngfx_target_version 110000\nlocation_id 768\ndomain 0\n");
    fake.file("usr/share/misc/pci.ids", "#\n1002  AMD\n\t744c  Navi 31 [Radeon RX 7900 XTX]\n");
    fake.file("opt/rocm/lib/libamdhip64.so.7", "");
    fake.file("opt/rocm/.info/version", "7.2.0-58\n");
    fake.file("usr/lib64/libvulkan.so.1", "");
    const auto machine = fake.probe();
    REQUIRE(machine.gpus.size() == 1);
    CHECK(machine.gpus[0].vendor == Vendor::amd);
    CHECK(machine.gpus[0].name == "AMD Radeon RX 7900 XTX");
    CHECK(machine.gpus[0].gfx == "gfx1100");
    CHECK(machine.gpus[0].total_mib == 24560);
    CHECK(machine.gpus[0].free_mib == 23536);
    CHECK(machine.gpus[0].unified_memory == false);
    CHECK(machine.rocm == "7.2.0");
    CHECK(machine.vulkan == true);
    CHECK(machine.backend == Backend::rocm);
    CHECK(machine.notes.empty());
}

TEST_CASE("probe: an Intel card with oneAPI and no Vulkan loader") {
    FakeMachine fake;
    fake.card("card0", "0x8086", "0x56a0", "0000:03:00.0");
    fake.file("dev/dri/renderD128", "");
    CHECK(fake.probe().sycl == "none");
    CHECK(fake.probe().backend == Backend::cpu);
    fake.file("usr/lib/x86_64-linux-gnu/libze_loader.so.1", "");
    CHECK(fake.probe().sycl == "none"); // Level Zero alone does not do
    // 2026.1 is the newest, but llama.cpp's builds are made with 2025.3.
    fake.file("opt/intel/oneapi/compiler/2026.1/lib/libsycl.so.9", "");
    fake.file("opt/intel/oneapi/mkl/2026.1/lib/libmkl_core.so.2", "");
    CHECK(fake.probe().sycl == "9");
    fake.file("opt/intel/oneapi/compiler/2025.3/lib/libsycl.so.8", "");
    fake.file("opt/intel/oneapi/compiler/2025.10/lib/libother.so", "");
    fake.file("opt/intel/oneapi/mkl/2025.3/lib/libmkl_core.so.2", "");
    fake.file("opt/intel/oneapi/tbb/2022.3/lib/libtbb.so.12", "");
    fake.file("opt/intel/oneapi/tbb/latest/lib/libtbb.so.12", "");
    CHECK(fake.probe().sycl == "8");
    CHECK(fake.probe().vulkan == false);
    CHECK(fake.probe().backend == Backend::sycl);
    std::vector<std::string> folders;
    for (const auto& folder : fake.oneapi().folders)
        folders.push_back(fake.below(folder));
    CHECK(folders == std::vector<std::string>{"opt/intel/oneapi/compiler/2025.3/lib",
                                              "opt/intel/oneapi/mkl/2025.3/lib",
                                              "opt/intel/oneapi/tbb/2022.3/lib"});
    // After setvars.sh, or from a system package, nothing is to be added.
    fake.library_path = "/x::relative:/opt/intel/oneapi/compiler/2025.3/lib";
    CHECK(fake.probe().sycl == "8");
    CHECK(fake.oneapi().folders.empty());
}

TEST_CASE("probe: oneAPI without Level Zero is no SYCL runtime") {
    FakeMachine fake;
    fake.card("card0", "0x8086", "0x56a0", "0000:03:00.0");
    fake.file("dev/dri/renderD128", "");
    fake.file("usr/lib64/libsycl.so.8", "");
    CHECK(fake.probe().sycl == "none");
    CHECK(fake.probe().backend == Backend::cpu);
    fake.file("conda/lib/libze_loader.so.1", "");
    fake.library_path = "/conda/lib";
    CHECK(fake.probe().sycl == "8");
    CHECK(fake.oneapi().folders.empty());
    fake.file("usr/lib64/libvulkan.so.1", "");
    CHECK(fake.probe().backend == Backend::vulkan); // as the specification has it
}

TEST_CASE("probe: an APU has its slice and the GTT, as far as there is RAM") {
    FakeMachine fake;
    fake.card("card0", "0x1002", "0x1586", "0000:c5:00.0");
    fake.file("dev/dri/renderD128", "");
    fake.file("sys/class/drm/card0/device/mem_info_vram_total", "536870912\n");
    fake.file("sys/class/drm/card0/device/mem_info_vram_used", "268435456\n");
    fake.file("sys/class/drm/card0/device/mem_info_gtt_total", "128849018880\n"); // 120 GiB
    fake.file("sys/class/drm/card0/device/mem_info_gtt_used", "1073741824\n");
    fake.file("sys/class/kfd/kfd/topology/nodes/1/properties",
              "simd_count 80\ngfx_target_version 110501\nlocation_id 50432\ndomain 0\n");
    fake.file("usr/lib/x86_64-linux-gnu/libvulkan.so.1", "");
    const auto machine = fake.probe();
    REQUIRE(machine.gpus.size() == 1);
    CHECK(machine.gpus[0].gfx == "gfx1151");
    CHECK(machine.gpus[0].name == "AMD GPU");
    CHECK(machine.gpus[0].unified_memory == true);
    CHECK(machine.gpus[0].total_mib == 512 + 122880);
    CHECK(machine.gpus[0].free_mib == 256 + 61440);
    CHECK(machine.backend == Backend::vulkan);
}

TEST_CASE("probe: the host's card in a container that did not get it") {
    FakeMachine fake;
    fake.card("card0", "0x8086", "0x56a0", "0000:03:00.0");
    auto machine = fake.probe();
    CHECK(machine.gpus.empty());
    CHECK(machine.notes ==
          std::vector<std::string>{
              "Intel GPU is not handed into this container (/dev/dri is missing)"});
    fake.file("dev/dri/card0", "");
    machine = fake.probe();
    REQUIRE(machine.gpus.size() == 1);
    CHECK(machine.gpus[0].vendor == Vendor::intel);
    CHECK(machine.gpus[0].unified_memory == false);
    CHECK_FALSE(machine.gpus[0].total_mib.has_value());
    // A server's console chip is no GPU for us.
    fake.card("card1", "0x1a03", "0x2000", "0000:05:00.0");
    CHECK(fake.probe().gpus.size() == 1);
}

TEST_CASE("probe: a container's limits count, v2 and v1, on every level") {
    FakeMachine v2;
    v2.file("proc/self/cgroup", "0::/kubepods/pod1/c1\n");
    v2.file("sys/fs/cgroup/kubepods/pod1/c1/memory.max", "max\n");
    v2.file("sys/fs/cgroup/kubepods/pod1/memory.max", "17179869184\n");
    v2.file("sys/fs/cgroup/kubepods/pod1/memory.current", "6442450944\n");
    v2.file("sys/fs/cgroup/kubepods/pod1/memory.stat",
            "anon 1\ninactive_file 1073741824\nactive_file 536870912\n"
            "slab_reclaimable 536870912\n");
    v2.file("sys/fs/cgroup/kubepods/pod1/c1/cpu.max", "250000 100000\n");
    auto machine = v2.probe();
    CHECK(machine.ram_mib == 16384);
    CHECK(machine.available_ram_mib == 12288);
    CHECK(machine.cpu_cores == 3);
    CHECK(machine.notes ==
          std::vector<std::string>{"a container or control group limits the CPU to 3 cores",
                                   "a container or control group limits the memory to 16384 MiB"});

    FakeMachine v1;
    v1.file("proc/self/cgroup", "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n");
    v1.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "8589934592\n"); // seen from inside
    v1.file("sys/fs/cgroup/memory/memory.usage_in_bytes", "4294967296\n");
    v1.file("sys/fs/cgroup/memory/memory.stat",
            "total_inactive_file 0\ntotal_active_file 1048576\n");
    v1.file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    v1.file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    machine = v1.probe();
    CHECK(machine.ram_mib == 8192);
    CHECK(machine.available_ram_mib == 4097);
    CHECK(machine.cpu_cores == 8);

    FakeMachine cpuset;
    cpuset.file("proc/self/status", "Cpus_allowed_list:\t0,8\n"); // two threads of one core
    CHECK(cpuset.probe().cpu_cores == 1);
}

TEST_CASE("probe: musl is told apart, also from musl beside glibc") {
    FakeMachine fake;
    fake.file("lib/ld-musl-x86_64.so.1", "");
    CHECK(fake.probe().glibc == "none");
    fake.file("lib64/ld-linux-x86-64.so.2", "");
    CHECK_FALSE(fake.probe().glibc.has_value());
}

TEST_CASE("probe: glibc's version is the machine's, whatever this program is linked with") {
    for (const char* folder : {"lib64", "lib/x86_64-linux-gnu", "usr/lib"}) {
        FakeMachine fake;
        fake.file(concat(folder, "/libc.so.6"),
                  std::string(3 << 20, '\0') +
                      "GNU C Library (Debian GLIBC 2.31-13) stable release version 2.31.\n");
        CHECK(fake.probe().glibc == "2.31");
    }
}

TEST_CASE("probe: an empty root is a machine of which nothing is known") {
    const Scratch empty;
    ProbeLimits limits;
    limits.root = empty.path();
    limits.path_env = "";
    const auto machine = probe_machine(limits);
    CHECK(machine.backend == Backend::cpu);
    CHECK_FALSE(machine.ram_mib.has_value());
    CHECK_FALSE(machine.cpu_cores.has_value());
    CHECK(machine.gpus.empty());
}

TEST_CASE("probe: this very machine, quickly and as JSON that reads back") {
    auto quickest = std::chrono::steady_clock::duration::max();
    Machine machine;
    // A busy machine slows some turns, not the best one.
    for (int turn = 0; turn < 10 && quickest >= 500ms; ++turn) {
        const auto start = std::chrono::steady_clock::now();
        machine = probe_machine();
        quickest = std::min(quickest, std::chrono::steady_clock::now() - start);
    }
    CHECK(machine.ram_mib.value_or(0) > 0);
    CHECK(machine.cpu_cores.value_or(0) > 0);
    const auto json = machine_json(machine).dump();
    INFO(json);
    CHECK(std::holds_alternative<Machine>(machine_from_json(json)));
    if (machine.backend == Backend::cpu) CHECK(quickest < 500ms);
}

TEST_CASE("property: 300 changed files of /sys lose no card without a note") {
    constexpr std::uint64_t k_property_rounds = 300;
    const std::string card0 = "sys/class/drm/card0/device/";
    const std::string card1 = "sys/class/drm/card1/device/";
    const std::vector<std::pair<std::string, std::string>> files{
        {card0 + "vendor", "0x1002\n"},
        {card0 + "device", "0x744c\n"},
        {card0 + "uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n"},
        {card0 + "mem_info_vram_total", "25753026560\n"},
        {card0 + "mem_info_vram_used", "1073741824\n"},
        {card0 + "mem_info_gtt_total", "33554432000\n"},
        {card1 + "vendor", "0x8086\n"},
        {card1 + "device", "0xe20b\n"},
        {card1 + "uevent", "DRIVER=xe\nPCI_SLOT_NAME=0000:04:00.0\n"},
        {card1 + "tile0/physical_vram_size_bytes", "12582912000\n"},
        {"sys/class/kfd/kfd/topology/nodes/1/properties",
         "simd_count 192\ngfx_target_version 110000\nlocation_id 768\ndomain 0\n"},
        {"proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable: 62914560 kB\n"},
        {"dev/dri/card0", ""},
    };
    FakeMachine fake;
    for (std::uint64_t round = 0; round < k_property_rounds; ++round) {
        Mutation random(round);
        const auto victim = random.below(files.size());
        std::string changed;
        for (std::size_t i = 0; i < files.size(); ++i) {
            const bool is_victim = i == victim;
            if (is_victim) changed = random.changed(files[i].second);
            fake.file(files[i].first, is_victim ? changed : files[i].second);
        }
        INFO("ODYSSEUS_PROPERTY_SEED=" << Mutation::seed() << ", round " << round << ": "
                                       << files[victim].first << "\n"
                                       << changed);
        const auto machine = fake.probe();
        const bool is_vendor = files[victim].first.ends_with("vendor");
        // Another maker's number is another card; one that is none is told of.
        const auto number = sysfs_number(changed);
        const bool other_card = is_vendor && number && !pci_vendor(*number);
        if (machine.gpus.size() < 2 && !other_card) CHECK_FALSE(machine.notes.empty());
        for (const auto& gpu : machine.gpus) {
            if (gpu.total_mib) CHECK(*gpu.total_mib > 0);
            if (gpu.total_mib && gpu.free_mib) CHECK(*gpu.free_mib <= *gpu.total_mib);
        }
        if (machine.ram_mib && machine.available_ram_mib)
            CHECK(*machine.available_ram_mib <= *machine.ram_mib);
    }
}
