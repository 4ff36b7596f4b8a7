// Intel's oneAPI, whose libraries the SYCL builds for Linux need and do not bring.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::hardware {

struct OneApi {
    // libsycl's major number: the one that today's builds need when it is among those found, else
    // the highest. Absent: no libsycl, or no Level Zero loader.
    std::optional<int> library_major;
    // Must be on the loader's path, the first one first. Empty when the dynamic loader finds them
    // by itself: a system folder, or LD_LIBRARY_PATH after setvars.sh.
    std::vector<std::filesystem::path> folders;
};

// Looks below `root` in the loader's usual folders, in `library_path` (LD_LIBRARY_PATH), and in
// /opt/intel/oneapi. Linux; elsewhere there is nothing to be found. Does not throw.
[[nodiscard]] OneApi find_oneapi(const std::filesystem::path& root,
                                 const std::optional<std::string>& library_path);
// Of this machine.
[[nodiscard]] OneApi find_oneapi();

} // namespace odysseus::hardware
