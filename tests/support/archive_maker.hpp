// Archives for tests, harmless and hostile ones, written with libarchive member by member.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

struct TestMember {
    enum class Kind { file, folder, symlink, hardlink, device, pipe };
    std::string name;
    std::string content; // of a file; the target of a link
    Kind kind = Kind::file;
    int mode = 0644;
};

enum class TestArchive { tar_gz, tar_xz, zip, tar };

void make_archive(const std::filesystem::path& file, TestArchive kind,
                  const std::vector<TestMember>& members);
