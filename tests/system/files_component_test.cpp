#include "odysseus/system/files.hpp"

#include "odysseus/base/error.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <iterator>

using namespace odysseus;
using namespace odysseus::system;
namespace fs = std::filesystem;

namespace {

std::ptrdiff_t entries(const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

} // namespace

TEST_CASE("files: paths outside ASCII go there and back as UTF-8") {
    const Scratch scratch;
    for (const std::string name : {"M\u00fcller", "\u6a21\u578b", "\u00e9t\u00e9 \U0001F999"}) {
        INFO(name);
        const auto folder = scratch.path() / path_from_utf8(name);
        fs::create_directory(folder);
        CHECK(utf8(folder.filename()) == name);
        CHECK(path_from_utf8(utf8(folder)) == folder);
        write_file_atomically(folder / path_from_utf8(name), "x");
        CHECK(read_file(folder / path_from_utf8(name), 10) == "x");
    }
}

TEST_CASE("files: text that is no UTF-8 is a path that does not exist, and stays in its folder") {
    const Scratch scratch;
    for (const std::string name : {"caf\xe9", "\xff", "\xc3", "a\xed\xa0\x80z", "\xc0\xaf"}) {
        const auto path = path_from_utf8(name);
        CHECK(path.is_relative());
        CHECK(path.filename() == path);
        write_file_atomically(scratch / "there", "x");
        std::error_code error; // a file of just these bytes, where the system has such
        fs::rename(scratch / "there", scratch.path() / fs::path(name), error);
        CHECK_FALSE(fs::exists(scratch.path() / path));
    }
}

TEST_CASE("files: a file is replaced whole and leaves no temporary one") {
    const Scratch scratch;
    write_file_atomically(scratch / "a.json", "one");
    write_file_atomically(scratch / "a.json", "two");
    CHECK(read_file(scratch / "a.json", 10) == "two");
    CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("files: a write that cannot be made says why, keeps the old file and leaves nothing") {
    const Scratch scratch;
    fs::create_directory(scratch / "taken");
    write_file_atomically(scratch / "taken/x", "x");
    CHECK_THROWS_AS(write_file_atomically(scratch / "taken", "y"), Error);
    CHECK(read_file(scratch / "taken/x", 10) == "x");
    CHECK(entries(scratch.path()) == 1);
    CHECK_THROWS_AS(write_file_atomically(scratch / "no/such/folder", "y"), Error);
}

TEST_CASE("files: reading knows missing, empty and too large") {
    const Scratch scratch;
    CHECK_FALSE(read_file(scratch / "none", 10).has_value());
    CHECK_FALSE(read_file(scratch.path(), 10).has_value());
    write_file_atomically(scratch / "a", "");
    CHECK(read_file(scratch / "a", 10) == "");
    write_file_atomically(scratch / "a", "12345678901");
    CHECK_FALSE(read_file(scratch / "a", 10).has_value());
}

TEST_CASE("files: create_new never writes through a name that is taken, a dangling link included") {
    const Scratch scratch;
    fs::create_symlink("elsewhere", scratch / "link");
    using Mode = OutputFile::Mode;
    CHECK_THROWS_AS(OutputFile(scratch / "link", Mode::create_new), Error);
    CHECK_FALSE(fs::exists(scratch / "elsewhere"));
}

TEST_CASE("files: appending goes on where the file ends") {
    const Scratch scratch;
    OutputFile(scratch / "a", OutputFile::Mode::truncate).write("one", 3);
    OutputFile(scratch / "a", OutputFile::Mode::append).write("two", 3);
    CHECK(read_file(scratch / "a", 10) == "onetwo");
    OutputFile(scratch / "a", OutputFile::Mode::truncate).write("x", 1);
    CHECK(read_file(scratch / "a", 10) == "x");
}

TEST_CASE("files: a folder takes the place of another, and of none") {
    const Scratch scratch;
    fs::create_directory(scratch / "new");
    write_file_atomically(scratch / "new/x", "1");
    replace_directory(scratch / "new", scratch / "live");
    CHECK(read_file(scratch / "live/x", 10) == "1");
    fs::create_directory(scratch / "new");
    write_file_atomically(scratch / "new/x", "2");
    replace_directory(scratch / "new", scratch / "live");
    CHECK(read_file(scratch / "live/x", 10) == "2");
    CHECK(entries(scratch.path()) == 1);
    CHECK_THROWS_AS(replace_directory(scratch / "none", scratch / "live"), Error);
    CHECK(read_file(scratch / "live/x", 10) == "2");
}

TEST_CASE("files: executable for those who may read it") {
    const Scratch scratch;
    write_file_atomically(scratch / "a", "#!/bin/sh\n");
    make_executable(scratch / "a");
    const auto bits = fs::status(scratch / "a").permissions();
    CHECK((bits & fs::perms::owner_exec) != fs::perms::none);
    CHECK((bits & fs::perms::others_write) == fs::perms::none);
    CHECK_THROWS_AS(make_executable(scratch / "none"), Error);
}

TEST_CASE("files: the traits of a folder are found without leaving anything there") {
    const Scratch scratch;
    const auto traits = folder_traits(scratch.path());
    CHECK(traits.symlinks); // of the file systems that tests run on
    CHECK(entries(scratch.path()) == 0);
    CHECK(free_bytes(scratch / "not/yet/there").value_or(0) > 0);
    CHECK_FALSE(drop_quarantine(scratch.path()).has_value());
    sync_tree(scratch.path());
}

TEST_CASE("files: what a killed process was writing is swept, and nothing else") {
    const Scratch scratch;
    // No process has this number: it is above the most that Linux gives.
    const std::string killed = ".memory.json.tmp-99999999-0123456789ab";
    const auto ours = temp_sibling(scratch / "memory.json").filename().string();
    const std::vector<std::string> kept = {
        ours, ".other", "memory.json", "x.tmp-99999999-0123456789ab", ".x.tmp-abc-1", ".x.tmp-"};
    for (const auto& name : kept)
        write_file_atomically(scratch / name, "kept");
    write_file_atomically(scratch / killed, "half");
    sweep_temporaries(scratch.path());
    CHECK_FALSE(fs::exists(scratch / killed));
    for (const auto& name : kept)
        CHECK(fs::exists(scratch / name));
    sweep_temporaries(scratch / "none");
}
