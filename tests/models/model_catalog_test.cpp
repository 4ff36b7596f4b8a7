#include "odysseus/memory/kv_cost.hpp"
#include "odysseus/models/model_catalog.hpp"

#include "odysseus/models/router_view.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace odysseus;
using namespace odysseus::memory;
using namespace odysseus::models;

namespace {

GgufInfo llama_info() {
    GgufInfo info;
    info.architecture = "llama";
    info.tensor_count = 1;
    info.values = {{"block_count", std::int64_t{32}},
                   {"embedding_length", std::int64_t{4096}},
                   {"context_length", std::int64_t{131072}},
                   {"attention.head_count", std::int64_t{32}},
                   {"attention.head_count_kv", std::int64_t{8}}};
    return info;
}

ScannedFile file(const char* path, std::int64_t size_bytes = 1000) {
    return {{path, size_bytes, 7}, llama_info()};
}

ScannedFile of_kind(const char* path, const char* architecture, const char* type) {
    auto info = llama_info();
    info.architecture = architecture;
    info.values["general.type"] = std::string(type);
    return {{path, 50, 7}, info};
}

Catalog catalog_of(const std::vector<const char*>& paths) {
    std::vector<ScannedFile> files;
    for (const char* path : paths)
        files.push_back(file(path));
    return make_catalog(files, "/m");
}

const Model& model_at(const Catalog& catalog, std::string_view path) {
    const auto found = std::find_if(catalog.models.begin(), catalog.models.end(),
                                    [&](const Model& model) { return model.path == path; });
    REQUIRE(found != catalog.models.end());
    return *found;
}

std::string found(const Catalog& catalog, std::string_view asked) {
    const auto answer = catalog.names.find(asked);
    if (const auto* resolved = std::get_if<Resolved>(&answer)) return resolved->id;
    return std::holds_alternative<Ambiguous>(answer) ? "(ambiguous)" : "(unknown)";
}

} // namespace

// Seen on llama-server b11669 with a folder of just these files.
TEST_CASE("router view: one level, the file's name without .gguf, or the folder's") {
    const auto view =
        router_view({"X.gguf", "UP.GGUF", "a.gguf.b.gguf", "multi/a-Q4_K_M.gguf",
                     "multi/a-Q8_0.gguf", "vis/m.gguf", "vis/mmproj-m.gguf", "A/B/deep.gguf",
                     "shards/s-00001-of-00002.gguf", "shards/s-00002-of-00002.gguf"});
    CHECK(view.size() == 5);
    CHECK(view.at("X").path == "X.gguf");
    CHECK(view.at("a.b").path == "a.gguf.b.gguf");
    CHECK_FALSE(view.at("multi").certain);
    CHECK(view.at("vis").mmproj == "vis/mmproj-m.gguf");
    CHECK(view.at("vis").certain);
    CHECK(view.at("shards").path == "shards/s-00001-of-00002.gguf");
}

TEST_CASE("catalog: a flat file and a folder of one model are the router's own") {
    const auto catalog =
        catalog_of({"mistral-7b-instruct-v0.3.Q4_K_M.gguf", "Gemma/gemma-3-4b-it-Q4_K_M.gguf"});
    REQUIRE(catalog.models.size() == 2);
    const auto& mistral = model_at(catalog, "/m/mistral-7b-instruct-v0.3.Q4_K_M.gguf");
    CHECK(mistral.id == "mistral-7b-instruct-v0.3.Q4_K_M");
    CHECK(mistral.listed_by_router);
    CHECK(mistral.names == std::vector<std::string>{"mistral-7b", "mistral-7b-instruct-v0.3",
                                                    "mistral-7b-instruct-v0.3.Q4_K_M"});
    CHECK(mistral.architecture == "llama");
    CHECK(mistral.trained_context == 131072);
    CHECK(kv_bytes_per_token(mistral.kv) == 131072);
    CHECK(kv_fixed_bytes(mistral.kv) == 0);
    const auto& gemma = model_at(catalog, "/m/Gemma/gemma-3-4b-it-Q4_K_M.gguf");
    CHECK(gemma.id == "Gemma");
    CHECK(gemma.listed_by_router);
    CHECK(found(catalog, "gemma-3-4b") == "Gemma");
    CHECK(found(catalog, "gemma-3-4b-it-Q4_K_M.gguf") == "Gemma");
    CHECK(found(catalog, "Gemma/gemma-3-4b-it-Q4_K_M") == "Gemma");
    CHECK(catalog.findings.empty());
}

TEST_CASE("catalog: a cache of Hugging Face answers to org/repo") {
    const auto catalog = catalog_of(
        {"hub/models--TheBloke--Mistral-7B-v0.1-GGUF/snapshots/abc/mistral-7b-v0.1.Q4_K_M.gguf"});
    REQUIRE(catalog.models.size() == 1);
    CHECK(catalog.models[0].id == "TheBloke/Mistral-7B-v0.1-GGUF:Q4_K_M");
    CHECK_FALSE(catalog.models[0].listed_by_router);
    for (const char* name : {"thebloke/mistral-7b-v0.1-gguf", "mistral-7b-v0.1", "mistral-7b",
                             "Mistral-7B-v0.1-GGUF", "mistral-7b-v0.1.Q4_K_M"}) {
        CHECK(found(catalog, name) == catalog.models[0].id);
    }
    CHECK(found(catalog, "TheBloke") == "(unknown)");
}

TEST_CASE("catalog: of two revisions in the cache the newer one is offered") {
    auto old_one = file("hub/models--o--r/snapshots/zzz/x-Q4_0.gguf");
    auto new_one = file("hub/models--o--r/snapshots/aaa/x-Q4_0.gguf");
    new_one.file.modified_s = 8;
    const auto catalog = make_catalog({old_one, new_one}, "/m");
    REQUIRE(catalog.models.size() == 1);
    CHECK(catalog.models[0].path == "/m/hub/models--o--r/snapshots/aaa/x-Q4_0.gguf");
}

TEST_CASE("catalog: a model is as old as its newest file, also before the epoch") {
    auto first = file("big/x-00001-of-00002.gguf");
    auto second = file("big/x-00002-of-00002.gguf");
    first.file.modified_s = -4'000'000'000; // libstdc++ counts from the year 2174
    second.file.modified_s = -4'000'000'100;
    const auto catalog = make_catalog({first, second}, "/m");
    REQUIRE(catalog.models.size() == 1);
    CHECK(catalog.models[0].modified_s == -4'000'000'000);
}

TEST_CASE("catalog: several quantisations in one folder are a model each") {
    const auto catalog =
        catalog_of({"Qwen/q-Q4_K_M.gguf", "Qwen/q-Q8_0.gguf", "a/b/x.gguf", "a/b/y.gguf"});
    CHECK(model_at(catalog, "/m/Qwen/q-Q4_K_M.gguf").id == "Qwen:Q4_K_M");
    CHECK(model_at(catalog, "/m/Qwen/q-Q8_0.gguf").id == "Qwen:Q8_0");
    CHECK(model_at(catalog, "/m/a/b/x.gguf").id == "a/b/x");
    for (const auto& model : catalog.models)
        CHECK_FALSE(model.listed_by_router);
    CHECK(found(catalog, "Qwen") == "(ambiguous)");
    CHECK(found(catalog, "q") == "(ambiguous)");
    CHECK(found(catalog, "q-q8_0") == "Qwen:Q8_0");
    CHECK(found(catalog, "a/b") == "(ambiguous)");
}

TEST_CASE("catalog: the shards of a split model are one, if all are there") {
    const auto catalog = catalog_of({"big-Q4_0-00001-of-00003.gguf", "big-Q4_0-00002-of-00003.gguf",
                                     "big-Q4_0-00003-of-00003.gguf", "dir/s-00001-of-00002.gguf",
                                     "dir/s-00002-of-00002.gguf", "half-00002-of-00003.gguf"});
    REQUIRE(catalog.models.size() == 2);
    const auto& flat = model_at(catalog, "/m/big-Q4_0-00001-of-00003.gguf");
    CHECK(flat.id == "big-Q4_0");
    CHECK(flat.shards == 3);
    CHECK(flat.size_bytes == 3000);
    CHECK_FALSE(flat.listed_by_router);
    CHECK(found(catalog, "big-Q4_0-00001-of-00003.gguf") == "big-Q4_0");
    const auto& in_folder = model_at(catalog, "/m/dir/s-00001-of-00002.gguf");
    CHECK(in_folder.id == "dir");
    CHECK(in_folder.listed_by_router);
    REQUIRE(catalog.findings.size() == 1);
    CHECK(catalog.findings[0] ==
          "half is not offered: 2 of its 3 parts are missing (number 1 first).");
    const auto one_missing = catalog_of({"d/s-00001-of-00002.gguf"});
    CHECK(one_missing.models.empty());
    CHECK(one_missing.findings.at(0) ==
          "d/s is not offered: 1 of its 2 parts is missing (number 2).");
    CHECK(std::count(catalog.router_ids.begin(), catalog.router_ids.end(), "half-00002-of-00003") ==
          1);
}

TEST_CASE("catalog: a projector is no model, and goes to the model it speaks of") {
    const auto catalog = catalog_of(
        {"mmproj-gemma-3-4b-it-F16.gguf", "gemma-3-4b-it-Q4_K_M.gguf", "other-7b-Q4_0.gguf",
         "vis/m-Q4_0.gguf", "vis/mmproj-BF16.gguf", "vis/mmproj-F16.gguf", "vis/mmproj-F32.gguf"});
    REQUIRE(catalog.models.size() == 3);
    const auto& gemma = model_at(catalog, "/m/gemma-3-4b-it-Q4_K_M.gguf");
    CHECK(gemma.mmproj == "/m/mmproj-gemma-3-4b-it-F16.gguf");
    CHECK(gemma.mmproj_bytes == 1000);
    CHECK(gemma.loaded_bytes() == 2000);
    CHECK(gemma.id == "gemma-3-4b-it-Q4_K_M");
    CHECK_FALSE(gemma.listed_by_router);
    const auto& other = model_at(catalog, "/m/other-7b-Q4_0.gguf");
    CHECK_FALSE(other.mmproj);
    CHECK(other.listed_by_router);
    CHECK(model_at(catalog, "/m/vis/m-Q4_0.gguf").mmproj == "/m/vis/mmproj-F16.gguf");
    CHECK_FALSE(model_at(catalog, "/m/vis/m-Q4_0.gguf").listed_by_router);
    CHECK(catalog.findings.empty());
}

TEST_CASE("catalog: a folder with one model and its projector is the router's own") {
    const auto catalog = catalog_of({"vis/m-Q4_0.gguf", "vis/mmproj-other.gguf"});
    REQUIRE(catalog.models.size() == 1);
    CHECK(catalog.models[0].mmproj == "/m/vis/mmproj-other.gguf");
    CHECK(catalog.models[0].listed_by_router);
}

TEST_CASE("catalog: a projector that fits nothing is said, not guessed") {
    const auto catalog = catalog_of({"mmproj-pixtral-12b-f16.gguf", "other-7b-Q4_0.gguf"});
    CHECK_FALSE(catalog.models.at(0).mmproj);
    REQUIRE(catalog.findings.size() == 1);
    CHECK(catalog.findings[0].find("mmproj-pixtral-12b-f16.gguf is a projector") == 0);
    const auto by_type =
        make_catalog({of_kind("v/clip-vision.gguf", "clip", "mmproj"), file("v/m.gguf")}, "/m");
    REQUIRE(by_type.models.size() == 1);
    CHECK(by_type.models[0].mmproj == "/m/v/clip-vision.gguf");
    // Its name does not tell llama-server that it is one.
    CHECK_FALSE(by_type.models[0].listed_by_router);
}

TEST_CASE("catalog: what is no model is not offered, what cannot be read is said") {
    auto broken = file("broken.gguf");
    broken.header = GgufRefused{"it is no GGUF file"};
    auto cut_off = file("cut.gguf");
    std::get<GgufInfo>(cut_off.header).bytes_at_least = 2000;
    const auto catalog = make_catalog({of_kind("lora.gguf", "llama", "adapter"),
                                       of_kind("im.gguf", "imatrix", "imatrix"),
                                       file("empty.gguf", 0), broken, cut_off, file("a.gguf.part")},
                                      "/m");
    CHECK(catalog.models.size() == 2);
    CHECK_FALSE(model_at(catalog, "/m/broken.gguf").kv);
    CHECK(catalog.findings.size() == 5);
}

TEST_CASE("catalog: a file and a folder of one name get an id each") {
    const auto catalog = catalog_of({"X.gguf", "X/other-Q4_0.gguf"});
    REQUIRE(catalog.models.size() == 2);
    CHECK(model_at(catalog, "/m/X.gguf").id == "X");
    CHECK_FALSE(model_at(catalog, "/m/X.gguf").listed_by_router);
    CHECK(model_at(catalog, "/m/X/other-Q4_0.gguf").id == "X/other-Q4_0");
    CHECK(found(catalog, "X") == "X");
}

TEST_CASE("catalog: what the router does not see gets a section with a name it can bear") {
    const auto catalog = catalog_of({"UP.GGUF", "A/B/we]ird [x].gguf", "A/C/a.gguf", "A/C/b.gguf"});
    CHECK(model_at(catalog, "/m/UP.GGUF").id == "UP");
    CHECK_FALSE(model_at(catalog, "/m/UP.GGUF").listed_by_router);
    CHECK(model_at(catalog, "/m/A/B/we]ird [x].gguf").id == "A/B");
    CHECK(found(catalog, "b") == "A/C/b"); // a file's name is stronger than a folder's last part
}

TEST_CASE("catalog: ids are unique whatever the folder holds") {
    const auto catalog =
        catalog_of({"a.gguf", "a.GGUF", "a/a.gguf", "a/a/a.gguf", "a/a/a.GGUF",
                    "a-00001-of-00001.gguf", "a/mmproj.gguf", "a:Q4_0.gguf", "a/x-Q4_0.gguf"});
    std::vector<std::string> ids;
    for (const auto& model : catalog.models) {
        ids.push_back(model.id);
        CHECK(found(catalog, model.id) == model.id);
        CHECK(std::count(model.names.begin(), model.names.end(), model.id) == 1);
    }
    std::sort(ids.begin(), ids.end());
    CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
    CHECK(ids.size() == 8);
}

TEST_CASE("catalog: a file that was pulled answers to its repository, wherever it lies") {
    const PulledOrigins origins{{{"qwen2.5-7b-instruct-q4_k_m.gguf", 1000}, "Qwen/Other-Name-GGUF"},
                                {{"qwen2.5-7b-instruct-q8_0.gguf", 1000}, "Qwen/Other-Name-GGUF"}};
    const auto one = file("sub/qwen2.5-7b-instruct-q4_k_m.gguf");
    const auto two = file("elsewhere/qwen2.5-7b-instruct-q8_0.gguf");
    auto catalog = make_catalog({one}, "/m", origins);
    for (const char* name :
         {"Qwen/Other-Name-GGUF", "qwen/other-name-gguf:Q4_K_M",
          "hf.co/Qwen/Other-Name-GGUF:Q4_K_M", "Other-Name", "other-name:q4_k_m"})
        CHECK(found(catalog, name) == catalog.models[0].id);
    CHECK(found(catalog, "Qwen/Other-Name-GGUF:Q8_0") == "(unknown)");
    catalog = make_catalog({one, two}, "/m", origins);
    CHECK(found(catalog, "Qwen/Other-Name-GGUF") == "(ambiguous)");
    CHECK(found(catalog, "Qwen/Other-Name-GGUF:Q8_0") ==
          model_at(catalog, "/m/elsewhere/qwen2.5-7b-instruct-q8_0.gguf").id);
    CHECK(found(make_catalog({file("sub/qwen2.5-7b-instruct-q4_k_m.gguf", 999)}, "/m", origins),
                "Qwen/Other-Name-GGUF") == "(unknown)");
}

TEST_CASE("catalog: llama.cpp's tag and the whole path are names too") {
    const auto catalog =
        catalog_of({"unsloth/Qwen3-8B-GGUF/Qwen3-8B-UD-Q4_K_XL.gguf", "a/x.gguf", "b/x.gguf"});
    const auto id = model_at(catalog, "/m/unsloth/Qwen3-8B-GGUF/Qwen3-8B-UD-Q4_K_XL.gguf").id;
    for (const char* name : {"unsloth/Qwen3-8B-GGUF:Q4_K_XL", "unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL",
                             "Qwen3-8B:Q4_K_XL", "qwen3-8b-gguf:q4_k_xl", "qwen3:8b", "qwen3",
                             "/m/unsloth/Qwen3-8B-GGUF/Qwen3-8B-UD-Q4_K_XL.gguf"}) {
        CAPTURE(name);
        CHECK(found(catalog, name) == id);
    }
    CHECK(found(catalog, "/m/b/x.gguf") == model_at(catalog, "/m/b/x.gguf").id);
    CHECK(found(catalog, "m/b/x.gguf") == model_at(catalog, "/m/b/x.gguf").id);
    CHECK(found(catalog, "/other/x.gguf") == "(ambiguous)");
}

TEST_CASE("catalog: what a model is for, by its metadata") {
    struct Row {
        const char* path;
        const char* architecture;
        std::int64_t pooling; // -1: not told
        const char* kind;
    };
    const Row rows[] = {
        {"a.gguf", "llama", -1, "chat"},
        {"a.gguf", "qwen3", 0, "chat"},
        {"qwen3-reranker-embed.gguf", "qwen3", -1, "chat"}, // a name alone decides nothing
        {"a.gguf", "qwen3", 3, "embedding"},
        {"a.gguf", "qwen3", 4, "rerank"},
        {"a.gguf", "nomic-bert", 1, "embedding"},
        {"a.gguf", "bert", -1, "embedding"},
        {"a.gguf", "bert", 4, "rerank"},
        {"bge-reranker-base.gguf", "bert", -1, "rerank"},
        {"a.gguf", "gemma-embedding", 1, "embedding"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.path, row.architecture, row.pooling);
        auto info = llama_info();
        info.architecture = row.architecture;
        if (row.pooling >= 0) info.values["pooling_type"] = row.pooling;
        const auto catalog = make_catalog({{{row.path, 1000, 7}, info}}, "/m");
        REQUIRE(catalog.models.size() == 1);
        CHECK(std::string_view(catalog.models[0].kind_name()) == row.kind);
        CHECK(catalog.models[0].tells_pooling == (row.pooling > 0));
    }
    const auto seeing = catalog_of({"v/x-Q4_0.gguf", "v/mmproj-F16.gguf"});
    CHECK(std::string_view(seeing.models[0].kind_name()) == "vision");
}

TEST_CASE("pulled origins: written, read back, and nothing of what is no such file") {
    const PulledOrigins origins{{{"a.gguf", 5}, "o/r"}, {{"b.gguf", 6}, "o/s"}};
    CHECK(pulled_origins_from(pulled_origins_text(origins)) == origins);
    for (const char* text : {"", "[]", "{", R"({"files":7})", R"({"files":[1,{"name":1}]})",
                             R"({"files":[{"name":"a","size":"5","origin":"o/r"}]})"})
        CHECK(pulled_origins_from(text).empty());
}

TEST_CASE("catalog: a draft beside a model is no model, and takes no projector") {
    for (const char* architecture : {"gemma4-assistant", "gemma4_assistant", "eagle3", "dflash"}) {
        INFO(architecture);
        const auto catalog =
            make_catalog({file("gemma/gemma-4-E4B-it-Q4_K_M.gguf"),
                          of_kind("gemma/mmproj-BF16.gguf", "clip", "mmproj"),
                          of_kind("gemma/gemma-4-E4B-it-x-Q8_0.gguf", architecture, "model")},
                         "/m");
        REQUIRE(catalog.models.size() == 1);
        CHECK(catalog.models[0].id == "gemma");
        CHECK(catalog.models[0].mmproj == "/m/gemma/mmproj-BF16.gguf");
        CHECK(catalog.findings.empty());
    }
}

TEST_CASE("catalog: a file that calls itself a draft is one beside a model it is made for") {
    auto draft = file("q/Qwen3-8B-DRAFT-Q8_0.gguf", 100);
    const auto beside = make_catalog({file("q/Qwen3-8B-Q4_K_M.gguf"), draft}, "/m");
    REQUIRE(beside.models.size() == 1);
    CHECK(beside.models[0].id == "q");
    // Alone, or as large as any model, it is one to be asked for.
    CHECK(make_catalog({draft}, "/m").models.size() == 1);
    draft.file.size_bytes = 900;
    const auto large = make_catalog(
        {file("q/Qwen3-8B-Q4_K_M.gguf"), draft, of_kind("q/mmproj-F16.gguf", "clip", "mmproj")},
        "/m");
    CHECK(large.models.size() == 2);
    CHECK(model_at(large, "/m/q/Qwen3-8B-Q4_K_M.gguf").mmproj == "/m/q/mmproj-F16.gguf");
}

TEST_CASE("catalog: the draft that fits a model is known, wherever it lies") {
    auto model = file("q/Qwen3-8B-Q4_K_M.gguf");
    std::get<GgufInfo>(model.header).vocab_size = 151936;
    std::get<GgufInfo>(model.header).has_chat_template = true;
    auto draft = of_kind("q/Qwen3-8B-DFlash-Q8_0.gguf", "dflash", "model");
    const auto beside = make_catalog({model, draft}, "/m");
    CHECK(beside.models.at(0).draft == "/m/q/Qwen3-8B-DFlash-Q8_0.gguf");
    CHECK_FALSE(beside.models.at(0).uses_draft);
    draft.file.path = "Qwen3-8B-DFlash-Q8_0/Qwen3-8B-DFlash-Q8_0.gguf";
    CHECK(make_catalog({model, draft}, "/m").models.at(0).draft);
    std::get<GgufInfo>(draft.header).vocab_size = 128256;
    CHECK_FALSE(make_catalog({model, draft}, "/m").models.at(0).draft);
}

TEST_CASE("catalog: a projector at a repository's root belongs to the models below it") {
    for (const std::string base :
         {"unsloth/Qwen3.5-122B-A10B-GGUF/",
          "models--unsloth--Qwen3.5-122B-A10B-GGUF/snapshots/0123456789abcdef/"}) {
        const auto stem = base + "UD-Q4_K_XL/Qwen3.5-122B-A10B-UD-Q4_K_XL-0000";
        const auto first = stem + "1-of-00002.gguf";
        const auto second = stem + "2-of-00002.gguf";
        const auto projector = base + "mmproj-F16.gguf";
        const auto catalog = make_catalog({of_kind(projector.c_str(), "clip", "mmproj"),
                                           file(first.c_str()), file(second.c_str())},
                                          "/m");
        REQUIRE(catalog.models.size() == 1);
        CHECK(catalog.models[0].mmproj == "/m/" + projector);
        CHECK(catalog.findings.empty());
    }
    // One that has its own keeps it; a whole models folder is no repository of one model.
    const auto own = make_catalog({of_kind("r/mmproj-F16.gguf", "clip", "mmproj"),
                                   of_kind("r/a/mmproj-F32.gguf", "clip", "mmproj"),
                                   file("r/a/x-Q4_0.gguf"), file("r/b/x-Q8_0.gguf")},
                                  "/m");
    CHECK(model_at(own, "/m/r/a/x-Q4_0.gguf").mmproj == "/m/r/a/mmproj-F32.gguf");
    CHECK(model_at(own, "/m/r/b/x-Q8_0.gguf").mmproj == "/m/r/mmproj-F16.gguf");
    const auto mixed = make_catalog({of_kind("mmproj-F16.gguf", "clip", "mmproj"),
                                     file("a/x-Q4_0.gguf"), file("b/y-Q8_0.gguf")},
                                    "/m");
    CHECK_FALSE(mixed.models[0].mmproj);
    CHECK_FALSE(mixed.models[1].mmproj);
    CHECK(mixed.findings.size() == 1);
}

TEST_CASE("catalog: folders of others are read as they lie, and told to llama-server by path") {
    auto other = file("publisher/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf");
    other.file.root = "/home/u/.lmstudio/models";
    auto copy = file("x/mistral-7b.Q4_0.gguf");
    copy.file.root = "/n";
    const auto catalog = make_catalog({file("mistral-7b.Q4_0.gguf"), other, copy}, "/m");
    REQUIRE(catalog.models.size() == 2);
    const auto& model =
        model_at(catalog, "/home/u/.lmstudio/models/publisher/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf");
    CHECK(model.id == "publisher/Qwen3-8B-GGUF");
    CHECK_FALSE(model.listed_by_router);
    CHECK(found(catalog, "qwen3-8b") == model.id);
    REQUIRE(catalog.findings.size() == 1); // the same file twice is one model
    CHECK(catalog.findings[0] ==
          "/n/x/mistral-7b.Q4_0.gguf is passed over: /m/mistral-7b.Q4_0.gguf has the same name and "
          "size.");
}

TEST_CASE("catalog: a store's models have the store's names") {
    auto stored = file("blobs/sha256-aa", 5000);
    stored.file.root = "/o";
    stored.file.store_names = {"qwen3:8b", "qwen3:latest"};
    stored.file.store_projector = "blobs/sha256-bb";
    auto other = file("blobs/sha256-cc", 9000);
    other.file.root = "/o";
    other.file.store_names = {"qwen3:14b"};
    const auto catalog = make_catalog({stored, other}, "/m");
    REQUIRE(catalog.models.size() == 2);
    const auto& model = model_at(catalog, "/o/blobs/sha256-aa");
    CHECK(model.id == "qwen3-8b");
    CHECK(model.mmproj == "/o/blobs/sha256-bb");
    CHECK_FALSE(model.listed_by_router);
    for (const char* name : {"qwen3:8b", "qwen3:latest", "qwen3", "QWEN3:8B", "qwen3-8b"})
        CHECK(found(catalog, name) == "qwen3-8b");
    CHECK(found(catalog, "qwen3:14b") == "qwen3-14b");
    CHECK(std::count(model.names.begin(), model.names.end(), "qwen3:8b") == 1);
}

TEST_CASE("catalog: a name cannot forge a line of what is said about it") {
    auto odd = file("a\x1b[31m\nnote: x.gguf", 0);
    const auto catalog = make_catalog({odd}, "/m");
    REQUIRE(catalog.findings.size() == 1);
    CHECK(catalog.findings[0] == "a\\u001b[31m\\u000anote: x.gguf is empty.");
}

TEST_CASE("catalog: an id holds nothing that steers a terminal or ends a line") {
    const auto catalog = catalog_of({"a\x1b[31m.gguf",
                                     "b\xC2\x9B"
                                     "31m/b\xE2\x80\xAEx.gguf",
                                     "c\nd.gguf"});
    REQUIRE(catalog.models.size() == 2);
    for (const auto& model : catalog.models)
        CHECK(model.id.find_first_of("\x1b\x9b\xAE") == std::string::npos);
    REQUIRE(catalog.findings.size() == 1);
    CHECK(catalog.findings[0].find("c\\u000ad.gguf is not offered") == 0);
    CHECK(section_name_from("caf\xC3\xA9 \xE6\xA8\xA1") == "caf\xC3\xA9 \xE6\xA8\xA1");
}

TEST_CASE("catalog: a model that cannot chat is told") {
    struct Row {
        const char* file;
        bool vocabulary;
        bool chat_template;
        std::int64_t pooling;
        bool told;
    };
    const Row rows[] = {{"gemma-3-270m.gguf", true, false, 0, true},
                        {"gemma-3-270m-it.gguf", true, true, 0, false},
                        {"vectors.gguf", true, false, 1, false},
                        {"no-words.gguf", false, false, 0, false}};
    for (const auto& row : rows) {
        CAPTURE(row.file);
        auto scanned = file(row.file);
        auto& info = std::get<GgufInfo>(scanned.header);
        if (row.vocabulary) info.vocab_size = 1000;
        info.has_chat_template = row.chat_template;
        info.values["pooling_type"] = row.pooling;
        const auto catalog = make_catalog({scanned}, "/m");
        REQUIRE(catalog.models.size() == 1);
        CHECK(catalog.findings.size() == (row.told ? 1 : 0));
        if (row.told)
            CHECK(catalog.findings[0].find("gemma-3-270m.gguf has no chat template") == 0);
    }
}
