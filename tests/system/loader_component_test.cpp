// The files are made by hand here; tests/e2e moves a real build.
#include "odysseus/system/loader.hpp"

#include "elf_program.hpp"
#include "odysseus/base/error.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace odysseus;
using namespace odysseus::system;
namespace fs = std::filesystem;

#ifdef __linux__

namespace {

void write(const fs::path& file, const std::string& bytes) {
    write_file_atomically(file, bytes);
}
std::string read(const fs::path& file) {
    return read_file(file, 1 << 20).value();
}

} // namespace

TEST_CASE("loader: a moved build names the loader that lies beside it") {
    const Scratch scratch;
    const auto folder = scratch / "llama b1";
    fs::create_directory(folder);
    write(folder / "ld-linux-x86-64.so.2", "the loader");
    write(folder / "llama-server", elf_program("/somewhere/else/entirely/ld-linux-x86-64.so.2"));
    write(folder / "llama-cli", elf_program("/somewhere/else/entirely/ld-linux-x86-64.so.2"));
    write(folder / "other", elf_program("/lib/ld-musl-x86_64.so.1"));
    write(folder / "libc.so.6", elf_program("/lib64/ld-linux-x86-64.so.2")); // a program too
    write(folder / "notes.txt", "no program");

    patch_interpreter(folder / "llama-server");
    const auto loader = fs::canonical(folder) / "ld-linux-x86-64.so.2";
    CHECK(read(folder / "llama-server") == elf_program(loader.string()));
    CHECK(read(folder / "llama-cli") == elf_program(loader.string()));
    CHECK(read(folder / "other") == elf_program("/lib/ld-musl-x86_64.so.1"));
    CHECK(read(folder / "libc.so.6") == elf_program("/lib64/ld-linux-x86-64.so.2"));
    CHECK(read(folder / "notes.txt") == "no program");

    const auto written = fs::last_write_time(folder / "llama-server");
    patch_interpreter(folder / "llama-server");
    CHECK(fs::last_write_time(folder / "llama-server") == written); // nothing was to be done
}

TEST_CASE("loader: a build that uses the system's loader is not touched") {
    const Scratch scratch;
    const auto bytes = elf_program("/lib64/ld-linux-x86-64.so.2");
    write(scratch / "llama-server", bytes);
    patch_interpreter(scratch / "llama-server");
    CHECK(read(scratch / "llama-server") == bytes);
    write(scratch / "llama-server", "#!/bin/sh\n");
    patch_interpreter(scratch / "llama-server");
    CHECK(read(scratch / "llama-server") == "#!/bin/sh\n");
    CHECK_NOTHROW(patch_interpreter(scratch / "missing/llama-server"));
}

TEST_CASE("loader: a path that has no room goes to the end of the file, once") {
    const Scratch scratch;
    const auto folder = scratch / std::string(200, 'x') / std::string(100, 'y');
    fs::create_directories(folder);
    const auto before = elf_program("/old/ld-linux-x86-64.so.2");
    write(folder / "ld-linux-x86-64.so.2", "the loader");
    write(folder / "llama-server", before);
    patch_interpreter(folder / "llama-server");

    const auto after = read(folder / "llama-server");
    REQUIRE(after.size() == before.size() + 1024);
    const auto loader = fs::canonical(folder) / "ld-linux-x86-64.so.2";
    CHECK(std::string(after.c_str() + before.size()) == loader.string());
    const auto entry = elf_loader(after.substr(k_elf_header_bytes, 56));
    REQUIRE(entry);
    CHECK(entry->path.offset == before.size());
    CHECK(entry->path.size == 1024);

    fs::rename(folder, scratch / "elsewhere"); // now there is room
    patch_interpreter(scratch / "elsewhere/llama-server");
    CHECK(read(scratch / "elsewhere/llama-server").size() == after.size());
}

TEST_CASE("loader: a program that cannot be changed is an error that names it") {
    const Scratch scratch;
    std::string deep = scratch.path().string();
    for (int i = 0; i < 5; ++i) {
        deep += "/" + std::string(200, 'z');
        fs::create_directory(deep);
    }
    const auto bytes = elf_program("/old/ld-linux-x86-64.so.2");
    write(deep + "/ld-linux-x86-64.so.2", "the loader");
    write(deep + "/llama-server", bytes);
    CHECK_THROWS_AS(patch_interpreter(deep + "/llama-server"), Error);
    CHECK(read(deep + "/llama-server") == bytes);
}

#endif
