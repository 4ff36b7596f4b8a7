#pragma once

#include "linux_text.hpp"

#include "odysseus/system/proc_linux.hpp"

#include <algorithm>
#include <vector>

namespace odysseus::hardware {

// The file system below a root: the system's own, or one that a test made.
class Tree {
  public:
    static constexpr std::size_t k_text_bytes_max = std::size_t{1} << 20;
    explicit Tree(std::filesystem::path root) : m_root(std::move(root)) {}

    [[nodiscard]] std::filesystem::path at(const std::string& path) const { return m_root / path; }

    [[nodiscard]] std::string text(const std::string& path,
                                   std::size_t bytes_max = k_text_bytes_max) const {
        return system::kernel_file(at(path), bytes_max).value_or("");
    }

    [[nodiscard]] std::optional<std::int64_t> number(const std::string& path) const {
        return sysfs_number(text(path));
    }

    [[nodiscard]] bool exists(const std::string& path) const {
        std::error_code ignored;
        return std::filesystem::exists(at(path), ignored);
    }

    // Names in a folder, sorted; none when it cannot be read.
    [[nodiscard]] std::vector<std::string> names(const std::string& path) const {
        std::vector<std::string> out;
        std::error_code error;
        for (std::filesystem::directory_iterator entry(at(path), error), end;
             !error && entry != end && out.size() < k_entries_max; entry.increment(error)) {
            out.push_back(system::utf8(entry->path().filename()));
        }
        std::sort(out.begin(), out.end());
        return out;
    }

  private:
    static constexpr std::size_t k_entries_max = 1024;
    std::filesystem::path m_root;
};

} // namespace odysseus::hardware
