#include "odysseus/hardware/machine_json.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::hardware;
using Catch::Matchers::ContainsSubstring;

namespace {

Machine machine(std::string_view text) {
    auto read = machine_from_json(text);
    if (const auto* wrong = std::get_if<std::string>(&read)) FAIL(*wrong);
    return std::get<Machine>(std::move(read));
}

std::string wrong(std::string_view text) {
    const auto read = machine_from_json(text);
    const auto* reason = std::get_if<std::string>(&read);
    return reason != nullptr ? *reason : "(accepted)";
}

// The example of the contract, but for "notes".
constexpr const char* k_example = R"({"os": "linux", "arch": "x64", "backend": "cuda",
  "cpu_model": "AMD Ryzen 9 5950X", "cpu_cores": 16, "ram_mib": 65536, "available_ram_mib": 60000,
  "gpus": [{"vendor": "nvidia", "name": "NVIDIA GeForce RTX 4090", "total_mib": 24576,
            "free_mib": 23000, "driver": "580.65.06", "cuda": "13.0", "compute_capability": "8.9"}],
  "notes": ["one"]})";

} // namespace

TEST_CASE("machine json: the example is read whole, and written back the same") {
    const auto read = machine(k_example);
    CHECK(read.os == Os::linux);
    CHECK(read.backend == Backend::cuda);
    CHECK(read.cpu_cores == 16);
    CHECK(read.available_ram_mib == 60000);
    REQUIRE(read.gpus.size() == 1);
    CHECK(read.gpus[0].vendor == Vendor::nvidia);
    CHECK(read.gpus[0].free_mib == 23000);
    CHECK(read.gpus[0].compute_capability == "8.9");
    CHECK(read.notes == std::vector<std::string>{"one"});
    CHECK_FALSE(read.glibc.has_value());

    const auto written = machine_json(read);
    const auto example = nlohmann::json::parse(k_example);
    for (const auto& [key, value] : example.items()) {
        if (key != "gpus") CHECK(nlohmann::json(written.at(key)) == value);
    }
    for (const auto& [key, value] : example.at("gpus")[0].items()) {
        CHECK(nlohmann::json(written.at("gpus")[0].at(key)) == value);
    }
    CHECK(written.at("glibc").is_null());
    CHECK(written.at("gpus")[0].at("gfx").is_null());
    CHECK(machine_json(machine(written.dump())) == written);
}

TEST_CASE("machine json: the whole plan serves as well, unknown keys do not matter") {
    CHECK(machine(R"({"hardware": {"os": "win", "arch": "arm64"}, "build": {}})").os ==
          Os::windows);
    CHECK(machine(R"({"os": "win", "arch": "arm64", "colour": "red"})").arch == Arch::arm64);
}

TEST_CASE("machine json: what is missing or null is unknown, never 0") {
    const auto read = machine(
        R"({"os": "linux", "arch": "x64", "ram_mib": null, "gpus": [{"vendor": "amd", "free_mib": null}]})");
    CHECK_FALSE(read.ram_mib.has_value());
    CHECK_FALSE(read.cpu_cores.has_value());
    CHECK_FALSE(read.gpus[0].free_mib.has_value());
    CHECK(machine_json(read).at("ram_mib").is_null());
    CHECK(machine_json(read).at("gpus")[0].at("total_mib").is_null());
    CHECK(machine_json(read).at("gpus")[0].at("name").is_null());
}

TEST_CASE("machine json: without a backend the specification's order decides") {
    struct Row {
        const char* rest;
        Backend backend;
    };
    const Row rows[] = {
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "nvidia"}], "vulkan": true)",
         Backend::cuda},
        {R"("os": "win", "arch": "arm64", "gpus": [{"vendor": "intel"}, {"vendor": "nvidia"}])",
         Backend::cuda},
        {R"("os": "macos", "arch": "arm64")", Backend::metal},
        {R"("os": "macos", "arch": "x64", "gpus": [{"vendor": "amd"}], "vulkan": true)",
         Backend::cpu},
        {R"("os": "macos", "arch": "x64", "gpus": [{"vendor": "nvidia"}])", Backend::cpu},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "amd"}], "rocm": "7.2")",
         Backend::rocm},
        {R"("os": "linux", "arch": "x64", "rocm": "7.2")", Backend::cpu},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "intel"}], "rocm": "7.2")",
         Backend::vulkan},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "amd"}], "vulkan": true)",
         Backend::vulkan},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "amd"}])", Backend::vulkan},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "amd"}], "vulkan": false)",
         Backend::cpu},
        {R"("os": "linux", "arch": "arm64", "vulkan": true)", Backend::vulkan},
        {R"("os": "win", "arch": "x64", "gpus": [{"vendor": "other"}])", Backend::cpu},
        {R"("os": "win", "arch": "x64")", Backend::cpu},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "intel"}], "vulkan": false, "sycl": "8")",
         Backend::sycl},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "intel"}], "sycl": "8")",
         Backend::vulkan},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "intel"}], "vulkan": false, "sycl": "7")",
         Backend::cpu},
        {R"("os": "linux", "arch": "x64", "vulkan": false, "sycl": "8")", Backend::cpu},
        {R"("os": "linux", "arch": "arm64", "gpus": [{"vendor": "intel"}], "vulkan": false, "sycl": "8")",
         Backend::cpu},
        {R"("os": "linux", "arch": "x64", "gpus": [{"vendor": "intel"}], "vulkan": false, "sycl": "driver")",
         Backend::cpu},
        {R"("os": "win", "arch": "x64", "gpus": [{"vendor": "intel"}], "vulkan": false, "sycl": "driver")",
         Backend::sycl},
        {R"("os": "win", "arch": "x64", "gpus": [{"vendor": "intel"}], "vulkan": false, "sycl": "none")",
         Backend::cpu},
        {R"("os": "macos", "arch": "x64", "gpus": [{"vendor": "intel"}], "vulkan": false, "sycl": "8")",
         Backend::cpu},
    };
    for (const auto& [rest, backend] : rows) {
        INFO(rest);
        CHECK(machine(std::string("{") + rest + "}").backend == backend);
    }
    CHECK(machine(
              R"({"os": "linux", "arch": "x64", "backend": "cpu", "gpus": [{"vendor": "nvidia"}]})")
              .backend == Backend::cpu);
}

TEST_CASE("machine json: a missing arch is assumed and said") {
    CHECK(machine(R"({"os": "win"})").arch == Arch::x64);
    CHECK(machine(R"({"os": "macos", "backend": "metal"})").arch == Arch::arm64);
    const auto mac = machine(R"({"os": "macos", "gpus": [{"vendor": "apple"}]})");
    CHECK(mac.arch == Arch::arm64);
    CHECK(mac.backend == Backend::metal);
    REQUIRE(mac.notes.size() == 1);
    CHECK(mac.notes[0] == "arch is not given; arm64 is assumed");
}

TEST_CASE("machine json: what is wrong is said with its key and what would be right") {
    struct Row {
        const char* text;
        const char* part;
    };
    const Row rows[] = {
        {"", "not JSON"},
        {"[]", "JSON object"},
        {"{}", "\"os\" is missing"},
        {R"({"os": "darwin", "arch": "x64"})",
         "\"os\" is \"darwin\"; it must be linux, macos or win"},
        {R"({"os": "windows", "arch": "x64"})", "linux, macos or win"},
        {R"({"os": "linux", "arch": "amd64"})", "\"arch\" is \"amd64\"; it must be x64 or arm64"},
        {R"({"os": "linux", "backend": "opencl"})", "cuda, rocm, sycl, vulkan, metal or cpu"},
        {R"({"os": "linux", "ram_mib": "64 GB"})", "\"ram_mib\" is \"64 GB\""},
        {R"({"os": "linux", "ram_mib": 0})", "\"ram_mib\" is 0; it must be a whole number from 1"},
        {R"({"os": "linux", "ram_mib": 1.5})", "whole number"},
        {R"({"os": "linux", "ram_mib": 18446744073709551615})", "whole number"},
        {R"({"os": "linux", "available_ram_mib": -1})", "from 0"},
        {R"({"os": "linux", "vulkan": "yes"})", "true or false"},
        {R"({"os": "linux", "gpus": {}})", "\"gpus\" is an object; it must be a list"},
        {R"({"os": "linux", "gpus": [{"vendor": "nvidia"}, 7]})", "\"gpus[1]\" is no object"},
        {R"({"os": "linux", "gpus": [{"vendor": "ati"}]})", "\"gpus[0].vendor\" is \"ati\""},
        {R"({"os": "linux", "gpus": [{"cuda": 13.0}]})",
         "\"gpus[0].cuda\" is 13.0; it must be a string"},
        {R"({"os": "linux", "notes": [1]})", "\"notes\" must be a list of strings"},
    };
    for (const auto& [text, part] : rows) {
        INFO(text);
        CHECK_THAT(wrong(text), ContainsSubstring(part));
    }
}

TEST_CASE("machine json: what a terminal would obey is not taken over") {
    const auto read = machine(
        R"({"os": "win", "gpus": [{"vendor": "nvidia", "name": "\u001b[31mA\nB\u0000C\u007f"}]})");
    CHECK(read.gpus[0].name == " [31mA B C ");
}

TEST_CASE("machine json: free memory is at most the memory") {
    const auto gpu = [](const char* rest) {
        return machine(std::string(R"({"os": "win", "gpus": [{)") + rest + "}]}").gpus[0];
    };
    CHECK(gpu(R"("total_mib": 1000, "free_mib": 99999)").free_mib == 1000);
    CHECK(gpu(R"("total_mib": 1000, "free_mib": 900)").free_mib == 900);
    CHECK(gpu(R"("free_mib": 900)").free_mib == 900);
}

TEST_CASE("machine json: texts and lists have a limit") {
    const std::string longest(4096, 'x');
    CHECK(machine(R"({"os": "win", "cpu_model": ")" + longest + "\"}").cpu_model == longest);
    CHECK_THAT(wrong(R"({"os": "win", "cpu_model": ")" + longest + "x\"}"),
               ContainsSubstring("a shorter string"));
    std::string gpus = "{}";
    for (int i = 1; i < 1025; ++i)
        gpus += ",{}";
    CHECK_THAT(wrong(R"({"os": "win", "gpus": [)" + gpus + "]}"),
               ContainsSubstring("a list of at most 1024 entries"));
}

TEST_CASE("machine json: names go both ways") {
    for (const auto os : {Os::linux, Os::macos, Os::windows})
        CHECK(os_from(os_name(os)) == os);
    for (const auto arch : {Arch::x64, Arch::arm64})
        CHECK(arch_from(arch_name(arch)) == arch);
    for (const auto backend : {Backend::cuda, Backend::rocm, Backend::sycl, Backend::vulkan,
                               Backend::metal, Backend::cpu}) {
        CHECK(backend_from(backend_name(backend)) == backend);
        CHECK_FALSE(backend_title(backend).empty());
    }
    CHECK(os_name(Os::windows) == "win");
    CHECK_FALSE(backend_from("CUDA").has_value());
    CHECK_FALSE(os_from("").has_value());
}
