#include "hardware/macos_text.hpp"
#include "odysseus/system/kernel_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::system;
using namespace odysseus::hardware;

TEST_CASE("macos text: Apple silicon and Intel by sysctl") {
    Machine m3;
    m3.os = Os::macos;
    m3.arch = Arch::x64; // as a program under Rosetta would believe
    apply_sysctl(
        "hw.memsize: 38654705664\nhw.physicalcpu: 14\nmachdep.cpu.brand_string: Apple M3 Max\n"
        "hw.optional.arm64: 1\niogpu.wired_limit_mb: 0\n",
        m3);
    CHECK(m3.arch == Arch::arm64);
    CHECK(m3.ram_mib == 36864);
    CHECK(m3.cpu_cores == 14);
    CHECK(m3.cpu_model == "Apple M3 Max");
    REQUIRE(m3.gpus.size() == 1);
    CHECK(m3.gpus[0].vendor == Vendor::apple);
    CHECK(m3.gpus[0].name == "Apple M3 Max");
    CHECK(m3.gpus[0].unified_memory == true);
    CHECK_FALSE(m3.gpus[0].total_mib.has_value());
    CHECK(detect_backend(m3) == Backend::metal);

    Machine limited;
    apply_sysctl("hw.optional.arm64: 1\niogpu.wired_limit_mb: 30000\n", limited);
    CHECK(limited.gpus.at(0).total_mib == 30000);
    CHECK(limited.gpus.at(0).name == "Apple silicon");

    Machine intel;
    intel.os = Os::macos;
    apply_sysctl("hw.memsize: 17179869184\nhw.physicalcpu: 6\n"
                 "machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz\n",
                 intel);
    CHECK(intel.arch == Arch::x64);
    CHECK(intel.gpus.empty());
    CHECK(intel.ram_mib == 16384);
    CHECK(detect_backend(intel) == Backend::cpu);

    Machine nothing;
    apply_sysctl("sysctl: unknown oid 'hw.memsize'\nhw.physicalcpu: -1\n", nothing);
    CHECK_FALSE(nothing.ram_mib.has_value());
    CHECK_FALSE(nothing.cpu_cores.has_value());
}

TEST_CASE("macos text: vm_stat in pages of its own size") {
    const auto text = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
                      "Pages free:                               10000.\n"
                      "Pages active:                            500000.\n"
                      "Pages inactive:                           20000.\n"
                      "Pages speculative:                         2000.\n"
                      "Pages purgeable:                            768.\n";
    CHECK(parse_vm_stat(text) == 512); // 32768 pages of 16 KiB
    CHECK_FALSE(parse_vm_stat("Pages free: 10000.\n").has_value());
    CHECK_FALSE(parse_vm_stat("(page size of 16384 bytes)\n").has_value());
    CHECK_FALSE(parse_vm_stat("(page size of 0 bytes)\nPages free: 1.\n").has_value());
    CHECK_FALSE(parse_vm_stat("").has_value());
}

TEST_CASE("macos text: ticks of the Mach clock are milliseconds by its own ratio") {
    CHECK(milliseconds_of_ticks(24'000'000, 125, 3) == 1000); // Apple silicon: 24 MHz
    CHECK(milliseconds_of_ticks(1'200'000, 125, 3) == 50);
    CHECK(milliseconds_of_ticks(1'000'000'000, 1, 1) == 1000); // Intel: nanoseconds
    CHECK(milliseconds_of_ticks(0, 125, 3) == 0);
    // Ten years of a hundred cores: no step on the way overflows.
    CHECK(milliseconds_of_ticks(24'000'000ULL * 31'536'000'000, 125, 3) == 31'536'000'000'000);
    CHECK(milliseconds_of_ticks(5, 1, 0) == 0);
}
