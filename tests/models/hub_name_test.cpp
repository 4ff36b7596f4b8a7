#include "odysseus/models/hub_name.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using namespace odysseus;
using namespace odysseus::models;

namespace {

constexpr const char* k_hub = "https://huggingface.co";

PullName parsed(std::string_view text, std::string_view hub = k_hub) {
    download::Trust trust;
    download::trust_setting(trust, hub);
    return parsed_pull_name(text, hub, trust);
}

// One line for each outcome, so that a table can hold it.
std::string outcome(const PullName& name) {
    if (const auto* hub = std::get_if<HubName>(&name)) {
        return concat("hub ", hub->id(), " @", hub->revision, hub->quant.empty() ? "" : " :",
                      hub->quant, hub->file.empty() ? "" : " /", hub->file,
                      hub->folder.empty() ? "" : " in ", hub->folder);
    }
    if (const auto* file = std::get_if<FileAddress>(&name)) {
        return concat("file ", file->file_name, " ", file->url);
    }
    return "refused";
}

} // namespace

TEST_CASE("pull names: what is accepted") {
    struct Row {
        const char* text;
        const char* means;
    };
    const Row rows[] = {
        {"bartowski/Qwen2.5-7B-Instruct-GGUF", "hub bartowski/Qwen2.5-7B-Instruct-GGUF @main"},
        {"  a/b \n", "hub a/b @main"},
        {"a/b:Q4_K_M", "hub a/b @main :Q4_K_M"},
        {"a/b:ud-q4_k_xl", "hub a/b @main :ud-q4_k_xl"},
        {"a/b:m.Q8_0.gguf", "hub a/b @main /m.Q8_0.gguf"},
        {"a/b:BF16/m-00001-of-00002.gguf", "hub a/b @main /BF16/m-00001-of-00002.gguf"},
        {"qwen3-8b", "hub Qwen/Qwen3-8B-GGUF @main :Q4_K_M"},
        {"Qwen3-4B", "hub unsloth/Qwen3-4B-Instruct-2507-GGUF @main :Q4_K_M"},
        {"gpt-oss", "hub ggml-org/gpt-oss-20b-GGUF @main :MXFP4"},
        {"qwen3-8b:Q8_0", "hub Qwen/Qwen3-8B-GGUF @main :Q8_0"},
        {"qwen3", "refused"}, // several
        {"hf.co/a/b:IQ3_XXS", "hub a/b @main :IQ3_XXS"},
        {"huggingface.co/a/b", "hub a/b @main"},
        {"https://huggingface.co/a/b", "hub a/b @main"},
        {"https://huggingface.co/a/b/", "hub a/b @main"},
        {"https://HuggingFace.co/a/b?library=llama.cpp", "hub a/b @main"},
        {"https://hf.co/a/b/tree/main", "hub a/b @main"},
        {"https://huggingface.co/a/b/tree/v1.0/BF16", "hub a/b @v1.0 in BF16"},
        {"https://huggingface.co/a/b/tree/main/UD-Q4_K_XL", "hub a/b @main in UD-Q4_K_XL"},
        {"https://huggingface.co/a/b?show_file_info=m-Q4_0.gguf", "hub a/b @main /m-Q4_0.gguf"},
        {"https://huggingface.co/a/b/tree/main?show_file_info=BF16%2Fm-00001-of-00002.gguf",
         "hub a/b @main /BF16/m-00001-of-00002.gguf"},
        {"https://huggingface.co/a/b?not_for=x&show_file_info=m.gguf#top", "hub a/b @main /m.gguf"},
        {"huggingface.co/a/b/blob/main/m-Q4_0.gguf", "hub a/b @main /m-Q4_0.gguf"},
        {"hf.co/a/b/tree/main/Q8_0", "hub a/b @main in Q8_0"},
        {"https://huggingface.co/a/b?show_file_info=README.md", "refused"},
        {"https://huggingface.co/a/b?show_file_info=..%2Fm.gguf", "refused"},
        {"https://huggingface.co/a/b/blob/main/m-Q4_0.gguf", "hub a/b @main /m-Q4_0.gguf"},
        {"https://huggingface.co/a/b/resolve/main/BF16/m.gguf?download=true",
         "hub a/b @main /BF16/m.gguf"},
        {"https://huggingface.co/a/b/resolve/50968a4468ef4233ed78cd7c3de230dd1d61a56b/m%20x.gguf",
         "hub a/b @50968a4468ef4233ed78cd7c3de230dd1d61a56b /m x.gguf"},
        {"https://host.example/models/m.gguf?sig=1#top",
         "file m.gguf https://host.example/models/m.gguf?sig=1"},
        {"https://host.example:8443/m%20x.GGUF",
         "file m x.GGUF https://host.example:8443/m%20x.GGUF"},
        {"http://127.0.0.1:9/m.gguf", "file m.gguf http://127.0.0.1:9/m.gguf"},
        {"http://localhost/m.gguf", "file m.gguf http://localhost/m.gguf"},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        CHECK(outcome(parsed(row.text)) == row.means);
    }
}

TEST_CASE("pull names: a mirror's pages are hub pages, its plain http included") {
    CHECK(outcome(parsed("https://mirror.example/a/b/blob/main/m.gguf",
                         "https://mirror.example")) == "hub a/b @main /m.gguf");
    CHECK(outcome(parsed("http://10.0.0.5:8000/a/b", "http://10.0.0.5:8000")) == "hub a/b @main");
    CHECK(outcome(parsed("https://mirror.example/hf/a/b", "https://mirror.example/hf")) ==
          "hub a/b @main");
    // Look-alikes: another port, another host that ends the same.
    CHECK(outcome(parsed("http://10.0.0.5:8001/a/b", "http://10.0.0.5:8000")) == "refused");
    CHECK(outcome(parsed("https://nothuggingface.co/a/b")) == "refused");
}

TEST_CASE("pull names: what is refused, and what is said") {
    struct Row {
        const char* text;
        const char* says;
    };
    const Row rows[] = {
        {"", "names nothing"},
        {"mistral", "'mistral' is no Hugging Face name (ORG/NAME); find one: "},
        {"mistral:Q4_K_M", "library=gguf&search=mistral"},
        {"a/b/c", "too many '/'"},
        {"../../etc", "too many '/'"},
        {"../etc", "no repository's name"},
        {"a/..", "no repository's name"},
        {"a/b..c", "no repository's name"},
        {"a/-b", "no repository's name"},
        {"a/.hidden", "no repository's name"},
        {"a/", "no repository's name"},
        {"/b", "no repository's name"},
        {"a/b c", "no repository's name"},
        {"a/b\tc", "no repository's name"},
        {"a\\b/c", "no repository's name"},
        {"a/b?x", "no repository's name"},
        {"a/\xc3\xa9", "no repository's name"},
        {"a/b:", "no quantisation after the ':'"},
        {"a/b:Q4 K M", "a quantisation that is none"},
        {"a/b:Q4_K_M:Q8_0", "a quantisation that is none"},
        {"a/b:../../x.gguf", "not safe"},
        {"a/b:/etc/x.gguf", "not safe"},
        {"a/b:C:\\x.gguf", "not safe"},
        {"a/b:.hidden.gguf", "a quantisation that is none"},
        {"ftp://host.example/m.gguf", "no http or https address"},
        {"https:///m.gguf", "no http or https address"},
        {"http://host.example/m.gguf", "plain http to host.example is not trusted"},
        {"http://127.0.0.1.evil.example/m.gguf", "plain http"},
        {"https://host.example/m.bin", "does not end in .gguf"},
        {"https://host.example/", "does not end in .gguf"},
        {"https://host.example/.gguf", "does not end in .gguf"},
        {"https://host.example/%2e%2e%2fx.gguf", "not safe"},
        {"https://host.example/a%00.gguf", "not safe"},
        {"https://host.example/m.gguf%zz", "does not end in .gguf"},
        {"https://me:secret@host.example/m.gguf", "a name and a password"},
        {"https://huggingface.co/datasets/a/b", "not the page of a model"},
        {"https://huggingface.co/spaces/a/b", "not the page of a model"},
        {"https://huggingface.co/a", "not the page of a model"},
        {"https://huggingface.co/a/b/blob/main/README.md", "not the address of a GGUF file"},
        {"https://huggingface.co/a/b/resolve/main", "not the address of a GGUF file"},
        {"https://huggingface.co/a/b/resolve/main/..%2f..%2fm.gguf", "not the address"},
        {"https://huggingface.co/a/b/tree/..", "a revision that is none"},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        const auto name = parsed(row.text);
        const auto* why = std::get_if<NameRefused>(&name);
        REQUIRE(why != nullptr);
        INFO(why->sentence);
        CHECK(why->sentence.find(row.says) != std::string::npos);
        CHECK(why->sentence.find('\n') == std::string::npos);
        CHECK(why->sentence.find("secret") == std::string::npos);
    }
    CHECK(outcome(parsed(std::string(97, 'a') + "/b")) == "refused");
    CHECK(outcome(parsed(std::string(96, 'a') + "/b")) != "refused");
}

TEST_CASE("pull names: paths that may become files") {
    for (const char* path : {"m.gguf", "BF16/m-00001-of-00002.gguf", "a b/c+d.gguf"}) {
        INFO(path);
        CHECK(is_safe_hub_path(path));
    }
    for (const char* path :
         {"", "/m.gguf", "a//m.gguf", "../m.gguf", "a/../m.gguf", "a/.", "a/", "a\\m.gguf",
          "C:m.gguf", "m.gguf ", "m.", ".m", "a:b", "m\x01", "m?.gguf", "\xff.gguf"}) {
        INFO(path);
        CHECK_FALSE(is_safe_hub_path(path));
    }
    CHECK(is_safe_hub_path(std::string(200, 'a')));
    CHECK_FALSE(is_safe_hub_path(std::string(201, 'a')));
}

TEST_CASE("pull names: addresses of a repository") {
    const HubName name{"a", "b", "main", "", ""};
    CHECK(hub_tree_url("https://hub.example", name) ==
          "https://hub.example/api/models/a/b/tree/main?recursive=true");
    CHECK(hub_file_url("https://hub.example", name, "BF16/m x+y%.gguf") ==
          "https://hub.example/a/b/resolve/main/BF16/m%20x%2By%25.gguf");
    CHECK(hub_page_url("https://hub.example", name) == "https://hub.example/a/b");
}

TEST_CASE("pull names: what a refusal of the hub means") {
    struct Row {
        int status;
        bool with_token;
        std::vector<const char*> says;
    };
    const HubName name{"google", "gemma-3", "main", "", ""};
    const Row rows[] = {
        {401, false, {"https://hub.example/google/gemma-3 is gated", "does not exist", "HF_TOKEN"}},
        {403, false, {"accept its licence", "https://hub.example/settings/tokens"}},
        {401, true, {"the token in HF_TOKEN may not read", "a new token"}},
        {403, true, {"accept the model's licence on that page"}},
        {404, true, {"there is no google/gemma-3 at", "https://hub.example/google lists"}},
        {429, false, {"limits how often", "set HF_TOKEN"}},
        {429, true, {"wait some minutes"}},
        {502, false, {"answers 502", "--hf-endpoint"}},
    };
    for (const auto& row : rows) {
        const auto said = hub_refusal(row.status, "https://hub.example", name, row.with_token);
        INFO(said);
        for (const char* part : row.says)
            CHECK(said.find(part) != std::string::npos);
    }
    CHECK(hub_refusal(404, "https://h", {"a", "b", "v2", "", ""}, false).find("at 'v2'") !=
          std::string::npos);
    CHECK(hub_refusal(429, "https://h", name, true).find("HF_TOKEN") == std::string::npos);
}

TEST_CASE("pull names: the shards beside a shard") {
    const auto twice = shard_addresses(
        {"https://h/m-00002-of-00003.gguf?n=m-00002-of-00003.gguf", "m-00002-of-00003.gguf"});
    CHECK(twice.size() == 1); // the query names it too: nothing is guessed
    const auto three =
        shard_addresses({"https://h/x-of-y/m-00002-of-00003.gguf?a=1", "m-00002-of-00003.gguf"});
    REQUIRE(three.size() == 3);
    CHECK(three[0].url == "https://h/x-of-y/m-00001-of-00003.gguf?a=1");
    CHECK(three[0].file_name == "m-00001-of-00003.gguf");
    CHECK(three[2].url == "https://h/x-of-y/m-00003-of-00003.gguf?a=1");
    CHECK(shard_addresses({"https://h/m.gguf", "m.gguf"}).size() == 1);
    CHECK(shard_addresses({"https://h/m-00001-of-99999.gguf", "m-00001-of-99999.gguf"}).size() ==
          1);
}
