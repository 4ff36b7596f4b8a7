#include "builds/python_runtime.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/system/files.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>

using namespace odysseus;
using namespace odysseus::builds;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

// A PATH with nothing but what the test puts there.
class OnlyPath {
  public:
    explicit OnlyPath(const fs::path& folder) : m_before(std::getenv("PATH")) {
        setenv("PATH", folder.c_str(), 1);
    }
    OnlyPath(const OnlyPath&) = delete;
    OnlyPath& operator=(const OnlyPath&) = delete;
    ~OnlyPath() { setenv("PATH", m_before.c_str(), 1); }

  private:
    std::string m_before;
};

void put_program(const fs::path& file, const std::string& body) {
    fs::create_directories(file.parent_path());
    system::write_file_atomically(file, "#!/bin/sh\n" + body);
    system::make_executable(file);
}

// What uv does, as far as it matters: the target is the sixth word, after "pip install ...".
constexpr const char* k_fake_install =
    "PATH=/usr/bin:/bin\n"
    "while [ $# -gt 0 ]; do [ \"$1\" = --target ] && t=$2; shift; done\n"
    "mkdir -p \"$t/nvidia/cuda_runtime/lib\" \"$t/nvidia/x/include\"\n"
    "echo library >\"$t/nvidia/cuda_runtime/lib/libcudart.so.12\"\n"
    "echo header >\"$t/nvidia/x/include/cuda.h\"\n";

} // namespace

TEST_CASE("python_runtime: uv from the PATH, or from HOME/bin, or pip") {
    const Scratch scratch;
    fs::create_directory(scratch / "beside");
    PythonRuntimeOptions options;
    options.home = scratch / "home";
    SECTION("uv") {
        put_program(scratch / "path/uv", k_fake_install);
    }
    SECTION("HOME/bin/uv") {
        put_program(scratch / "home/bin/uv", k_fake_install);
    }
    SECTION("python3") {
        put_program(scratch / "path/python3", k_fake_install);
    }
    SECTION("uv fails, python3 does it") {
        put_program(scratch / "path/uv", "echo 'error: no' >&2; exit 2\n");
        put_program(scratch / "path/python3", k_fake_install);
    }
    const OnlyPath path(scratch / "path");
    CHECK(add_python_runtime(scratch / "beside", options) ==
          std::vector<std::string>{"libcudart.so.12"});
    CHECK(system::read_file(scratch / "beside/libcudart.so.12", 100) == "library\n");
    CHECK_FALSE(fs::exists(scratch / "beside/cuda.h"));
    CHECK(add_python_runtime(scratch / "beside", options).empty()); // it is there
    for (const auto& entry : fs::directory_iterator(scratch.path()))
        CHECK(entry.path().filename().string().front() != '.'); // nothing left over
}

TEST_CASE("python_runtime: failures say which tool said what") {
    const Scratch scratch;
    fs::create_directory(scratch / "beside");
    const auto sentence = [&](Fault fault) -> std::string {
        try {
            const OnlyPath path(scratch / "path");
            add_python_runtime(scratch / "beside", {});
        } catch (const Error& error) {
            CHECK(error.fault() == fault);
            return error.what();
        }
        return "no error";
    };
    CHECK_THAT(sentence(Fault::no_build), ContainsSubstring("neither uv nor python3"));
    put_program(scratch / "path/python3",
                "echo 'ERROR: No matching distribution found' >&2; echo hint >&2; exit 1\n");
    CHECK_THAT(sentence(Fault::network),
               ContainsSubstring("python3") && ContainsSubstring("No matching distribution"));
    put_program(scratch / "path/python3", "exit 0\n");
    CHECK_THAT(sentence(Fault::network), ContainsSubstring("no library"));
    CHECK(fs::is_empty(scratch / "beside"));
}

// For real, with the smallest of the packages. Without an index it says so; where one must be there
// (CI), ODYSSEUS_NETWORK_TESTS=1 makes that a failure.
TEST_CASE("python_runtime: NVIDIA's package brings libcudart", "[network]") {
    const Scratch scratch;
    fs::create_directory(scratch / "beside");
    PythonRuntimeOptions options;
    options.packages = {"nvidia-cuda-runtime-cu12"};
    options.limit = std::chrono::seconds(90);
    try {
        add_python_runtime(scratch / "beside", options);
    } catch (const Error& error) {
        if (std::getenv("ODYSSEUS_NETWORK_TESTS") != nullptr) FAIL(error.what());
        SKIP(error.what());
    }
    const auto library = scratch / "beside/libcudart.so.12";
    REQUIRE(fs::exists(library));
    CHECK(system::read_file(library, 1U << 24).value_or("").substr(0, 4) == "\x7f"
                                                                            "ELF");
}
