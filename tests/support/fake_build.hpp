// Release archives whose llama-server is a shell script: it tells a version and devices, and can
// refuse to run. Laid out as upstream's archives for Linux are.
#pragma once

#include "archive_maker.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/build.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/system/files.hpp"
#include "release_host.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>

struct FakeBuild {
    std::string tag = "b11158";
    std::string devices = "  (none)"; // lines below "Available devices:"
    int exit_status = 0;
    std::size_t library_bytes = 500000;
    std::size_t dense_bytes = 250000; // of the library, which do not shrink in an archive
};

inline std::string fake_server_script(const FakeBuild& build) {
    return odysseus::concat(
        "#!/bin/sh\n",
        build.exit_status != 0 ? odysseus::concat("echo 'libcudart.so.13: no such file' >&2; exit ",
                                                  build.exit_status, "\n")
                               : std::string(),
        "case \"$1\" in\n--version) echo 'version: 0.5.0 (build ", build.tag.substr(1),
        ", commit abc)' >&2 ;;\n--list-devices) echo 'Available devices:'; "
        "printf '%s\\n' '",
        build.devices, "' ;;\nesac\n");
}

inline std::vector<TestMember> fake_build_members(const FakeBuild& build) {
    using Kind = TestMember::Kind;
    const auto top = "llama-" + build.tag + "/";
    std::string library(build.library_bytes, 'l');
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < std::min(build.dense_bytes, library.size()); ++i) {
        state = state * 1664525U + 1013904223U;
        library[i] = static_cast<char>(state >> 24);
    }
    return {{top, "", Kind::folder, 0755},
            {top + "llama-server", fake_server_script(build), Kind::file, 0755},
            {top + "libllama.so", "libllama.so.0", Kind::symlink, 0777},
            {top + "libllama.so.0", library, Kind::file, 0755}};
}

// Makes the archive, serves it below /ggml-org/llama.cpp/releases/download and says how to get it.
inline odysseus::builds::BuildFile serve_fake(ReleaseHost& host,
                                              const std::filesystem::path& scratch,
                                              const std::string& tag, const std::string& name,
                                              const std::vector<TestMember>& members) {
    const auto file = scratch / name;
    make_archive(file,
                 name.find(".zip") != std::string::npos ? TestArchive::zip : TestArchive::tar_gz,
                 members);
    auto bytes = *odysseus::system::read_file(file, std::size_t{1} << 30);
    const auto path = "/ggml-org/llama.cpp/releases/download/" + tag + "/" + name;
    odysseus::builds::BuildFile out;
    out.name = name;
    out.url = host.base() + path;
    out.size = static_cast<std::int64_t>(bytes.size());
    out.sha256 = odysseus::download::sha256_of(bytes);
    host.serve(path, std::move(bytes), "application/gzip");
    std::filesystem::remove(file);
    return out;
}

inline odysseus::builds::BuildChoice
fake_choice(ReleaseHost& host, const std::filesystem::path& scratch, const FakeBuild& build,
            odysseus::Backend backend = odysseus::Backend::cpu) {
    const std::string kind = backend == odysseus::Backend::cuda     ? "cuda-13.4-"
                             : backend == odysseus::Backend::vulkan ? "vulkan-"
                                                                    : "";
    odysseus::builds::BuildChoice choice;
    choice.source = "ggml-org/llama.cpp";
    choice.tag = build.tag;
    choice.backend = backend;
    choice.reason = "a test";
    choice.files = {serve_fake(host, scratch, build.tag,
                               "llama-" + build.tag + "-bin-ubuntu-" + kind + "x64.tar.gz",
                               fake_build_members(build))};
    return choice;
}
