// A folder of its own for one test, removed afterwards.
#pragma once

#include <filesystem>
#include <string>

#include "odysseus/system/files.hpp"

class Scratch {
  public:
    Scratch()
        : m_path(odysseus::system::temp_sibling(std::filesystem::temp_directory_path() /
                                                "odysseus-test")) {
        std::filesystem::create_directories(m_path);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
    std::filesystem::path operator/(const std::string& name) const { return m_path / name; }

  private:
    std::filesystem::path m_path;
};
