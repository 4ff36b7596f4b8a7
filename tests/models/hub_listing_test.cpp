#include "odysseus/models/hub_listing.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <vector>

using namespace odysseus;
using namespace odysseus::models;
using nlohmann::json;

namespace {

struct Named {
    const char* path;
    std::int64_t size;
};

const std::string k_digest(64, 'a');

// A tree as the hub writes it (keys and their order seen on huggingface.co in September 2026).
std::string tree_json(const std::vector<Named>& files) {
    auto tree = json::array();
    for (const auto& file : files) {
        json entry{{"type", "file"},
                   {"oid", std::string(40, '1')},
                   {"size", file.size},
                   {"path", file.path}};
        if (file.size > 1'000'000) {
            entry["lfs"] = {{"oid", k_digest}, {"size", file.size}, {"pointerSize", 135}};
            entry["xetHash"] = std::string(64, '2');
        }
        tree.push_back(entry);
    }
    return tree.dump();
}

std::vector<HubFile> files_of(const std::string& text) {
    auto files = hub_files_from(text);
    REQUIRE(std::holds_alternative<std::vector<HubFile>>(files));
    return std::get<std::vector<HubFile>>(files);
}

HubListing listing_of(const std::vector<Named>& files) {
    return hub_listing(files_of(tree_json(files)));
}

// Names and sizes as published by unsloth/Qwen3-0.6B-GGUF, seen in September 2026.
const std::vector<Named> k_qwen{
    {".gitattributes", 3135},
    {"Qwen3-0.6B-BF16.gguf", 1198182848},
    {"Qwen3-0.6B-IQ4_NL.gguf", 381566656},
    {"Qwen3-0.6B-IQ4_XS.gguf", 367804096},
    {"Qwen3-0.6B-Q2_K.gguf", 296238784},
    {"Qwen3-0.6B-Q2_K_L.gguf", 296238784},
    {"Qwen3-0.6B-Q3_K_M.gguf", 347127488},
    {"Qwen3-0.6B-Q4_0.gguf", 382156480},
    {"Qwen3-0.6B-Q4_1.gguf", 409091776},
    {"Qwen3-0.6B-Q4_K_M.gguf", 396705472},
    {"Qwen3-0.6B-Q4_K_S.gguf", 383270592},
    {"Qwen3-0.6B-Q5_K_M.gguf", 444415680},
    {"Qwen3-0.6B-Q5_K_S.gguf", 436616896},
    {"Qwen3-0.6B-Q6_K.gguf", 495107776},
    {"Qwen3-0.6B-Q8_0.gguf", 639447744},
    {"Qwen3-0.6B-UD-IQ1_S.gguf", 214643392},
    {"Qwen3-0.6B-UD-IQ2_XXS.gguf", 234074816},
    {"Qwen3-0.6B-UD-Q4_K_XL.gguf", 405372608},
    {"Qwen3-0.6B-UD-Q8_K_XL.gguf", 844288704},
    {"README.md", 17082},
    {"imatrix_unsloth.dat", 1153380},
};

// The same of unsloth/gpt-oss-120b-GGUF: a folder for each quantisation, split in two.
const std::vector<Named> k_gpt_oss{
    {"Q4_K_M/gpt-oss-120b-Q4_K_M-00002-of-00002.gguf", 13137819360},
    {"Q4_K_M/gpt-oss-120b-Q4_K_M-00001-of-00002.gguf", 49630904192},
    {"Q8_0/gpt-oss-120b-Q8_0-00001-of-00002.gguf", 49607357152},
    {"Q8_0/gpt-oss-120b-Q8_0-00002-of-00002.gguf", 13779990368},
    {"gpt-oss-120b-F16.gguf", 65369017728},
};

// And of ggml-org/gemma-3-4b-it-GGUF.
const std::vector<Named> k_gemma{
    {"gemma-3-4b-it-Q4_K_M.gguf", 2489757856},
    {"gemma-3-4b-it-Q8_0.gguf", 4130226336},
    {"gemma-3-4b-it-f16.gguf", 7767474336},
    {"mmproj-model-f16.gguf", 851251104},
};

std::vector<std::string> labels(const HubListing& listing) {
    std::vector<std::string> names;
    for (const auto& quant : listing.quants)
        names.push_back(quant.label());
    return names;
}

const HubQuant& quant_of(const HubListing& listing, std::string_view label) {
    for (const auto& quant : listing.quants) {
        if (quant.label() == label) return quant;
    }
    FAIL("there is no " << label);
    return listing.quants.front();
}

constexpr std::int64_t k_gib = std::int64_t{1} << 30;

std::string sentence(const std::variant<QuantChoice, NoQuant>& answer) {
    if (const auto* none = std::get_if<NoQuant>(&answer)) return "none: " + none->sentence;
    return "chosen: " + std::get<QuantChoice>(answer).reason;
}

std::string chosen_label(const std::variant<QuantChoice, NoQuant>& answer) {
    if (const auto* choice = std::get_if<QuantChoice>(&answer)) return choice->quant.label();
    return "(none)";
}

} // namespace

TEST_CASE("hub tree: the digest is the one of the content") {
    const auto files = files_of(R"([
      {"type":"directory","oid":"d5f3","size":0,"path":"Q2_K"},
      {"type":"file","oid":"1a2d4a39f9133a69a90ac6c66e72f459cf853b54","size":135,
       "lfs":{"oid":"882E8D2DB44DC554FB0EA5077CB7E4BC49E7342A1F0DA57901C0802EA21A0863",
              "size":2489757856,"pointerSize":135},"path":"m-Q4_K_M.gguf"},
      {"type":"file","oid":"ea67c766e74903573254ec2c29426a3b48d5b887","size":3155051328,
       "lfs":{"oid":"****************************************************************",
              "size":3155051328,"pointerSize":135},"path":"gated.gguf"},
      {"type":"file","oid":"f9279c2a4d9565b407ed5786416d1c73feec938f","size":7,"path":"s.gguf"}])");
    REQUIRE(files.size() == 3);
    CHECK(files[0].size_bytes == 2489757856);
    CHECK(files[0].sha256 == "882e8d2db44dc554fb0ea5077cb7e4bc49e7342a1f0da57901c0802ea21a0863");
    CHECK(files[1].size_bytes == 3155051328);
    CHECK_FALSE(files[1].sha256); // masked: the repository is gated
    CHECK(files[2].size_bytes == 7);
    CHECK_FALSE(files[2].sha256); // a git object's name is no digest of the content
}

TEST_CASE("hub tree: what is not to be believed is left out") {
    const auto files = files_of(R"([1, "x", {}, {"type":"file"}, {"type":"file","path":7},
      {"type":5,"path":"a.gguf"}, {"type":"file","path":"../a.gguf","size":1},
      {"type":"file","path":"/a.gguf","size":1}, {"type":"file","path":"a/.b.gguf","size":1},
      {"type":"file","path":"neg.gguf","size":-5}, {"type":"file","path":"text.gguf","size":"9"},
      {"type":"file","path":"lfs.gguf","size":3,"lfs":{"oid":"12","size":-1}},
      {"type":"file","path":"big.gguf","size":99999999999999999999}])");
    std::vector<std::string> seen;
    for (const auto& file : files)
        seen.push_back(concat(file.path, " ", file.size_bytes, file.sha256 ? " digest" : ""));
    CHECK(seen ==
          std::vector<std::string>{"neg.gguf 0", "text.gguf 0", "lfs.gguf 3", "big.gguf 0"});
    for (const char* text : {"", "{}", "null", "[", "<!DOCTYPE html>",
                             "{\"error\":\"Invalid username or password.\"}"}) {
        INFO(text);
        CHECK(std::holds_alternative<std::string>(hub_files_from(text)));
    }
    CHECK(files_of("[]").empty());
}

TEST_CASE("hub tree: the next page") {
    struct Row {
        const char* header;
        const char* next;
    };
    const Row rows[] = {
        {"<https://h/api/models/a/b/tree/main?recursive=true&cursor=Zz%3D>; rel=\"next\"",
         "https://h/api/models/a/b/tree/main?recursive=true&cursor=Zz%3D"},
        {"<https://h/1>; rel=\"prev\", <https://h/3>; rel=\"next\"", "https://h/3"},
        {"<https://h/3>; title=x; rel=next, <https://h/1>; rel=prev", "https://h/3"},
        {"<https://h/1>; rel=\"prev\"", ""},
        {"<https://h/next>; rel=\"last\"", ""},
        {"<https://h/1", ""},
        {"rel=\"next\"", ""},
        {"", ""},
    };
    for (const auto& row : rows) {
        INFO(row.header);
        CHECK(next_page(row.header).value_or("") == row.next);
    }
}

TEST_CASE("hub listing: the quantisations, the best first") {
    const auto listing = listing_of(k_qwen);
    CHECK(labels(listing) ==
          std::vector<std::string>{"UD-Q8_K_XL", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "UD-Q4_K_XL",
                                   "Q4_K_M", "Q4_K_S", "IQ4_NL", "Q4_1", "IQ4_XS", "Q4_0", "BF16",
                                   "Q3_K_M", "Q2_K_L", "Q2_K", "UD-IQ2_XXS", "UD-IQ1_S"});
    CHECK(listing.files_besides == 2);
    CHECK(listing.mmprojs.empty());
    CHECK(quant_of(listing, "Q8_0").base == "Qwen3-0.6B");
    CHECK(quant_of(listing, "Q8_0").files.front().sha256 == k_digest);
}

TEST_CASE("hub listing: shards in folders are one model, in order and whole") {
    const auto listing = listing_of(k_gpt_oss);
    REQUIRE(labels(listing) == std::vector<std::string>{"Q8_0", "Q4_K_M", "F16"});
    const auto& quant = quant_of(listing, "Q4_K_M");
    REQUIRE(quant.files.size() == 2);
    CHECK(quant.files[0].path == "Q4_K_M/gpt-oss-120b-Q4_K_M-00001-of-00002.gguf");
    CHECK(quant.size_bytes == 13137819360 + 49630904192);
    CHECK(quant.shards_missing == 0);

    const auto part = listing_of({{"m-Q4_K_M-00001-of-00003.gguf", 1},
                                  {"m-Q4_K_M-00003-of-00003.gguf", 3},
                                  {"m-00001-of-x.gguf", 5}});
    REQUIRE(part.quants.size() == 2);
    CHECK(part.quants[0].shards_missing == 1);
    CHECK(part.quants[1].files.front().path == "m-00001-of-x.gguf");
}

TEST_CASE("hub listing: one piece is better than the same in shards") {
    const auto listing = listing_of({{"m-q4_k_m-00001-of-00002.gguf", 2},
                                     {"m-q4_k_m-00002-of-00002.gguf", 2},
                                     {"m-q4_k_m.gguf", 4},
                                     {"m-q8_0-00001-of-00002.gguf", 5},
                                     {"m-q8_0-00002-of-00002.gguf", 5}});
    REQUIRE(labels(listing) == std::vector<std::string>{"Q8_0", "Q4_K_M"});
    CHECK(listing.quants[1].files.size() == 1);
    CHECK(listing.quants[0].files.size() == 2);
}

TEST_CASE("hub listing: what is beside the models") {
    const auto listing = listing_of({{"mtp-gemma-4-E4B-it-Q8_0.gguf", 1},
                                     {"eagle3-m-F16.gguf", 1},
                                     {"imatrix.gguf", 1},
                                     {"model.safetensors", 1},
                                     {"imatrix_unsloth.gguf_file", 1},
                                     {"m-mmproj-F16.gguf", 1},
                                     {"m-Q8_0.gguf", 1},
                                     {"Q5_K_M/m.gguf", 1},
                                     {"tools/m2.gguf", 1}});
    CHECK(labels(listing) == std::vector<std::string>{"Q8_0", "Q5_K_M", "m2.gguf"});
    CHECK(listing.mmprojs.size() == 1);
    CHECK(listing.drafts.size() == 2);
    CHECK(listing.files_besides == 3);
}

TEST_CASE("hub listing: quality") {
    const char* const order[] = {"UD-Q8_K_XL", "Q8_0",    "Q6_K_L", "Q6_K",   "Q5_K_M", "Q5_K_S",
                                 "UD-Q4_K_XL", "MXFP4",   "Q4_K_M", "Q4_K_S", "IQ4_NL", "IQ4_XS",
                                 "Q4_0",       "F16",     "F32",    "Q3_K_L", "IQ3_M",  "IQ3_S",
                                 "IQ3_XS",     "IQ3_XXS", "Q2_K",   "Q2_K_S", "IQ2_XS", "IQ2_XXS",
                                 "IQ1_M",      "IQ1_S"};
    for (std::size_t i = 1; i < std::size(order); ++i) {
        INFO(order[i - 1] << " before " << order[i]);
        CHECK(quality_of(order[i - 1]) > quality_of(order[i]));
    }
    CHECK(quality_of("q4_k_m") == quality_of("Q4_K_M"));
    for (const char* unknown : {"", "X", "QWEN3", "K_M"})
        CHECK(quality_of(unknown) == 0);
}

TEST_CASE("hub listing: the projector") {
    const auto gemma = listing_of(k_gemma);
    CHECK(mmproj_for(gemma, quant_of(gemma, "Q8_0"))->path == "mmproj-model-f16.gguf");
    const auto qwen = listing_of(k_qwen);
    CHECK_FALSE(mmproj_for(qwen, quant_of(qwen, "Q8_0")));

    const auto several = listing_of({{"mmproj-F32.gguf", 4},
                                     {"mmproj-BF16.gguf", 2},
                                     {"mmproj-F16.gguf", 2},
                                     {"m-Q8_0.gguf", 1},
                                     {"sub/m-Q4_0.gguf", 1},
                                     {"sub/mmproj-BF16.gguf", 2},
                                     {"su/mmproj-F16.gguf", 2}});
    CHECK(mmproj_for(several, quant_of(several, "Q8_0"))->path == "mmproj-F16.gguf");
    CHECK(mmproj_for(several, quant_of(several, "Q4_0"))->path == "sub/mmproj-BF16.gguf");
}

TEST_CASE("choice of a quantisation: the best that fits") {
    struct Row {
        std::int64_t memory;
        const char* chosen;
    };
    const auto qwen = listing_of(k_qwen);
    const std::int64_t kv = 590558003; // 0.55 GiB: what 4096 tokens take of a small model
    const Row rows[] = {
        {100 * k_gib, "UD-Q8_K_XL"},
        {844288704 + kv, "UD-Q8_K_XL"},
        {844288704 + kv - 1, "Q8_0"},
        {396705472 + kv, "Q4_K_M"},
        {396705472 + kv - 1, "Q4_K_S"},
        {300 * (k_gib / 1024) + kv, "Q2_K_L"},
        {214643392 + kv, "UD-IQ1_S"},
        {214643392 + kv - 1, "(none)"},
        {0, "(none)"},
    };
    for (const auto& row : rows) {
        INFO(row.memory);
        CHECK(chosen_label(choose_quant(qwen, "a/b", {}, {row.memory})) == row.chosen);
    }
    CHECK(chosen_label(choose_quant(qwen, "a/b", {}, {})) == "Q4_K_M");
    CHECK(sentence(choose_quant(qwen, "a/b", {}, {2 * k_gib})) ==
          "chosen: UD-Q8_K_XL, the best of 18 that fits: with a context of 4096 tokens it needs "
          "about 1.3 GiB of the 2.0 GiB that this machine has for a model");
    CHECK(
        sentence(choose_quant(qwen, "a/b", {}, {k_gib / 2})) ==
        "none: none of the 18 models of a/b fits the 512.0 MiB that this machine has for a model: "
        "the smallest, UD-IQ1_S, needs about 767.9 MiB; choose a smaller model, or download it "
        "anyway: odysseus pull a/b:UD-IQ1_S");
}

TEST_CASE("choice of a quantisation: a part of it may lie in RAM") {
    const auto qwen = listing_of(k_qwen);
    const ModelRoom small{k_gib / 2, k_gib};
    CHECK(sentence(choose_quant(qwen, "a/b", {}, small)) ==
          "chosen: Q4_K_M, as none of the 18 fits the GPU; it needs about 941.5 MiB with a context "
          "of 4096 tokens and the GPU has 512.0 MiB: the rest lies in RAM, which is several times "
          "slower");
    const auto asked = choose_quant(qwen, "a/b", {"Q8_0", ""}, small);
    CHECK(std::get<QuantChoice>(asked).fits == Fits::partly);
    CHECK(sentence(asked).find("the rest lies in RAM") != std::string::npos);
    // What fits whole is better than what is larger.
    CHECK(chosen_label(choose_quant(qwen, "a/b", {}, {2 * k_gib, 8 * k_gib})) == "UD-Q8_K_XL");
    CHECK(chosen_label(choose_quant(qwen, "a/b", {}, {k_gib / 4, k_gib / 4})) == "(none)");
}

TEST_CASE("choice of a quantisation: the projector counts too") {
    const auto gemma = listing_of(k_gemma);
    const auto needed = memory_for_4096_bytes(4130226336) + 851251104;
    CHECK(chosen_label(choose_quant(gemma, "a/b", {}, {needed})) == "Q8_0");
    const auto less = choose_quant(gemma, "a/b", {}, {needed - 1});
    CHECK(chosen_label(less) == "Q4_K_M");
    CHECK(std::get<QuantChoice>(less).download_bytes() == 2489757856 + 851251104);
}

TEST_CASE("choice of a quantisation: the one asked for") {
    const auto qwen = listing_of(k_qwen);
    CHECK(sentence(choose_quant(qwen, "a/b", {"ud-q4_k_xl", ""}, {2 * k_gib})) ==
          "chosen: UD-Q4_K_XL because it was asked for");
    CHECK(chosen_label(choose_quant(qwen, "a/b", {"", "Qwen3-0.6B-Q4_0.gguf"}, {})) == "Q4_0");
    const auto large = choose_quant(qwen, "a/b", {"BF16", ""}, {k_gib});
    CHECK(std::get<QuantChoice>(large).fits == Fits::no);
    CHECK(sentence(large).find("; it needs about 1.7 GiB") != std::string::npos);

    CHECK(sentence(choose_quant(qwen, "a/b", {"Q5_1", ""}, {}))
              .starts_with("none: a/b has no Q5_1 (did you mean Q4_1?); it has UD-Q8_K_XL, Q8_0,"));
    // A look-alike: Q4_K is not Q4_K_M.
    CHECK(chosen_label(choose_quant(qwen, "a/b", {"Q4_K", ""}, {})) == "(none)");

    const auto gpt = listing_of(k_gpt_oss);
    CHECK(chosen_label(choose_quant(
              gpt, "a/b", {"", "Q4_K_M/gpt-oss-120b-Q4_K_M-00001-of-00002.gguf"}, {})) == "Q4_K_M");
}

TEST_CASE("choice of a quantisation: what cannot be chosen") {
    CHECK(sentence(
              choose_quant(listing_of({{"README.md", 1}, {"model.safetensors", 9}}), "a/b", {}, {}))
              .starts_with("none: a/b holds no GGUF model (2 other files)"));

    const auto part = listing_of({{"m-Q8_0-00001-of-00002.gguf", 8}, {"m-Q4_0.gguf", 4}});
    CHECK(chosen_label(choose_quant(part, "a/b", {}, {100 * k_gib})) == "Q4_0");
    CHECK(sentence(choose_quant(part, "a/b", {"Q8_0", ""}, {}))
              .starts_with("none: a/b holds Q8_0 only in part: 1 of its 2 files"));

    const auto twins = listing_of({{"small-Q4_0.gguf", 4}, {"large-Q4_0.gguf", 9}});
    const auto both = sentence(choose_quant(twins, "a/b", {}, {100 * k_gib}));
    CHECK(both.find("more than one Q4_0") != std::string::npos);
    CHECK(both.find("odysseus pull a/b:large-Q4_0.gguf") != std::string::npos);
    CHECK(chosen_label(choose_quant(twins, "a/b", {"", "small-Q4_0.gguf"}, {})) == "Q4_0");
}

TEST_CASE("pull folder: named so that the model answers to its file's name") {
    struct Row {
        const char* repo;
        std::vector<Named> files;
        const char* folder;
    };
    const Row rows[] = {
        {"Qwen3-0.6B-GGUF", {{"Qwen3-0.6B-UD-Q4_K_XL.gguf", 1}}, "Qwen3-0.6B-UD-Q4_K_XL"},
        {"Qwen2.5-Coder-7B-Instruct-GGUF",
         {{"qwen2.5-coder-7b-instruct-q4_k_m.gguf", 1}},
         "qwen2.5-coder-7b-instruct-q4_k_m"},
        {"gpt-oss-120b-GGUF",
         {{"Q8_0/gpt-oss-120b-Q8_0-00001-of-00002.gguf", 1},
          {"Q8_0/gpt-oss-120b-Q8_0-00002-of-00002.gguf", 1}},
         "gpt-oss-120b-Q8_0"},
        {"Meta-Llama-3-8B-GGUF", {{"llama-3-8b-Q4_0.gguf", 1}}, "llama-3-8b-Q4_0"},
        {"My-Tune-GGUF", {{"ggml-model-q4_k_m.gguf", 1}}, "My-Tune-Q4_K_M"},
        {"My-Tune-GGUF", {{"unsloth.Q4_K_M.gguf", 1}}, "My-Tune-Q4_K_M"},
        {"a-model-of-mine", {{"model.gguf", 1}}, "a-model-of-mine"},
        {"tinyllamas", {{"stories260K.gguf", 1}}, "stories260K"},
    };
    for (const auto& row : rows) {
        INFO(row.folder);
        const auto listing = listing_of(row.files);
        CHECK(pull_folder("org", row.repo, listing.quants.front(), false) == row.folder);
        CHECK(pull_folder("org", row.repo, listing.quants.front(), true) ==
              concat("org_", row.folder));
    }
}

TEST_CASE("hub listing: drafts beside models are fetched only when they are named") {
    const auto listing = listing_of({{"gemma-4-E4B-it-Q4_K_M.gguf", 5'000'000'000},
                                     {"gemma-4-E4B-it-Q8_0.gguf", 8'000'000'000},
                                     {"gemma-4-E4B-it-assistant-Q8_0.gguf", 80'000'000},
                                     {"mmproj-gemma-4-E4B-it-F16.gguf", 900'000'000}});
    CHECK(listing.quants.size() == 2);
    REQUIRE(listing.drafts.size() == 1);
    for (const std::optional<std::int64_t> memory :
         {std::optional<std::int64_t>(), std::optional<std::int64_t>(16'000'000'000)}) {
        const auto answer = choose_quant(listing, "ggml-org/gemma-4-E4B-it-GGUF", {}, {memory});
        const auto& choice = std::get<QuantChoice>(answer);
        CHECK(choice.quant.files.front().path.find("assistant") == std::string::npos);
        CHECK(choice.mmproj);
    }
    const auto q8 = choose_quant(listing, "o/r", {"Q8_0", ""}, {});
    CHECK(std::get<QuantChoice>(q8).quant.files.front().path == "gemma-4-E4B-it-Q8_0.gguf");
    const auto draft = choose_quant(listing, "o/r", {"", "gemma-4-E4B-it-assistant-Q8_0.gguf"}, {});
    CHECK(std::get<QuantChoice>(draft).quant.size_bytes == 80'000'000);
    // A repository of drafts alone offers them.
    CHECK(listing_of({{"Qwen3-8B-DFlash-Q8_0.gguf", 80'000'000}}).quants.size() == 1);
}

TEST_CASE("hub listing: Q4_K_XL is what a file UD-Q4_K_XL is called elsewhere") {
    const auto answer = choose_quant(listing_of(k_qwen), "o/r", {"q4_k_xl", ""}, {});
    CHECK(std::get<QuantChoice>(answer).quant.name == "UD-Q4_K_XL");
}

TEST_CASE("hub listing: a folder that was copied from the browser is what is fetched") {
    const auto listing = listing_of(k_gpt_oss);
    const auto answer = choose_quant(listing, "o/r", {"", "", "Q8_0"}, {});
    CHECK(std::get<QuantChoice>(answer).quant.name == "Q8_0");
    const auto none = choose_quant(listing, "o/r", {"", "", "Q9"}, {});
    CHECK(std::get<NoQuant>(none).sentence.find("no model in a folder Q9") != std::string::npos);
}
