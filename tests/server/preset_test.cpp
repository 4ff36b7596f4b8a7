#include "odysseus/server/preset.hpp"

#include "odysseus/models/router_view.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace odysseus;
using namespace odysseus::models;
using namespace odysseus::server;

namespace {

models::Catalog catalog_of(const std::vector<const char*>& paths, const char* models_dir = "/m") {
    std::vector<models::ScannedFile> files;
    for (const char* path : paths) {
        models::GgufInfo info;
        info.architecture = "llama";
        info.tensor_count = 1;
        files.push_back({{path, 1000, 7}, info});
    }
    return models::make_catalog(files, models_dir);
}

} // namespace

TEST_CASE("preset: no file where the router finds everything by itself") {
    CHECK(preset_text(catalog_of({"a-Q4_0.gguf", "folder/b-Q4_0.gguf"})).empty());
    CHECK(preset_text(catalog_of({})).empty());
}

TEST_CASE(
    "preset: what the router does not find gets a section, with its projector and its names") {
    const auto text =
        preset_text(catalog_of({"a-Q4_0.gguf", "x/y/deep-7b-Q4_K_M.gguf", "x/y/mmproj-F16.gguf"}));
    CHECK(text == "# Written by odysseus at every start; what is changed here is lost.\n"
                  "version = 1\n"
                  "\n"
                  "[x/y]\n"
                  "model = /m/x/y/deep-7b-Q4_K_M.gguf\n"
                  "mmproj = /m/x/y/mmproj-F16.gguf\n"
                  "alias = y,deep-7b,deep-7b-Q4_K_M,x/y/deep-7b-Q4_K_M\n");
}

TEST_CASE("preset: an alias is never what anything else is called") {
    // "b" is the router's own; "q" is the name of two.
    const auto text =
        preset_text(catalog_of({"b.gguf", "a/b/x.gguf", "c/d/q-Q4_0.gguf", "c/e/q-Q8_0.gguf"}));
    CHECK(text.find("[a/b]\nmodel = /m/a/b/x.gguf\nalias = x,a/b/x\n") != std::string::npos);
    CHECK(text.find("alias = d,q-Q4_0,c/d/q-Q4_0\n") != std::string::npos);
    // A half-present split model is listed by the router, and is no model of ours.
    const auto half =
        preset_text(catalog_of({"s-00001-of-00002.gguf", "n/m/s-00001-of-00002/w.gguf"}));
    CHECK(half.find("\nalias = w,n/m/s-00001-of-00002/w\n") != std::string::npos);
}

TEST_CASE("preset: where weights lie that do not all fit the GPU") {
    const auto catalog = catalog_of({"a-Q4_0.gguf", "b.gguf", "c.gguf", "x/y/deep.gguf"});
    using Kind = memory::Placement::Kind;
    const auto text = preset_text(catalog, {{"a-Q4_0", {Kind::feed_forward, 2, 9}},
                                            {"b", {Kind::cpu, 9, 9}},
                                            {"c", {}},
                                            {"x/y", {Kind::blocks, 9, 9}},
                                            {"gone", {Kind::cpu, 9, 9}}});
    CHECK(text == "# Written by odysseus at every start; what is changed here is lost.\n"
                  "version = 1\n"
                  "\n[a-Q4_0]\noverride-tensor = blk\\.(7|8)\\.ffn_.*=CPU\n"
                  "\n[b]\ndevice = none\n"
                  "\n[x/y]\nmodel = /m/x/y/deep.gguf\nalias = y,deep,x/y/deep\n"
                  "override-tensor = blk\\..*=CPU\n");
}

TEST_CASE("preset: a worker for those that are spread over it, and for no other") {
    const auto catalog = catalog_of({"a-Q4_0.gguf", "b.gguf"});
    using Kind = memory::Placement::Kind;
    const Placements placements{{"a-Q4_0", {Kind::gpu, 0, 2, true}}};
    CHECK(preset_text(catalog, placements, {50100, false})
              .ends_with("\n[a-Q4_0]\nrpc = 127.0.0.1:50100\ncache-ram = 0\n"));
    const auto on_cpu = preset_text(catalog, placements, {50100, true});
    CHECK(on_cpu.find("[a-Q4_0]\nrpc = ") != std::string::npos);
    CHECK(on_cpu.find("[b]\ndevice = none\n") != std::string::npos);
    const auto partly = preset_text(catalog, {{"b", {Kind::blocks, 2, 2, true}}}, {7, false});
    CHECK(partly.find("[b]\nrpc = 127.0.0.1:7\ncache-ram = 0\n"
                      "override-tensor = blk\\..*=CPU\n") != std::string::npos);
}

TEST_CASE("preset: every model can have a section of its own") {
    // The router would find these by itself, under names that no section can bear.
    for (const char* path : {"odd:name-b.gguf", "a b (x) [y].gguf", "default.gguf", "a,b.gguf"}) {
        INFO(path);
        const auto catalog = catalog_of({path});
        REQUIRE(catalog.models.size() == 1);
        const auto& model = catalog.models.front();
        CHECK(can_be_section_name(model.id));
        const std::string stem = std::string(path).substr(0, std::string(path).size() - 5);
        CHECK(std::find(model.names.begin(), model.names.end(), stem) != model.names.end());
        const auto text = preset_text(catalog, {{model.id, {memory::Placement::Kind::cpu, 1, 1}}});
        CHECK(text.find("\n[" + model.id + "]\nmodel = /m/" + path + "\n") != std::string::npos);
        CHECK(text.find("\ndevice = none\n") != std::string::npos);
    }
}

TEST_CASE("preset: a path that cannot be told is a finding") {
    const auto catalog = catalog_of({"a;b.gguf", "x/y/a;b.gguf", "x/z/c.gguf"});
    CHECK(catalog.models.size() == 2); // the flat one is the router's own
    REQUIRE(catalog.findings.size() == 1);
    CHECK(catalog.findings[0].find("x/y/a;b.gguf is not offered") == 0);
    const auto sharp = catalog_of({"flat.gguf", "x/y/deep.gguf"}, "/C#/models");
    CHECK(sharp.models.size() == 1);
    CHECK(sharp.findings.size() == 1);
}

TEST_CASE("preset: ids are what llama-server makes of them") {
    // Seen on b11669: [org/repo:UD-Q4_K_XL] is listed as org/repo:Q4_K_XL, [foo:q8_0] as foo:Q8_0.
    CHECK(canonical_tag("UD-Q4_K_XL") == "Q4_K_XL");
    CHECK(canonical_tag("q8_0") == "Q8_0");
    CHECK(canonical_tag("b-") == "B-");
    const auto catalog =
        catalog_of({"Qwen/q-UD-Q4_K_XL.gguf", "Qwen/q-q8_0.gguf", "W/q-UD-Q4_K_XL.gguf",
                    "W/q-Q4_K_XL.gguf", "x/we]ird [x]/a.gguf", "x/ blank/a.gguf", "x/a:b/c.gguf"});
    std::vector<std::string> ids;
    for (const auto& model : catalog.models) {
        ids.push_back(model.id);
        CHECK(can_be_section_name(model.id));
    }
    CHECK(ids == std::vector<std::string>{"Qwen:Q4_K_XL", "Qwen:Q8_0", "W/q-Q4_K_XL",
                                          "W/q-UD-Q4_K_XL", "x/ blank", "x/a_b", "x/we_ird _x_"});
    for (const char* no :
         {"", "*", "default", " a", "a ", "a]", "a[", "a:b-c", "a:q4", "a:", "a\nb", "a,b"}) {
        CHECK_FALSE(can_be_section_name(no));
    }
    CHECK(can_be_section_name("org/repo:Q4_K_M"));
    for (const char* no : {"", " a", "a ", "a#b", "a;b", "a\nb"})
        CHECK_FALSE(can_be_preset_value(no));
    CHECK(can_be_preset_value("/a b/'c\"/\\d/\xC3\xA9.gguf"));
}

TEST_CASE("preset: drafts go beside a model, and are none") {
    const auto catalog = catalog_of({"mtp-flat.gguf", "d/x-Q4_0.gguf", "d/mtp-x.gguf"});
    REQUIRE(catalog.models.size() == 1);
    CHECK(catalog.models[0].id == "d");
    CHECK_FALSE(catalog.models[0].listed_by_router); // an older build might take the draft
}

TEST_CASE(
    "preset: models for embeddings and for ranking are told so, where the router finds them too") {
    auto catalog = catalog_of({"bge.gguf", "x/y/rank.gguf", "chat.gguf", "old.gguf"});
    for (auto& model : catalog.models) {
        model.trained_context = 8192;
        model.tells_pooling = true;
        if (model.id == "bge") model.kind = models::ModelKind::embedding;
        if (model.id == "x/y") model.kind = models::ModelKind::rerank;
        if (model.id == "old") {
            model.kind = models::ModelKind::embedding;
            model.tells_pooling = false;
            model.trained_context = 512;
        }
    }
    const auto text = preset_text(catalog);
    CHECK(text.find("\n[bge]\nembeddings = true\nbatch-size = 2048\nubatch-size = 2048\n") !=
          std::string::npos);
    CHECK(text.find("\n[old]\nembeddings = true\npooling = mean\n\n") != std::string::npos);
    CHECK(
        text.find("[x/y]\nmodel = /m/x/y/rank.gguf\nalias = y,rank,x/y/rank\nreranking = true\n") !=
        std::string::npos);
    CHECK(text.find("[chat]") == std::string::npos);
}
