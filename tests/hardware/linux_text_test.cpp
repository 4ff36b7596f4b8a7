#include "hardware/linux_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::system;
using namespace odysseus::hardware;

TEST_CASE("linux text: meminfo") {
    const auto memory = parse_meminfo("MemTotal:       65774204 kB\n"
                                      "MemFree:         1234567 kB\n"
                                      "MemAvailable:   61440000 kB\n");
    CHECK(memory.total_mib == 64232);
    CHECK(memory.available_mib == 60000);
    // Before Linux 3.14.
    CHECK(parse_meminfo("MemTotal: 4096 kB\nMemFree: 1024 kB\nBuffers: 512 kB\nCached: 512 kB\n")
              .available_mib == 2);
    CHECK_FALSE(parse_meminfo("").total_mib.has_value());
    CHECK_FALSE(parse_meminfo("MemTotal: 0 kB\nMemAvailable: -5 kB\n").total_mib.has_value());
    CHECK_FALSE(parse_meminfo("MemTotal: 99999999999999999999 kB\n").total_mib.has_value());
    CHECK_FALSE(parse_meminfo("MemTotal:\nSwapTotal: 5 kB\n").total_mib.has_value());
    CHECK(parse_meminfo("MemTotal: 2048 kB\nMemAvailable: 9999999 kB\n").available_mib == 2);
}

TEST_CASE("linux text: where a process stands among the cgroups") {
    const auto v2 = system::cgroup_paths("0::/user.slice/user-1000.slice\n");
    CHECK(v2.unified == "/user.slice/user-1000.slice");
    CHECK_FALSE(v2.memory.has_value());
    const auto v1 = system::cgroup_paths("12:cpu,cpuacct:/docker/abc\n11:memory:/docker/abc\n"
                                         "1:name=systemd:/docker/abc\n0::/system.slice\n");
    CHECK(v1.memory == "/docker/abc");
    CHECK(v1.cpu == "/docker/abc");
    CHECK(v1.unified == "/system.slice");
    CHECK(cgroup_paths("0::/\n").unified == "/");
    // Outside of the namespace, or nonsense.
    CHECK_FALSE(cgroup_paths("0::/../../other\n").unified.has_value());
    CHECK_FALSE(cgroup_paths("0::relative\n").unified.has_value());
    CHECK_FALSE(cgroup_paths("garbage\n::\n:\n").unified.has_value());
}

TEST_CASE("linux text: limits") {
    CHECK(cgroup_bytes("8589934592\n") == 8589934592);
    CHECK_FALSE(cgroup_bytes("max\n").has_value());
    CHECK_FALSE(cgroup_bytes("9223372036854771712\n").has_value()); // v1: no limit
    CHECK_FALSE(cgroup_bytes("").has_value());
    CHECK_FALSE(cgroup_bytes("-1").has_value());
    CHECK(stat_value("anon 5\ninactive_file 1048576\n", "inactive_file") == 1048576);
    CHECK_FALSE(stat_value("inactive_file_x 1\n", "inactive_file").has_value());
    CHECK(cpu_quota("200000 100000\n") == 2.0);
    CHECK(cpu_quota("150000 100000") == 1.5);
    CHECK_FALSE(cpu_quota("max 100000\n").has_value());
    CHECK_FALSE(cpu_quota("-1 100000").has_value());
    CHECK_FALSE(cpu_quota("1 0").has_value());

    constexpr std::int64_t k_gib = std::int64_t{1} << 30;
    MemoryInfo memory{65536, 60000};
    CHECK(apply_memory_limit(memory, {8 * k_gib, 5 * k_gib, 1 * k_gib}));
    CHECK(memory.total_mib == 8192);
    CHECK(memory.available_mib == 4096); // the page cache can be had back
    // A wide limit changes nothing, but what is used below it counts.
    CHECK_FALSE(apply_memory_limit(memory, {100 * k_gib, 0, 0}));
    CHECK(memory.total_mib == 8192);
    CHECK(memory.available_mib == 4096);
    MemoryInfo busy{65536, 1000};
    CHECK(apply_memory_limit(busy, {32 * k_gib, 40 * k_gib, 0}));
    CHECK(busy.available_mib == 0);
    MemoryInfo unknown;
    CHECK(apply_memory_limit(unknown, {8 * k_gib, 0, 0}));
    CHECK(unknown.total_mib == 8192);
    CHECK(unknown.available_mib == 8192);
}

TEST_CASE("linux text: physical cores, of the processors that may be used") {
    std::string text;
    for (int cpu = 0; cpu < 8; ++cpu) { // two packages, two cores each, two threads a core
        text += "processor\t: " + std::to_string(cpu) +
                "\nmodel name\t: Intel(R) Xeon(R) Gold 6130\n" +
                "physical id\t: " + std::to_string(cpu % 2) +
                "\ncore id\t\t: " + std::to_string(cpu / 2 % 2) + "\n\n";
    }
    const auto all = parse_cpuinfo(text, std::nullopt);
    CHECK(all.model == "Intel(R) Xeon(R) Gold 6130");
    CHECK(all.cores == 4);
    CHECK(parse_cpuinfo(text, std::vector<int>{0, 4}).cores == 1); // two threads of one core
    CHECK(parse_cpuinfo(text, std::vector<int>{0, 1, 2}).cores == 3);
    // arm64: no core ids; the board's name at the end (Raspberry Pi 5).
    const auto arm =
        parse_cpuinfo("processor\t: 0\nBogoMIPS\t: 108.00\n\nprocessor\t: 1\n\n"
                      "Revision\t: c04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
                      std::nullopt);
    CHECK(arm.cores == 2);
    CHECK(arm.model == "Raspberry Pi 5 Model B Rev 1.0");
    const auto nothing = parse_cpuinfo("", std::nullopt);
    CHECK_FALSE(nothing.model.has_value());
    CHECK_FALSE(nothing.cores.has_value());

    CHECK(cpu_list("0-3,8,10-11\n") == std::vector<int>{0, 1, 2, 3, 8, 10, 11});
    CHECK(cpu_list("3,1-3") == std::vector<int>{1, 2, 3});
    for (const char* bad : {"", "a", "3-1", "0-99999", "-1", "1-", "1,,2"}) {
        INFO(bad);
        CHECK_FALSE(cpu_list(bad).has_value());
    }
}

TEST_CASE("linux text: AMD chips by KFD's version number") {
    CHECK(gfx_name(110000) == "gfx1100");
    CHECK(gfx_name(90010) == "gfx90a");
    CHECK(gfx_name(90402) == "gfx942"); // MI300X (ROCm/rocm-cli pull request 343)
    CHECK(gfx_name(110501) == "gfx1151");
    CHECK(gfx_name(100302) == "gfx1032");
    CHECK(gfx_name(120001) == "gfx1201");
    for (const auto bad : {0, 5, -90010, 99990000, 119900, 110099}) {
        INFO(bad);
        CHECK_FALSE(gfx_name(bad).has_value());
    }
    CHECK(is_unified_gfx("gfx1151"));
    CHECK_FALSE(is_unified_gfx("gfx1100"));

    const auto gpu = parse_kfd_node("cpu_cores_count 0\nsimd_count 192\nmem_banks_count 1\n"
                                    "gfx_target_version 110000\nvendor_id 4098\ndevice_id 29772\n"
                                    "location_id 768\ndomain 0\ndrm_render_minor 128\n");
    CHECK(gpu.is_gpu);
    CHECK(gpu.gfx == "gfx1100");
    CHECK(gpu.pci_address == "0000:03:00.0");
    const auto cpu = parse_kfd_node("cpu_cores_count 16\nsimd_count 0\ngfx_target_version 0\n"
                                    "location_id 0\n");
    CHECK_FALSE(cpu.is_gpu);
    CHECK_FALSE(cpu.gfx.has_value());
    CHECK_FALSE(cpu.pci_address.has_value());
    CHECK(parse_kfd_node("simd_count 4\nlocation_id 50688\ndomain 1\n").pci_address ==
          "0001:c6:00.0");
    CHECK_FALSE(parse_kfd_node("").is_gpu);
}

TEST_CASE("linux text: sysfs and pci.ids") {
    CHECK(sysfs_number("0x1002\n") == 0x1002);
    CHECK(sysfs_number("25753026560\n") == 25753026560);
    CHECK_FALSE(sysfs_number("0x").has_value());
    CHECK_FALSE(sysfs_number("0xZZ").has_value());
    CHECK_FALSE(sysfs_number("").has_value());
    CHECK(pci_vendor(0x10DE) == Vendor::nvidia);
    CHECK(pci_vendor(0x8086) == Vendor::intel);
    for (const auto id : {0x1A03, 0x1234, 0x1AF4, 0x15AD}) { // ASPEED, bochs, virtio, VMware
        INFO(id);
        CHECK_FALSE(pci_vendor(id).has_value());
    }

    const std::string ids = "# pci.ids\n"
                            "1001  Kolter Electronic\n"
                            "\t744c  a trap\n"
                            "1002  Advanced Micro Devices, Inc. [AMD/ATI]\n"
                            "\t744b  Navi 31 [Radeon Pro W7900D]\n"
                            "\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]\n"
                            "\t\t1002 0e3b  Navi 31 [Radeon RX 7900 GRE]\n"
                            "\t7480  Navi 33\n"
                            "1003  ULSI Systems\n"
                            "\t9999  another trap\n";
    CHECK(pci_device_name(ids, 0x1002, 0x744C) == "Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M");
    CHECK(pci_device_name(ids, 0x1002, 0x7480) == "Navi 33");
    CHECK_FALSE(pci_device_name(ids, 0x1002, 0x9999).has_value());
    CHECK_FALSE(pci_device_name(ids, 0x8086, 0x744C).has_value());
    CHECK_FALSE(pci_device_name("", 0x1002, 0x744C).has_value());
    CHECK_FALSE(pci_device_name("\n1002  AMD", 0x1002, 0x744C).has_value());
}

TEST_CASE("linux text: C library and ROCm") {
    CHECK(parse_glibc("ldd (Debian GLIBC 2.36-9+deb12u9) 2.36\nCopyright (C) 2022\n") == "2.36");
    CHECK(parse_glibc("ldd (Ubuntu GLIBC 2.35-0ubuntu3.8) 2.35") == "2.35");
    CHECK(parse_glibc("ldd (GNU libc) 2.17") == "2.17");
    CHECK(parse_glibc("2.41") == "2.41");
    CHECK(parse_glibc("musl libc (x86_64)\nVersion 1.2.4\nDynamic Program Loader\n") == "none");
    for (const char* bad : {"", "ldd", "2", "2.x", "3.0", "2.36-9", "ldd (GNU libc) 2.1.2.3"}) {
        INFO(bad);
        CHECK_FALSE(parse_glibc(bad).has_value());
    }
    CHECK(parse_rocm_version("7.2.0-58\n") == "7.2.0");
    CHECK(parse_rocm_version("10.0\n") == "10.0");
    for (const char* bad : {"", "rocm", "7", "7.2.0.1", "7..2", ".7"}) {
        INFO(bad);
        CHECK_FALSE(parse_rocm_version(bad).has_value());
    }
    CHECK(rocm_of_hip_library("libamdhip64.so.7") == "7");
    CHECK(rocm_of_hip_library("libamdhip64.so.6.4.60401") == "6");
    CHECK_FALSE(rocm_of_hip_library("libamdhip64.so").has_value());
    CHECK_FALSE(rocm_of_hip_library("libamdhip64.so.x").has_value());
    CHECK_FALSE(rocm_of_hip_library("libamdhip64_x.so.7").has_value());
}

TEST_CASE("probe text: the version in a glibc's own file") {
    const auto version = [](std::string_view banner) {
        return glibc_of_library(std::string(100, '\0') + std::string(banner) +
                                std::string(50, '\0'));
    };
    CHECK(version("GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\n") ==
          "2.36");
    CHECK(version("GNU C Library (Ubuntu GLIBC 2.35-0ubuntu3.8) stable release version 2.35.\n") ==
          "2.35");
    CHECK(
        version("GNU C Library (GNU libc) stable release version 2.17, by Roland McGrath et al.") ==
        "2.17");
    CHECK(version("GNU C Library (no number)\nGNU C Library (GNU libc) version 2.28.") == "2.28");
    CHECK_FALSE(version("musl libc (x86_64)\nVersion 1.2.4").has_value());
    CHECK_FALSE(version("GNU C Library (GNU libc) stable release version ").has_value());
    CHECK_FALSE(version("").has_value());
}

TEST_CASE("linux text: the distribution by os-release") {
    CHECK(distribution_id("NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n") == "alpine");
    CHECK(distribution_id("ID_LIKE=\"debian\"\nID=\"linuxmint\"\n") == "linuxmint");
    CHECK(distribution_id("ID='nixos'\r\n") == "nixos");
    for (const char* text : {"", "ID=", "ID=\"\"", "NAME=x", "ID=\x1b[31m", "ID=../../x y"})
        CHECK_FALSE(distribution_id(text));
}
