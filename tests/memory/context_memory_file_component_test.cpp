#include "memory/context_memory_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <fstream>

using namespace odysseus;
using namespace odysseus::memory;
namespace fs = std::filesystem;

namespace {

struct TempDir {
    fs::path path = fs::temp_directory_path() /
                    ("odysseus-memory-" +
                     std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
    ~TempDir() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
};

ContextMemory one_entry() {
    ContextMemory memory;
    note_held(memory, {"m", 1000, 7, "b11669", "cpu", 1}, {8192, {}}, 32768, 4096);
    return memory;
}

} // namespace

TEST_CASE("context memory file: saved and loaded, its folder made, removed when empty") {
    const TempDir dir;
    const auto file = dir.path / "data" / "context_memory.json";
    CHECK(load_context_memory(file).entries.empty());
    save_context_memory(file, one_entry());
    CHECK(load_context_memory(file) == one_entry());
    save_context_memory(file, {});
    CHECK_FALSE(fs::exists(file));
    save_context_memory(file, {}); // again: nothing to remove, no trouble
}

TEST_CASE("context memory file: a corrupt one is passed over and replaced") {
    const TempDir dir;
    fs::create_directories(dir.path);
    const auto file = dir.path / "context_memory.json";
    for (const std::string& content :
         {std::string("{\"version\":1"), std::string(), std::string(5 << 20, ' ')}) {
        std::ofstream(file, std::ios::binary) << content;
        CHECK(load_context_memory(file).entries.empty());
    }
    save_context_memory(file, one_entry());
    CHECK(load_context_memory(file) == one_entry());
    CHECK(load_context_memory(dir.path).entries.empty()); // a folder
}

TEST_CASE("context memory file: not being able to write is no error") {
    const TempDir dir;
    fs::create_directories(dir.path / "context_memory.json" / "in the way");
    CHECK_NOTHROW(save_context_memory(dir.path / "context_memory.json", one_entry()));
    CHECK_NOTHROW(save_context_memory(dir.path / "context_memory.json", {}));
}
