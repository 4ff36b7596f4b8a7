#include "odysseus/server/rpc_server.hpp"
#include "odysseus/server/tensor_cache.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>

using namespace odysseus;
using namespace odysseus::server;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& file, const std::string& text, int age_s = 0) {
    std::ofstream(file, std::ios::binary) << text;
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::seconds(age_s));
}

// FNV-1a of these, with 64 bits.
constexpr const char* k_hash_of_a = "af63dc4c8601ec8c";
constexpr const char* k_hash_of_foobar = "85944171f73967e8";

} // namespace

TEST_CASE("tensor cache: what is not what its name says goes") {
    const Scratch scratch;
    const auto folder = scratch.path();
    write(folder / k_hash_of_a, "a");
    write(folder / k_hash_of_foobar, "fooba"); // cut off
    write(folder / "stranger", "x");
    fs::create_directory(folder / "sub");
    const auto found = check_tensor_cache(folder, 1000, fs::file_time_type::min());
    CHECK(found.damaged == 2);
    CHECK(found.bytes == 1);
    CHECK(fs::exists(folder / k_hash_of_a));
    CHECK_FALSE(fs::exists(folder / k_hash_of_foobar));
    CHECK(fs::exists(folder / "sub"));
    CHECK(check_tensor_cache(folder / "none", 1000, {}).bytes == 0);
}

TEST_CASE("tensor cache: only what is new is read, and the oldest goes first") {
    const Scratch scratch;
    const auto folder = scratch.path();
    write(folder / "damaged-and-old", "xxxx", 100);
    write(folder / k_hash_of_foobar, "foobar", 50);
    write(folder / k_hash_of_a, "a");
    const auto since = fs::file_time_type::clock::now() - std::chrono::seconds(70);
    auto found = check_tensor_cache(folder, 1000, since);
    CHECK(found.damaged == 0);
    CHECK(found.bytes == 11);
    found = check_tensor_cache(folder, 7, since);
    CHECK(found.dropped == 1);
    CHECK(found.bytes == 7);
    CHECK_FALSE(fs::exists(folder / "damaged-and-old"));
    CHECK(check_tensor_cache(folder, 0, since).dropped == 2);
}
