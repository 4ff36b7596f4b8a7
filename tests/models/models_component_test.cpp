#include "odysseus/models/models_folder.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/process_info.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <new>

using namespace odysseus;
using namespace odysseus::models;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() /
                                 ("odysseus-models-" + std::to_string(system::own_pid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    void put(const std::string& name) const { std::ofstream(path / name) << "not a real GGUF"; }
};

Model toy() {
    Model model;
    model.id = "odysseus-toy";
    model.names = {"odysseus-toy"};
    return model;
}

std::string finding_with(const Models& models, std::string_view words) {
    for (const auto& finding : models.catalog()->findings) {
        if (finding.find(words) != std::string::npos) return finding;
    }
    return {};
}

} // namespace

TEST_CASE(
    "models: the stand-in is there only while the folder is empty, and a new file shows at once") {
    const Folder folder;
    Models models(ModelScan(folder.path), toy(), {});
    CHECK(models.lookup("odysseus-toy").known);
    CHECK(models.lookup("").id == "odysseus-toy"); // the only one
    CHECK_FALSE(models.refresh());

    int changes = 0;
    models.on_change(
        [&](const Catalog& catalog) { changes += static_cast<int>(catalog.models.size()); });
    folder.put("Qwen3-8B-Q4_K_M.gguf");
    CHECK(models.refresh());
    CHECK(changes == 1);
    CHECK(models.lookup("qwen3-8b-q4_k_m").id == "Qwen3-8B-Q4_K_M");
    CHECK_FALSE(models.lookup("odysseus-toy").known);
    CHECK_FALSE(models.refresh());
}

TEST_CASE("models: an unknown name comes with near ones, a default answers for none") {
    const Folder folder;
    folder.put("Qwen3-8B-Q4_K_M.gguf");
    folder.put("llama-3.1-8b.gguf");
    Models models(ModelScan(folder.path), std::nullopt,
                  {.aliases = {}, .default_model = "llama-3.1-8b"});
    const auto unknown = models.lookup("lama-3.1-8b");
    CHECK_FALSE(unknown.known);
    REQUIRE_FALSE(unknown.suggested.empty());
    CHECK(unknown.suggested.front() == "llama-3.1-8b");
    CHECK(models.lookup("").id == "llama-3.1-8b");
    CHECK(finding_with(models, "--default-model").empty());
}

TEST_CASE("models: a default that is no model, or could be several, is told") {
    const Folder folder;
    folder.put("Qwen3-8B-Q4_K_M.gguf");
    folder.put("Qwen3-4B-Q4_K_M.gguf");
    for (const char* name : {"nope", "qwen3"}) {
        CAPTURE(name);
        const Models models(ModelScan(folder.path), std::nullopt,
                            {.aliases = {}, .default_model = name});
        CHECK(finding_with(models, "--default-model") ==
              concat("--default-model leads to no model: there is no ", name,
                     " alone; odysseus models lists the names."));
    }
}

TEST_CASE("models: a new model is known only when those who must hear of it have") {
    const Folder folder;
    Models models(ModelScan(folder.path), toy(), {});
    bool known_before = true;
    models.on_change([&](const Catalog& catalog) {
        known_before = models.lookup("new").known;
        CHECK(catalog.models.size() == 1);
        CHECK(models.models().front().id == "odysseus-toy");
    });
    folder.put("new.gguf");
    CHECK(models.refresh());
    CHECK_FALSE(known_before);
    CHECK(models.lookup("new").known);
}

TEST_CASE("models: a change that cannot be told is known all the same, and told again") {
    const Scratch scratch;
    const auto log_file = scratch / "own.log";
    log::set_up(log::Level::info, log::Format::text, log_file);
    const Folder folder;
    Models models(ModelScan(folder.path), toy(), {});
    int told = 0;
    models.on_change([&](const Catalog&) {
        ++told;
        if (told == 1) throw Error(Fault::usage, "writing models.ini: No space left on device");
        if (told == 2) throw std::bad_alloc();
        if (told == 3) throw 7; // NOLINT: whatever it is
    });
    folder.put("new.gguf");
    CHECK(models.refresh());
    CHECK(models.lookup("new").known);
    for (int i = 0; i < 3; ++i)
        CHECK(models.refresh()); // twice in vain, then it is told
    CHECK(told == 4);
    CHECK_FALSE(models.refresh());
    CHECK(told == 4);
    log::set_up(log::Level::info, log::Format::text, std::nullopt);
    const auto said = system::read_file(log_file, 100'000).value_or("");
    const auto at = said.find("No space left on device");
    REQUIRE(at != std::string::npos);
    CHECK(said.find("models", said.find('\n', at)) == std::string::npos); // once
}
