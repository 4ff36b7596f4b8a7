#include "proxy/rewrite.hpp" // both fit into one file
#include "system/elf_loader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace odysseus;
using namespace odysseus::proxy;
using namespace odysseus::system;

namespace {

void put(std::string& bytes, std::size_t at, std::size_t size, std::uint64_t number) {
    for (std::size_t i = 0; i < size; ++i)
        bytes[at + i] = static_cast<char>(number >> (8 * i));
}

// The fields that are read, as Debian's llama-server has them: 15 program headers right behind.
std::string header() {
    std::string bytes(k_elf_header_bytes, '\0');
    bytes.replace(0, 6, "\177ELF\2\1");
    put(bytes, 32, 8, 64);
    put(bytes, 54, 2, 56);
    put(bytes, 56, 2, 15);
    return bytes;
}

std::string entry(std::uint64_t type, std::uint64_t offset, std::uint64_t size) {
    std::string bytes(56, '\0');
    put(bytes, 0, 4, type);
    put(bytes, 8, 8, offset);
    put(bytes, 32, 8, size);
    return bytes;
}

} // namespace

TEST_CASE("elf: the table of program headers is found") {
    const auto table = elf_program_headers(header() + "more");
    REQUIRE(table);
    CHECK(table->offset == 64);
    CHECK(table->size == 15 * 56);
}

TEST_CASE("elf: what is no 64-bit little-endian program has no table") {
    CHECK_FALSE(elf_program_headers(""));
    CHECK_FALSE(elf_program_headers("#!/bin/sh\nexec \"$0.bin\"\n"));
    CHECK_FALSE(elf_program_headers(header().substr(0, k_elf_header_bytes - 1)));
    struct Change {
        std::size_t at, size;
        std::uint64_t number;
    };
    for (const auto& [at, size, number] :
         {Change{0, 1, 'M'}, Change{4, 1, 1}, Change{5, 1, 2}, Change{54, 2, 32}, Change{56, 2, 0},
          Change{56, 2, 257}}) {
        auto bytes = header();
        put(bytes, at, size, number);
        CAPTURE(at, number);
        CHECK_FALSE(elf_program_headers(bytes));
    }
}

TEST_CASE("elf: the loader's path is found among the entries") {
    const auto loader = elf_loader(entry(6, 64, 840) + entry(3, 0x5380, 1024) + entry(1, 0, 9));
    REQUIRE(loader);
    CHECK(loader->path.offset == 0x5380);
    CHECK(loader->path.size == 1024);
    CHECK(loader->entry.offset == 56);
    CHECK(loader->entry.size == 56);
}

TEST_CASE("elf: no loader, or one that cannot be right") {
    CHECK_FALSE(elf_loader(""));
    CHECK_FALSE(elf_loader(entry(6, 64, 840) + entry(1, 0, 9)));
    CHECK_FALSE(elf_loader(entry(3, 0x5380, 1024).substr(0, 55)));
    CHECK_FALSE(elf_loader(entry(3, 0x5380, 1)));
    CHECK_FALSE(elf_loader(entry(3, 0x5380, k_loader_path_bytes_max + 1)));
    CHECK(elf_loader(entry(3, 0x5380, k_loader_path_bytes_max)));
}

TEST_CASE("elf: the loader's path can be given another place") {
    auto before = entry(3, 0x5380, 28);
    put(before, 16, 8, 0x6380); // where it lies in memory
    auto after = entry(3, 0x123456789a, 1024);
    put(after, 16, 8, 0x6380);
    CHECK(elf_loader_entry(before, {0x123456789a, 1024}) == after);
}
