#include "odysseus/builds/build_manifest.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::builds;

TEST_CASE("build_manifest: a round trip keeps everything") {
    BuildManifest manifest;
    manifest.source = "ggml-org/llama.cpp";
    manifest.tag = "b11158";
    manifest.backend = Backend::cuda;
    manifest.reason = "because \"so\"";
    manifest.installed_at = "2026-11-22T10:00:00Z";
    manifest.server = "bin/llama-server";
    manifest.library_path = true;
    manifest.devices = {"CUDA0: a"};
    manifest.archives = {{FileRole::primary, "a.tar.gz", "https://h/a.tar.gz", 5, "aa"},
                         {FileRole::runtime, "b.tar.gz", "https://h/b.tar.gz", {}, {}}};
    manifest.files = {{"llama-server", 5, "bb", ""}, {"l.so", 0, "", "l.so.0"}};
    const auto back = manifest_from(manifest_text(manifest));
    REQUIRE(back);
    CHECK(manifest_text(*back) == manifest_text(manifest));
    CHECK(back->archives[1].role == FileRole::runtime);
    CHECK_FALSE(back->archives[1].size.has_value());
    CHECK(back->files[1].link == "l.so.0");
}

TEST_CASE("build_manifest: what is cut, foreign or leads outside is none") {
    BuildManifest manifest;
    manifest.tag = "b1";
    manifest.server = "llama-server";
    const auto whole = manifest_text(manifest);
    REQUIRE(manifest_from(whole));
    for (std::size_t size = 0; size + 2 < whole.size(); ++size)
        CHECK_FALSE(manifest_from(std::string_view(whole).substr(0, size)).has_value());
    for (const char* server : {"", "/bin/sh", "../x", "a/../b", "C:x", "./llama-server"}) {
        manifest.server = server;
        CHECK_FALSE(manifest_from(manifest_text(manifest)).has_value());
    }
    CHECK_FALSE(manifest_from(R"({"format":2,"tag":"b1","backend":"cpu","server":"x"})"));
    CHECK_FALSE(manifest_from(R"({"format":1,"tag":"b1","backend":"npu","server":"x"})"));
    CHECK(manifest_from(R"({"format":1,"tag":"b1","backend":"cpu","server":"x","files":[1,{}]})"));
}

TEST_CASE("build_manifest: the record of what is used") {
    const auto back = current_from(current_text({"b2-cpu", "b1-cpu"}));
    REQUIRE(back);
    CHECK(back->current == "b2-cpu");
    CHECK(back->previous == "b1-cpu");
    CHECK(current_from(current_text({"b2-cpu", ""}))->previous.empty());
    for (const char* bad : {"", "{", "[]", R"({"current":""})", R"({"current":"../x"})",
                            R"({"current":".staging"})", R"({"previous":"b1"})"}) {
        CHECK_FALSE(current_from(bad).has_value());
    }
    CHECK(current_from(R"({"current":"b1","previous":"../x"})")->previous.empty());
}

TEST_CASE("build_manifest: folders are named by tag, backend and its version") {
    const auto id = [](const char* tag, Backend backend, const char* name,
                       const char* source = "ggml-org/llama.cpp") {
        BuildChoice choice;
        choice.source = source;
        choice.tag = tag;
        choice.backend = backend;
        choice.files = {{FileRole::primary, name, "", {}, {}}};
        return build_id(choice);
    };
    CHECK(id("b11158", Backend::cuda, "llama-b11158-bin-ubuntu-cuda-13.4-x64.tar.gz") ==
          "b11158-cuda-13.4");
    CHECK(id("b11158", Backend::cpu, "llama-b11158-bin-win-cpu-x64.zip") == "b11158-cpu");
    CHECK(id("b11158", Backend::metal, "llama-b11158-bin-macos-arm64.tar.gz") == "b11158-metal");
    CHECK(id("b10099", Backend::cuda, "llama.cpp-b10099-cuda-12.8-amd64.tar.gz",
             "ai-dock/llama.cpp-cuda") == "b10099-cuda-12.8-ai-dock");
    CHECK(id("b11669", Backend::cpu, "my.tar.gz", "import") == "b11669-cpu-import");
    CHECK(is_build_id("b11158-cuda-13.4"));
    CHECK_FALSE(is_build_id(".staging-x"));
    CHECK_FALSE(is_build_id(""));
    CHECK_FALSE(is_build_id("a/b"));
}
