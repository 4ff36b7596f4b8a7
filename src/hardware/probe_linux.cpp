#include "odysseus/hardware/probe.hpp"

#include "tree_linux.hpp"

#include "linux_text.hpp"
#include "nvidia_probe.hpp"
#include "nvidia_text.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/hardware/oneapi.hpp"
#include "odysseus/system/files.hpp"
#include "visible_devices.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sys/utsname.h>
#include <unistd.h>

namespace odysseus::hardware {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_pci_ids_bytes_max = std::size_t{16} << 20;
constexpr std::int64_t k_mib = std::int64_t{1} << 20;
constexpr std::int64_t k_card_bytes_max = std::int64_t{1} << 44; // 16 TiB: above it is garbage

// --- CPU and memory

struct CgroupFiles {
    std::string folder;
    const char* limit;
    const char* used;
    std::vector<const char*> reclaimable; // page cache and slab that the kernel takes back
};

void apply_cgroup_memory(const Tree& tree, const CgroupFiles& files, MemoryInfo& memory,
                         bool& limited) {
    const auto limit = system::cgroup_bytes(tree.text(files.folder + "/" + files.limit));
    if (!limit) return;
    const auto used = system::cgroup_bytes(tree.text(files.folder + "/" + files.used)).value_or(0);
    const auto stat = tree.text(files.folder + "/memory.stat");
    std::int64_t reclaimable = 0;
    for (const auto* key : files.reclaimable)
        reclaimable += std::clamp<std::int64_t>(stat_value(stat, key).value_or(0), 0, used);
    if (apply_memory_limit(memory, {*limit, used, reclaimable})) limited = true;
}

void probe_memory(const Tree& tree, const system::CgroupPaths& groups, Machine& machine) {
    auto memory = parse_meminfo(tree.text("proc/meminfo"));
    bool limited = false;
    for (const auto& level : system::cgroup_levels(groups.unified.value_or(""))) {
        apply_cgroup_memory(tree,
                            {"sys/fs/cgroup" + level,
                             "memory.max",
                             "memory.current",
                             {"inactive_file", "active_file", "slab_reclaimable"}},
                            memory, limited);
    }
    for (const auto& level : system::cgroup_levels(groups.memory.value_or(""))) {
        apply_cgroup_memory(tree,
                            {"sys/fs/cgroup/memory" + level,
                             "memory.limit_in_bytes",
                             "memory.usage_in_bytes",
                             {"total_inactive_file", "total_active_file"}},
                            memory, limited);
    }
    machine.ram_mib = memory.total_mib;
    machine.available_ram_mib = memory.available_mib;
    if (limited) {
        machine.notes.push_back(concat("a container or control group limits the memory to ",
                                       *memory.total_mib, " MiB"));
    }
}

std::optional<double> cgroup_quota(const Tree& tree, const system::CgroupPaths& groups) {
    std::optional<double> least;
    const auto take = [&](std::optional<double> quota) {
        if (quota) least = std::min(least.value_or(*quota), *quota);
    };
    for (const auto& level : system::cgroup_levels(groups.unified.value_or(""))) {
        take(cpu_quota(tree.text("sys/fs/cgroup" + level + "/cpu.max")));
    }
    for (const auto& level : system::cgroup_levels(groups.cpu.value_or(""))) {
        const auto folder = "sys/fs/cgroup/cpu" + level;
        take(cpu_quota(tree.text(folder + "/cpu.cfs_quota_us") + " " +
                       tree.text(folder + "/cpu.cfs_period_us")));
    }
    return least;
}

void probe_cpu(const Tree& tree, const system::CgroupPaths& groups, Machine& machine) {
    const auto status = tree.text("proc/self/status");
    const auto allowed_text = value_of_key(status, "Cpus_allowed_list");
    const auto cpu = parse_cpuinfo(tree.text("proc/cpuinfo"),
                                   allowed_text ? cpu_list(*allowed_text) : std::nullopt);
    machine.cpu_model = cpu.model;
    machine.cpu_cores = cpu.cores;
    const auto quota = cgroup_quota(tree, groups);
    if (!quota) return;
    const auto most = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(*quota)));
    if (machine.cpu_cores && *machine.cpu_cores <= most) return;
    machine.cpu_cores = most;
    machine.notes.push_back(
        concat("a container or control group limits the CPU to ", most, " cores"));
}

// --- GPUs

std::optional<fs::path> find_nvidia_smi(const Tree& tree, std::string_view path_env) {
    for (const auto folder : split(path_env, ':')) {
        const auto file = fs::path(folder) / "nvidia-smi";
        if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
    }
    // Where PATH may not lead: services, WSL2, NixOS.
    for (const auto* file : {"usr/bin/nvidia-smi", "usr/lib/wsl/lib/nvidia-smi",
                             "run/current-system/sw/bin/nvidia-smi"}) {
        if (::access(tree.at(file).c_str(), X_OK) == 0) return tree.at(file);
    }
    return std::nullopt;
}

// The kernel's driver is there, but nvidia-smi is not, or hangs: names and driver, no memory.
void add_from_kernel(const Tree& tree, Machine& machine) {
    const auto driver = nvidia_kernel_driver(tree.text("proc/driver/nvidia/version"));
    if (!driver) return;
    for (const auto& entry : tree.names("proc/driver/nvidia/gpus")) {
        Gpu gpu;
        gpu.vendor = Vendor::nvidia;
        gpu.name =
            nvidia_model(tree.text(concat("proc/driver/nvidia/gpus/", entry, "/information")))
                .value_or("NVIDIA GPU");
        gpu.driver = driver;
        machine.gpus.push_back(std::move(gpu));
    }
    if (machine.gpus.empty()) return;
    machine.notes.push_back(
        "the NVIDIA GPUs are known from the kernel alone; their memory is not known");
}

// One card of /sys/class/drm.
struct Card {
    std::string folder; // "sys/class/drm/card0/device"
    Vendor vendor = Vendor::other;
    std::int64_t vendor_id = 0;
    std::int64_t device_id = 0;
    std::string pci_address;
};

std::vector<Card> drm_cards(const Tree& tree, Machine& machine) {
    std::vector<Card> cards;
    for (const auto& name : tree.names("sys/class/drm")) {
        // "card0", not its connectors "card0-DP-1".
        if (name.rfind("card", 0) != 0 || !parsed_int(name.substr(4))) continue;
        Card card;
        card.folder = "sys/class/drm/" + name + "/device";
        const auto vendor_id = tree.number(card.folder + "/vendor");
        // Displays that are no PCI devices (a virtual machine's, an ARM board's) have no such file.
        if (!vendor_id && tree.exists(card.folder + "/vendor"))
            machine.notes.push_back(concat("a graphics card (", printable(name, 32),
                                           ") does not tell its maker, and is not counted"));
        card.vendor_id = vendor_id.value_or(0);
        card.device_id = tree.number(card.folder + "/device").value_or(0);
        const auto vendor = pci_vendor(card.vendor_id);
        if (!vendor) continue;
        card.vendor = *vendor;
        constexpr std::string_view k_slot = "PCI_SLOT_NAME=";
        const auto uevent = tree.text(card.folder + "/uevent");
        for (const auto line : lines_of(uevent)) {
            if (line.substr(0, k_slot.size()) == k_slot)
                card.pci_address = line.substr(k_slot.size());
        }
        cards.push_back(std::move(card));
    }
    return cards;
}

std::map<std::string, std::string> gfx_by_pci_address(const Tree& tree) {
    std::map<std::string, std::string> out;
    const std::string folder = "sys/class/kfd/kfd/topology/nodes";
    for (const auto& node : tree.names(folder)) {
        const auto kfd = parse_kfd_node(tree.text(concat(folder, "/", node, "/properties")));
        if (kfd.is_gpu && kfd.gfx && kfd.pci_address) out[*kfd.pci_address] = *kfd.gfx;
    }
    return out;
}

struct Figure {
    std::optional<std::int64_t> total_mib;
    std::optional<std::int64_t> free_mib;
};

Figure amd_memory(const Tree& tree, const Card& card, const char* kind) {
    const auto total = tree.number(card.folder + "/mem_info_" + kind + "_total");
    const auto used = tree.number(card.folder + "/mem_info_" + kind + "_used");
    Figure figure;
    if (!total || *total < k_mib) return figure;
    figure.total_mib = *total / k_mib;
    if (used && *used >= 0 && *used <= *total) figure.free_mib = (*total - *used) / k_mib;
    return figure;
}

// An APU's VRAM is a slice of the RAM that the firmware set aside, often 512 MiB; it uses the GTT,
// ordinary RAM, as well.
void set_amd_memory(const Tree& tree, const Card& card, const Machine& machine, Gpu& gpu) {
    constexpr std::int64_t k_slice_mib = 1024; // without a chip's name: a GPU of our days has more
    const auto vram = amd_memory(tree, card, "vram");
    const auto gtt = amd_memory(tree, card, "gtt");
    gpu.total_mib = vram.total_mib;
    gpu.free_mib = vram.free_mib;
    const bool unified = gpu.gfx ? is_unified_gfx(*gpu.gfx)
                                 : vram.total_mib.value_or(k_slice_mib + 1) <= k_slice_mib;
    gpu.unified_memory = unified;
    if (!unified || !gtt.total_mib) return;
    gpu.total_mib = vram.total_mib.value_or(0) + *gtt.total_mib;
    gpu.free_mib.reset();
    if (!vram.free_mib || !gtt.free_mib) return;
    const auto ram_left = machine.available_ram_mib.value_or(*gtt.free_mib);
    gpu.free_mib = *vram.free_mib + std::min(*gtt.free_mib, ram_left);
}

// Files that Intel's drivers have had for the memory of a card: i915's, xe's of each tile.
std::optional<std::int64_t> intel_memory_mib(const Tree& tree, const Card& card) {
    const auto parent = card.folder.substr(0, card.folder.rfind('/'));
    for (const auto& file : {parent + "/lmem_total_bytes", card.folder + "/lmem_total_bytes",
                             card.folder + "/mem_info_vram_total"}) {
        if (const auto bytes = tree.number(file); bytes && *bytes >= k_mib) return *bytes / k_mib;
    }
    constexpr int k_tiles_max = 8;
    std::int64_t sum = 0;
    for (int tile = 0; tile < k_tiles_max; ++tile) {
        const auto folder = concat(card.folder, "/tile", tile);
        for (const auto* file : {"/physical_vram_size_bytes", "/memory/physical_vram_size_bytes"}) {
            const auto bytes = tree.number(folder + file).value_or(0);
            if (bytes > 0 && bytes <= k_card_bytes_max) {
                sum += bytes;
                break;
            }
        }
    }
    return sum >= k_mib ? std::optional(sum / k_mib) : std::nullopt;
}

std::string card_name(const std::string& pci_ids, const Card& card) {
    if (auto name = pci_device_name(pci_ids, card.vendor_id, card.device_id)) {
        return (card.vendor == Vendor::amd ? "AMD " : "Intel ") + *name;
    }
    return card.vendor == Vendor::amd ? "AMD GPU" : "Intel GPU";
}

void probe_other_gpus(const Tree& tree, bool nvidia_told, Machine& machine) {
    const auto cards = drm_cards(tree, machine);
    if (cards.empty()) return;
    const bool handed_in = tree.exists("dev/dri") || tree.exists("dev/kfd");
    const auto gfx = gfx_by_pci_address(tree);
    std::string pci_ids;
    for (const auto* file : {"usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"}) {
        if (pci_ids.empty()) pci_ids = tree.text(file, k_pci_ids_bytes_max);
    }
    for (const auto& card : cards) {
        if (card.vendor == Vendor::nvidia) {
            if (!nvidia_told) {
                machine.notes.emplace_back("an NVIDIA card is here, but NVIDIA's driver is not; "
                                           "CUDA needs it");
            }
            continue;
        }
        const auto name = card_name(pci_ids, card);
        if (!handed_in) { // /sys shows the host's hardware to every container
            machine.notes.push_back(name +
                                    " is not handed into this container (/dev/dri is missing)");
            continue;
        }
        Gpu gpu;
        gpu.vendor = card.vendor;
        gpu.name = name;
        if (const auto found = gfx.find(card.pci_address); found != gfx.end()) {
            gpu.gfx = found->second;
        }
        if (card.vendor == Vendor::amd) set_amd_memory(tree, card, machine, gpu);
        // Intel's integrated graphics has had this address since it exists.
        if (card.vendor == Vendor::intel) {
            gpu.unified_memory = card.pci_address == "0000:00:02.0";
            if (!*gpu.unified_memory) gpu.total_mib = intel_memory_mib(tree, card);
        }
        machine.gpus.push_back(std::move(gpu));
    }
}

// --- libraries

constexpr const char* k_library_folders[] = {"usr/lib/x86_64-linux-gnu",
                                             "usr/lib/aarch64-linux-gnu",
                                             "usr/lib64",
                                             "usr/lib",
                                             "lib64",
                                             "lib",
                                             "lib/x86_64-linux-gnu",
                                             "lib/aarch64-linux-gnu",
                                             "usr/local/lib",
                                             "run/opengl-driver/lib"};

bool has_vulkan_loader(const Tree& tree) {
    return std::any_of(
        std::begin(k_library_folders), std::end(k_library_folders),
        [&](const std::string& folder) { return tree.exists(folder + "/libvulkan.so.1"); });
}

// The runtime counts, not the tools: the HIP library must be there.
std::optional<std::string> rocm_version(const Tree& tree) {
    constexpr int k_major_max = 20;
    for (const std::string folder :
         {"opt/rocm/lib", "opt/rocm/lib64", "usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib"}) {
        for (int major = k_major_max; major >= 5; --major) {
            if (!tree.exists(concat(folder, "/libamdhip64.so.", major))) continue;
            const bool own_folder = folder.rfind("opt/rocm", 0) == 0;
            const auto told =
                own_folder ? parse_rocm_version(tree.text("opt/rocm/.info/version")) : std::nullopt;
            return told ? *told : std::to_string(major);
        }
    }
    return std::nullopt;
}

std::string sycl_runtime(const ProbeLimits& limits) {
    auto library_path = limits.library_path;
    if (!library_path && std::getenv("LD_LIBRARY_PATH") != nullptr) {
        library_path = std::getenv("LD_LIBRARY_PATH");
    }
    const auto major = find_oneapi(limits.root, library_path).library_major;
    return major ? std::to_string(*major) : "none";
}

// The machine's own C library, where this program is linked with another one (a static build).
std::optional<std::string> glibc_of_machine(const Tree& tree) {
    constexpr std::size_t k_library_bytes_max = std::size_t{32} << 20; // they have 2 MiB
    for (const char* folder :
         {"lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "usr/lib64",
          "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib", "lib"}) {
        const auto library = tree.text(concat(folder, "/libc.so.6"), k_library_bytes_max);
        if (auto version = glibc_of_library(library)) return version;
    }
    return std::nullopt;
}

void note_hidden_devices(Machine& machine) {
    std::vector<std::string> set;
    for (const char* name : hiding_variables()) {
        if (std::getenv(name) != nullptr) set.emplace_back(name);
    }
    if (auto note = hidden_devices_note(set, machine)) machine.notes.push_back(std::move(*note));
}

std::optional<std::string> glibc_version(const Tree& tree, bool own_root) {
    if (tree.exists("lib/ld-musl-x86_64.so.1") || tree.exists("lib/ld-musl-aarch64.so.1")) {
        // Both can be installed beside each other; then programs made for glibc run.
        const bool both =
            tree.exists("lib64/ld-linux-x86-64.so.2") || tree.exists("lib/ld-linux-aarch64.so.1");
        if (!both) return "none";
    }
#ifdef _CS_GNU_LIBC_VERSION
    char text[64] = {};
    if (own_root && ::confstr(_CS_GNU_LIBC_VERSION, text, sizeof text) > 0) {
        return parse_glibc(text); // "glibc 2.36"
    }
#endif
    return glibc_of_machine(tree);
}

void probe_architecture(Machine& machine) {
    utsname name{};
    if (::uname(&name) != 0) return;
    const std::string_view cpu = name.machine;
    if (cpu == "aarch64" || cpu == "arm64") {
        machine.arch = Arch::arm64;
    } else if (cpu != "x86_64") {
        machine.notes.push_back(concat("llama.cpp publishes no builds for this CPU (", cpu, ")"));
    }
}

} // namespace

Machine probe_machine(const ProbeLimits& limits) {
    const Tree tree(limits.root);
    Machine machine;
    machine.os = Os::linux;
    probe_architecture(machine);
    const char* const path = std::getenv("PATH");
    NvidiaSearch nvidia(
        find_nvidia_smi(tree, limits.path_env.value_or(path == nullptr ? "" : path)), limits);
    const auto groups = system::cgroup_paths(tree.text("proc/self/cgroup"));
    probe_cpu(tree, groups, machine);
    probe_memory(tree, groups, machine);
    machine.vulkan = has_vulkan_loader(tree);
    machine.rocm = rocm_version(tree);
    machine.sycl = sycl_runtime(limits);
    machine.glibc = glibc_version(tree, limits.root == "/");
    machine.distribution = distribution_id(tree.text("etc/os-release"));
    const auto nvidia_smi = nvidia.add_to(machine);
    if (nvidia_smi.value_or(NvidiaProbe::Outcome::silent) == NvidiaProbe::Outcome::silent)
        add_from_kernel(tree, machine);
    const bool nvidia_told = nvidia_smi || !machine.gpus.empty();
    probe_other_gpus(tree, nvidia_told, machine);
    note_hidden_devices(machine);
    if (tree.exists("dev/dxg")) machine.notes.emplace_back("this is WSL2");
    machine.backend = detect_backend(machine);
    return machine;
}

std::optional<std::string> distribution_here() {
    return distribution_id(Tree("/").text("etc/os-release"));
}

} // namespace odysseus::hardware
