#include "odysseus/builds/system_trouble.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::builds;

TEST_CASE("system trouble: the system is named, and the way out") {
    struct Row {
        const char* output;
        TroubleContext context;
        const char* what; // a part of it; nullptr: nothing is known
        const char* remedy;
    };
    const Row rows[] = {
        // As printed by NixOS 24.11's stub-ld.
        {"Could not start dynamically linked executable: /home/u/bin/llama-server\n"
         "NixOS cannot run dynamically linked executables intended for generic\n"
         "linux environments out of the box. For more information, see:\n"
         "https://nix.dev/permalink/stub-ld\n",
         {},
         "this is NixOS",
         "programs.nix-ld.enable"},
        {"", {"nixos", "/b", true}, "this is NixOS", "nix-ld"},
        // glibc 2.31 (Debian 11) and 2.35 (Ubuntu 22.04).
        {"/b/llama-server: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found "
         "(required by /b/llama-server)\n",
         {"debian", "/b", false},
         "newer system than this debian: it needs GLIBC_2.34",
         "backend import"},
        {"/b/llama-server: /usr/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required "
         "by /b/libllama.so)",
         {"", "/b", false},
         "newer system than this one: it needs GLIBCXX_3.4.32",
         "newer system"},
        // musl 1.2 (Alpine 3.20) with gcompat, and without any loader of glibc.
        {"Error relocating /b/llama-server: __isoc23_strtol: symbol not found\n",
         {"alpine", "/b", false},
         "alpine has another C library (musl)",
         "apk add llama.cpp"},
        {"", {"alpine", "/b", true}, "musl", "--llama-server PATH"},
        {"", {"debian", "/b", true}, "no loader for it", "libc6"},
        // Another llama.cpp on LD_LIBRARY_PATH.
        {"/b/llama-server: symbol lookup error: /opt/other/lib/libllama.so: undefined symbol: "
         "ggml_backend_dev_reset",
         {"debian", "/b", false},
         "the foreign library /opt/other/lib/libllama.so",
         "LD_LIBRARY_PATH"},
        {"/b/llama-server: symbol lookup error: /b/libllama.so: undefined symbol: x",
         {"debian", "/b", false},
         nullptr,
         nullptr},
        {"some other text", {"debian", "/b", false}, nullptr, nullptr},
        {"version `GLIBC_2.34", {}, nullptr, nullptr},
        {"", {}, nullptr, nullptr},
    };
    for (const auto& row : rows) {
        INFO(row.output);
        const auto trouble = system_trouble(row.output, row.context);
        REQUIRE(trouble.has_value() == (row.what != nullptr));
        if (!trouble) continue;
        CHECK(trouble->what.find(row.what) != std::string::npos);
        CHECK(trouble->remedy.find(row.remedy) != std::string::npos);
    }
}
