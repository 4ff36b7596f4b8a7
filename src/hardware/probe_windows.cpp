#include "odysseus/hardware/probe.hpp"
#include "odysseus/system/environment.hpp"

#include "linux_text.hpp" // pci_vendor
#include "nvidia_probe.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <dxgi1_4.h>
#include <vector>
#include <windows.h>

namespace odysseus::hardware {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t k_mib = std::int64_t{1} << 20;

fs::path system_folder() {
    wchar_t path[MAX_PATH] = {};
    const auto length = ::GetSystemDirectoryW(path, MAX_PATH);
    return length > 0 && length < MAX_PATH ? fs::path(path) : fs::path(L"C:\\Windows\\System32");
}

bool is_there(const fs::path& file) {
    std::error_code ignored;
    return fs::exists(file, ignored);
}

// The machine's, also when this program is an x64 one on an ARM machine.
Arch native_arch() {
    USHORT process = 0;
    USHORT native = 0;
    if (::IsWow64Process2(::GetCurrentProcess(), &process, &native)) {
        return native == IMAGE_FILE_MACHINE_ARM64 ? Arch::arm64 : Arch::x64;
    }
    SYSTEM_INFO info{};
    ::GetNativeSystemInfo(&info);
    return info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_ARM64 ? Arch::arm64 : Arch::x64;
}

void probe_memory(Machine& machine) {
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof status;
    if (!::GlobalMemoryStatusEx(&status)) return;
    machine.ram_mib = static_cast<std::int64_t>(status.ullTotalPhys) / k_mib;
    machine.available_ram_mib = static_cast<std::int64_t>(status.ullAvailPhys) / k_mib;
}

void probe_cpu(Machine& machine) {
    wchar_t name[256] = {};
    DWORD size = sizeof name;
    if (::RegGetValueW(HKEY_LOCAL_MACHINE, L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0",
                       L"ProcessorNameString", RRF_RT_REG_SZ, nullptr, name,
                       &size) == ERROR_SUCCESS) {
        machine.cpu_model = std::string(trimmed(system::utf8(fs::path(name))));
    }
    DWORD bytes = 0;
    ::GetLogicalProcessorInformationEx(RelationProcessorCore, nullptr, &bytes);
    std::vector<char> buffer(bytes);
    auto* const first = reinterpret_cast<PSYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX>(buffer.data());
    if (bytes == 0 || !::GetLogicalProcessorInformationEx(RelationProcessorCore, first, &bytes))
        return;
    std::int64_t cores = 0;
    for (DWORD at = 0; at < bytes; ++cores) {
        const auto* const entry =
            reinterpret_cast<const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(buffer.data() + at);
        if (entry->Size == 0) break;
        at += entry->Size;
    }
    if (cores > 0) machine.cpu_cores = cores;
}

std::optional<fs::path> find_nvidia_smi(const ProbeLimits& limits) {
    const auto path =
        limits.path_env ? *limits.path_env : system::environment_value("PATH").value_or("");
    for (const auto folder : split(path, ';')) { // views into `path`
        const auto file = system::path_from_utf8(folder) / L"nvidia-smi.exe";
        if (!folder.empty() && is_there(file)) return file;
    }
    // Drivers of before 2020 put it into Program Files.
    for (const auto& file :
         {system_folder() / L"nvidia-smi.exe",
          fs::path(L"C:\\Program Files\\NVIDIA Corporation\\NVSMI\\nvidia-smi.exe")}) {
        if (is_there(file)) return file;
    }
    return std::nullopt;
}

// COM objects are released when they go.
template <class Interface>
class Com {
  public:
    Com() = default;
    Com(const Com&) = delete;
    Com& operator=(const Com&) = delete;
    ~Com() {
        if (m_pointer != nullptr) m_pointer->Release();
    }
    Interface** place() { return &m_pointer; }
    Interface* operator->() const { return m_pointer; }
    [[nodiscard]] Interface* get() const { return m_pointer; }

  private:
    Interface* m_pointer = nullptr;
};

// dxgi.dll is loaded by hand: Server Core has none.
bool make_factory(Com<IDXGIFactory1>& factory) {
    using Create = HRESULT(WINAPI*)(REFIID, void**);
    const auto library = ::LoadLibraryExW(L"dxgi.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (library == nullptr) return false;
    const auto create = reinterpret_cast<Create>(
        reinterpret_cast<void*>(::GetProcAddress(library, "CreateDXGIFactory1")));
    return create != nullptr &&
           SUCCEEDED(create(__uuidof(IDXGIFactory1), reinterpret_cast<void**>(factory.place())));
}

// Integrated graphics has a small slice of "dedicated" memory and lives on shared one.
void set_memory(IDXGIAdapter1* adapter, const DXGI_ADAPTER_DESC1& description, Gpu& gpu) {
    constexpr std::int64_t k_slice_mib = 1024;
    const auto dedicated_mib = static_cast<std::int64_t>(description.DedicatedVideoMemory) / k_mib;
    gpu.unified_memory = dedicated_mib <= k_slice_mib;
    if (*gpu.unified_memory) return;
    gpu.total_mib = dedicated_mib;
    Com<IDXGIAdapter3> newer;
    DXGI_QUERY_VIDEO_MEMORY_INFO info{};
    if (SUCCEEDED(adapter->QueryInterface(__uuidof(IDXGIAdapter3),
                                          reinterpret_cast<void**>(newer.place()))) &&
        SUCCEEDED(newer->QueryVideoMemoryInfo(0, DXGI_MEMORY_SEGMENT_GROUP_LOCAL, &info)) &&
        info.Budget > info.CurrentUsage) {
        gpu.free_mib = std::min(
            dedicated_mib, static_cast<std::int64_t>((info.Budget - info.CurrentUsage) / k_mib));
    }
}

void probe_adapters(bool nvidia_told, Machine& machine) {
    Com<IDXGIFactory1> factory;
    if (!make_factory(factory)) return;
    for (UINT i = 0;; ++i) {
        Com<IDXGIAdapter1> adapter;
        DXGI_ADAPTER_DESC1 description{};
        if (FAILED(factory->EnumAdapters1(i, adapter.place()))) return;
        if (FAILED(adapter->GetDesc1(&description))) continue;
        const auto vendor = pci_vendor(description.VendorId);
        if (!vendor || (description.Flags & DXGI_ADAPTER_FLAG_SOFTWARE) != 0) continue;
        if (*vendor == Vendor::nvidia && nvidia_told) continue;
        Gpu gpu;
        gpu.vendor = *vendor;
        gpu.name = system::utf8(fs::path(description.Description));
        set_memory(adapter.get(), description, gpu);
        machine.gpus.push_back(std::move(gpu));
    }
}

// The HIP runtime comes with AMD's display driver: amdhip64_6.dll, amdhip64_7.dll ...
std::optional<std::string> hip_version() {
    for (int major = 20; major >= 6; --major) {
        if (is_there(system_folder() / concat("amdhip64_", major, ".dll")))
            return std::to_string(major);
    }
    return std::nullopt;
}

} // namespace

Machine probe_machine(const ProbeLimits& limits) {
    Machine machine;
    machine.os = Os::windows;
    machine.arch = native_arch();
    NvidiaSearch nvidia(find_nvidia_smi(limits), limits);
    probe_cpu(machine);
    probe_memory(machine);
    const auto nvidia_smi = nvidia.add_to(machine);
    const bool nvidia_told = nvidia_smi && *nvidia_smi != NvidiaProbe::Outcome::silent;
    probe_adapters(nvidia_told, machine);
    machine.vulkan = is_there(system_folder() / L"vulkan-1.dll");
    machine.rocm = hip_version();
    // Level Zero comes with Intel's display driver; the SYCL archive brings the rest.
    machine.sycl = is_there(system_folder() / L"ze_loader.dll") ? "driver" : "none";
    machine.backend = detect_backend(machine);
    return machine;
}

std::optional<std::string> distribution_here() {
    return std::nullopt;
}

} // namespace odysseus::hardware
