// What must hold for every machine and for every text that a tool could print: no crash, no GPU
// lost without a note, no memory that is not there.
#include "hardware/linux_text.hpp"
#include "hardware/mig_text.hpp"
#include "hardware/nvidia_text.hpp"
#include "hardware/visible_devices.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/hardware/machine_json.hpp"
#include "odysseus/memory/context_choice.hpp"

#include "builds/release_data.hpp"
#include "hardware/mutation.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::hardware;

namespace {

constexpr std::uint64_t k_rounds = 300;
using Json = nlohmann::json;

// Each captured from a machine of that kind; docs/hardware.md has the origins.
const std::vector<std::string> k_smi_rows{
    "NVIDIA GeForce RTX 4090, 24564, 23187, 580.65.06, 8.9, GPU-aaaa",
    "NVIDIA GeForce GTX 1060 6GB, 6144, 5900, 580.65.06, 6.1, GPU-bbbb",
    "NVIDIA H100 NVL, [Insufficient Permissions], [Insufficient Permissions], 550.127.08, 9.0, "
    "GPU-cccc",
    "Orin (nvgpu), [N/A], [N/A], 540.4.0, 8.7, 1a2b3c4d-0000-0000-0000-000000000000",
    "NVIDIA GB10, [N/A], [N/A], 580.126.09, 12.1, GPU-dddd",
    "NVIDIA RTX A2000 Laptop GPU, 4096, 3900, 560.94, 8.6, GPU-eeee"};

const std::string k_mig_table =
    "| NVIDIA-SMI 550.127.08   Driver Version: 550.127.08   CUDA Version: 12.4     |\n"
    "| MIG devices:                                                                |\n"
    "| GPU  GI  CI  MIG |                     Memory-Usage |        Vol|      Shared  |\n"
    "|  0    7   0   0  |              12MiB / 24064MiB    | 32      0 |  2   0    2  |\n"
    "|                  |               0MiB / 32767MiB    |           |              |\n"
    "|  0    8   0   1  |              12MiB / 48128MiB    | 60      0 |  4   0    4  |\n";

Json random_gpu(Mutation& random) {
    static const std::vector<Json> k_vendors{"nvidia", "amd", "intel", "apple", "other", nullptr};
    static const std::vector<Json> k_names{"NVIDIA GeForce RTX 4090", "", nullptr, "x\x1b[31m", 7};
    static const std::vector<Json> k_memory{24564, 1, 0, nullptr, -1, 1e30, "24 GB", 8192};
    static const std::vector<Json> k_versions{"580.65.06", "13.0",    "8.9", "",
                                              nullptr,     "9.9.9.9", "x",   "470"};
    Json gpu = Json::object();
    const auto put = [&](const char* key, const std::vector<Json>& values) {
        if (!random.one_in(4)) gpu[key] = random.any_of(values);
    };
    put("vendor", k_vendors);
    put("name", k_names);
    put("total_mib", k_memory);
    put("free_mib", k_memory);
    put("driver", k_versions);
    put("cuda", k_versions);
    put("compute_capability", k_versions);
    put("gfx", {"gfx1100", "gfx90a", "", nullptr});
    put("unified_memory", {true, false, nullptr, "yes"});
    return gpu;
}

Json random_machine(Mutation& random) {
    Json machine = Json::object();
    const auto put = [&](const char* key, const std::vector<Json>& values) {
        if (!random.one_in(4)) machine[key] = random.any_of(values);
    };
    machine["os"] = random.any_of(std::vector<Json>{"linux", "macos", "win"});
    put("arch", {"x64", "arm64"});
    put("backend", {"cuda", "rocm", "vulkan", "metal", "cpu", "sycl", nullptr});
    put("ram_mib", {65536, 512, 1, nullptr, 0, "64"});
    put("available_ram_mib", {60000, 0, nullptr});
    put("cpu_cores", {16, 1, nullptr});
    put("glibc", {"2.36", "2.31", "none", "", nullptr});
    put("vulkan", {true, false, nullptr});
    put("rocm", {"7.2", "6.4.1", "", nullptr});
    put("sycl", {"8", "none", nullptr});
    put("distribution", {"nixos", "alpine", "debian", nullptr});
    put("os_version", {"15.5", "26.1", "", nullptr});
    if (random.one_in(5)) return machine;
    machine["gpus"] = Json::array();
    for (auto left = random.below(4); left > 0; --left)
        machine["gpus"].push_back(random_gpu(random));
    return machine;
}

void check_choices(const Machine& machine) {
    builds::ChoiceInput input;
    input.machine = machine;
    input.upstream = {release("b11160")};
    const auto answer = builds::choose_builds(input);
    if (const auto* plan = std::get_if<builds::BuildPlan>(&answer)) {
        REQUIRE_FALSE(plan->choices.empty());
        for (const auto& choice : plan->choices)
            CHECK_FALSE(choice.files.empty());
    } else {
        CHECK_FALSE(std::get<builds::NoBuild>(answer).reason.empty());
    }
    const auto context = memory::choose_auto_context(machine, nullptr, {});
    CHECK(context.tokens >= 2048);
    CHECK(context.tokens <= 32768);
}

} // namespace

TEST_CASE("property: 300 random descriptions of machines are refused in words or served") {
    int served = 0;
    for (std::uint64_t round = 0; round < k_rounds; ++round) {
        Mutation random(round);
        const auto described = random_machine(random);
        auto text = described.dump(-1, ' ', false, Json::error_handler_t::replace);
        if (random.one_in(6)) text = random.changed(text);
        INFO("ODYSSEUS_PROPERTY_SEED=" << Mutation::seed() << ", round " << round << ": " << text);
        const auto read = machine_from_json(text);
        if (const auto* wrong = std::get_if<std::string>(&read)) {
            CHECK_FALSE(wrong->empty());
            continue;
        }
        const auto& machine = std::get<Machine>(read);
        const auto parsed = Json::parse(text, nullptr, false);
        if (parsed.contains("gpus") && parsed["gpus"].is_array())
            CHECK(machine.gpus.size() == parsed["gpus"].size());
        check_choices(machine);
        ++served;
    }
    CHECK(served > 30); // else the test tests nothing
}

TEST_CASE("property: 300 changed answers of nvidia-smi lose no GPU without a note") {
    for (std::uint64_t round = 0; round < k_rounds; ++round) {
        Mutation random(round);
        std::string rows;
        for (auto left = 1 + random.below(4); left > 0; --left)
            rows += random.any_of(k_smi_rows) + "\n";
        const auto text = random.changed(rows);
        INFO("ODYSSEUS_PROPERTY_SEED=" << Mutation::seed() << ", round " << round << ":\n" << text);
        auto answer = nvidia_gpus(text);
        REQUIRE(answer.gpus.size() == answer.uuids.size());
        std::size_t lines = 0;
        for (const auto line : lines_of(text))
            lines += trimmed(line).empty() ? 0U : 1U;
        if (answer.gpus.empty()) {
            CHECK_FALSE(nvidia_failure(text).empty());
        } else if (answer.gpus.size() < lines) {
            CHECK_FALSE(answer.notes.empty());
        }
        for (const auto& gpu : answer.gpus) {
            CHECK_FALSE(gpu.name.empty());
            if (gpu.total_mib && gpu.free_mib) CHECK(*gpu.free_mib <= *gpu.total_mib);
            // Memory that is not told is told of.
            const bool silent = !gpu.total_mib && !gpu.free_mib && !gpu.unified_memory;
            if (silent) CHECK_FALSE(answer.notes.empty());
        }
        // A MIG table and a choice of devices, changed too.
        const auto table = random.changed(k_mig_table);
        auto instances = mig_instances(table);
        name_mig_instances(random.changed("GPU 0: x (UUID: GPU-cccc)\n  MIG 1g.24gb     Device  0: "
                                          "(UUID: MIG-5c89852c)\n"),
                           instances);
        apply_mig(instances, answer);
        REQUIRE(answer.gpus.size() == answer.uuids.size());
        const auto before = answer.gpus.size();
        const auto visible = random.any_of(std::vector<std::string>{
            "0", "1,0", "GPU-aaaa", "MIG-5c89852c", "MIG-GPU-cccc/7/0", "-1", "", "9", "0:1", "x"});
        const CudaVisible chosen{random.one_in(3) ? random.changed(visible) : visible, ""};
        apply_visible_devices(chosen, instances, answer);
        REQUIRE(answer.gpus.size() == answer.uuids.size());
        if (answer.gpus.size() < before) CHECK_FALSE(answer.notes.empty());
    }
}

TEST_CASE("property: 300 changed files of /proc give no memory or core that is not there") {
    const std::vector<std::string> files{
        "MemTotal:       65774204 kB\nMemFree:         1203944 kB\nMemAvailable:   60023312 kB\n",
        "processor\t: 0\nmodel name\t: AMD Ryzen 7 7700X 8-Core Processor\nphysical id\t: 0\ncore "
        "id\t\t: 0\n\nprocessor\t: 1\nphysical id\t: 0\ncore id\t\t: 1\n",
        "anon 4096\nfile 1048576\ninactive_file 524288\nactive_file 524288\nslab_reclaimable "
        "4096\n",
        "cpu_cores_count 0\nsimd_count 96\ngfx_target_version 110000\nlocation_id 768\ndomain 0\n",
        "200000 100000\n",
        "NAME=NixOS\nID=nixos\nVERSION_ID=\"24.11\"\n",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 2025\n"};
    for (std::uint64_t round = 0; round < k_rounds; ++round) {
        Mutation random(round);
        const auto text = random.changed(random.any_of(files));
        INFO("ODYSSEUS_PROPERTY_SEED=" << Mutation::seed() << ", round " << round << ":\n" << text);
        auto memory = parse_meminfo(text);
        if (memory.total_mib && memory.available_mib)
            CHECK(*memory.available_mib <= *memory.total_mib);
        const auto limit = system::cgroup_bytes(text).value_or(1 << 30);
        const auto reclaimable = stat_value(text, "active_file").value_or(0);
        (void)apply_memory_limit(memory, {limit, limit / 2, reclaimable});
        if (memory.available_mib) CHECK(*memory.available_mib >= 0);
        if (memory.total_mib) CHECK(*memory.total_mib >= 1);
        const auto cpu = parse_cpuinfo(text, cpu_list("0-3"));
        if (cpu.cores) CHECK(*cpu.cores >= 1);
        if (const auto quota = cpu_quota(text)) CHECK(*quota > 0);
        if (const auto node = parse_kfd_node(text); node.gfx) CHECK(node.gfx->starts_with("gfx"));
        if (const auto id = distribution_id(text)) {
            CHECK(id->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") ==
                  std::string::npos);
        }
        (void)nvidia_kernel_driver(text);
        (void)system::cgroup_paths(text);
        (void)parse_glibc(text);
    }
}
