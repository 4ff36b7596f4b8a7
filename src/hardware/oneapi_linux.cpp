#include "odysseus/base/dotted_version.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/hardware/machine.hpp"
#include "odysseus/hardware/oneapi.hpp"

#include <algorithm>
#include <cstdlib>

namespace odysseus::hardware {
namespace {

namespace fs = std::filesystem;

constexpr int k_library_major_max = 30;
constexpr std::size_t k_versions_max = 64;
constexpr const char* k_oneapi = "opt/intel/oneapi";

constexpr const char* k_system_folders[] = {"usr/lib/x86_64-linux-gnu",
                                            "usr/lib64",
                                            "usr/lib",
                                            "usr/local/lib",
                                            "lib/x86_64-linux-gnu",
                                            "lib64",
                                            "run/opengl-driver/lib"};

bool is_there(const fs::path& file) {
    std::error_code ignored;
    return fs::exists(file, ignored);
}

// The folders in which the dynamic loader looks by itself.
std::vector<fs::path> loader_folders(const fs::path& root,
                                     const std::optional<std::string>& library_path) {
    std::vector<fs::path> folders;
    const auto path = library_path.value_or("");
    for (const auto part : split(path, ':')) {
        if (!part.empty() && part.front() == '/') folders.push_back(root / part.substr(1));
    }
    for (const auto* folder : k_system_folders)
        folders.push_back(root / folder);
    return folders;
}

std::vector<int> majors_in(const fs::path& folder) {
    std::vector<int> majors;
    for (int major = 5; major <= k_library_major_max; ++major) {
        if (is_there(folder / concat("libsycl.so.", major))) majors.push_back(major);
    }
    return majors;
}

// The one that today's builds need, else the highest.
std::optional<int> best_of(const std::vector<int>& majors) {
    if (majors.empty()) return std::nullopt;
    const auto wanted = std::find(majors.begin(), majors.end(), k_sycl_library_major);
    return wanted != majors.end() ? *wanted : *std::max_element(majors.begin(), majors.end());
}

// /opt/intel/oneapi/compiler/2025.3 and the like, the newest first; "latest" is a link to one.
std::vector<fs::path> versions_of(const fs::path& component) {
    std::vector<fs::path> versions;
    std::error_code error;
    for (fs::directory_iterator entry(component, error), end;
         !error && entry != end && versions.size() < k_versions_max; entry.increment(error)) {
        if (dotted_version(entry->path().filename().native())) versions.push_back(entry->path());
    }
    std::sort(versions.begin(), versions.end(), [](const fs::path& a, const fs::path& b) {
        return below(*dotted_version(b.filename().native()),
                     *dotted_version(a.filename().native()));
    });
    return versions;
}

// All of one oneAPI release: two releases have libraries of the same name that do not go together.
std::vector<fs::path> folders_beside(const fs::path& compiler) {
    const auto oneapi = compiler.parent_path().parent_path();
    std::vector<fs::path> folders{compiler / "lib"};
    for (const auto* component : {"mkl", "dnnl", "tbb", "umf", "tcm"}) {
        const auto versions = versions_of(oneapi / component);
        if (versions.empty()) continue;
        const auto same = oneapi / component / compiler.filename();
        const auto lib = (is_there(same) ? same : versions.front()) / "lib";
        if (is_there(lib)) folders.push_back(lib);
    }
    return folders;
}

} // namespace

OneApi find_oneapi(const fs::path& root, const std::optional<std::string>& library_path) {
    const auto by_loader = loader_folders(root, library_path);
    const auto has_level_zero = [](const fs::path& folder) {
        return is_there(folder / "libze_loader.so.1");
    };
    OneApi found;
    if (std::none_of(by_loader.begin(), by_loader.end(), has_level_zero)) return found;

    std::vector<int> majors;
    for (const auto& folder : by_loader) {
        const auto here = majors_in(folder);
        majors.insert(majors.end(), here.begin(), here.end());
    }
    found.library_major = best_of(majors);
    if (found.library_major == k_sycl_library_major) return found;
    for (const auto& version : versions_of(root / k_oneapi / "compiler")) {
        const auto major = best_of(majors_in(version / "lib"));
        const bool better = major && (!found.library_major || major == k_sycl_library_major);
        if (!better) continue;
        found.library_major = major;
        found.folders = folders_beside(version);
        if (major == k_sycl_library_major) break;
    }
    return found;
}

OneApi find_oneapi() {
    const char* path = std::getenv("LD_LIBRARY_PATH");
    return find_oneapi("/", path != nullptr ? std::optional<std::string>(path) : std::nullopt);
}

} // namespace odysseus::hardware
