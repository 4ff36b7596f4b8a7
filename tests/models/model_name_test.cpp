#include "models/model_name.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::models;

TEST_CASE("model name: shards are told from names that only look like them") {
    const auto shard = shard_name("Qwen3-235B-Q4_K_M-00002-of-00005");
    REQUIRE(shard);
    CHECK(shard->whole == "Qwen3-235B-Q4_K_M");
    CHECK(shard->number == 2);
    CHECK(shard->count == 5);
    for (const char* no :
         {"-00001-of-00003", "a-0001-of-0003", "a-00001-of-00003-b", "a-00000-of-00003",
          "a-00004-of-00003", "a-0000x-of-00003", "a_00001-of-00003", "a-00001-to-00003", ""}) {
        CHECK_FALSE(shard_name(no));
    }
}

TEST_CASE("model name: only whole, visible .gguf files count") {
    CHECK(gguf_stem("a.gguf") == "a");
    CHECK(gguf_stem("a.b.GGUF") == "a.b");
    for (const char* no : {".gguf", "._a.gguf", ".a.gguf", "a.gguf.part", "a.gguf.tmp",
                           "a.gguf.downloadInProgress", "a.ggufx", "agguf", "a.bin", ""}) {
        CHECK_FALSE(gguf_stem(no));
    }
}

TEST_CASE("model name: the quantisation is the last part, when it is one") {
    struct Row {
        const char* stem;
        const char* base;
        const char* quant; // "": none
    };
    const Row rows[] = {
        {"mistral-7b-instruct-v0.3.Q4_K_M", "mistral-7b-instruct-v0.3", "Q4_K_M"},
        {"Qwen3-8B-UD-Q4_K_XL", "Qwen3-8B", "UD-Q4_K_XL"},
        {"gpt-oss-20b-mxfp4", "gpt-oss-20b", "mxfp4"},
        {"gemma-3-4b-it-BF16", "gemma-3-4b-it", "BF16"},
        {"phi-4-IQ3_XXS", "phi-4", "IQ3_XXS"},
        {"bitnet-TQ1_0", "bitnet", "TQ1_0"},
        {"tinyllama-1.1b-chat-v1.0.q8_0", "tinyllama-1.1b-chat-v1.0", "q8_0"},
        {"model-q4", "model", "q4"},
        {"my-qwen3", "my-qwen3", ""},
        {"a-q4all", "a-q4all", ""},
        {"llama-v2.0", "llama-v2.0", ""},
        {"f16", "f16", ""},
        {"-Q4_0", "-Q4_0", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.stem);
        const auto name = quant_name(row.stem);
        CHECK(name.base == row.base);
        CHECK(name.quant.value_or("") == row.quant);
    }
}

TEST_CASE("model name: the family ends with the size") {
    CHECK(family_name("mistral-7b-instruct-v0.3") == "mistral-7b");
    CHECK(family_name("Qwen3-30B-A3B-Instruct") == "Qwen3-30B");
    CHECK(family_name("mixtral-8x7b-v0.1") == "mixtral-8x7b");
    CHECK(family_name("gemma-3-270m-it") == "gemma-3-270m");
    CHECK(family_name("tinyllama_1.1b_chat") == "tinyllama_1.1b");
    for (const char* no : {"phi-4", "gemma-it", "7b", "7b-chat", "a-b", "a-3com", ""})
        CHECK_FALSE(family_name(no));
}

TEST_CASE("model name: the Hugging Face cache says org and repo") {
    const auto repo = cached_repo("hub/models--unsloth--Qwen3-8B-GGUF/snapshots/0123abc/Q4/x.gguf");
    REQUIRE(repo);
    CHECK(repo->org == "unsloth");
    CHECK(repo->repo == "Qwen3-8B-GGUF");
    CHECK(repo->commit == "0123abc");
    for (const char* no : {"models--a--b/blobs/0123/x.gguf", "models--a/snapshots/0/x.gguf",
                           "models----b/snapshots/0/x.gguf", "models--a--/snapshots/0/x.gguf",
                           "models--a--b/snapshots/x.gguf", "a/b/c/x.gguf"}) {
        CHECK_FALSE(cached_repo(no));
    }
    CHECK(without_gguf_ending("Qwen3-8B-GGUF") == "Qwen3-8B");
    CHECK(without_gguf_ending("-GGUF") == "-GGUF");
}

TEST_CASE("model names: a name with spaces has a form that can be typed") {
    CHECK(dashed_name("My Model (final) v2") == "my-model-final-v2");
    CHECK(dashed_name("Qwen3-8B") == "qwen3-8b");
    CHECK(dashed_name("  [x] 1.5_a ") == "x-1.5_a");
    CHECK(dashed_name("(!)").empty());
}
