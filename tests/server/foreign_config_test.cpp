#include "odysseus/server/foreign_config.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::server;
using Words = std::vector<std::string>;

TEST_CASE("config.ini: what cannot be overruled is named, each once") {
    CHECK(settings_that_hold("").empty());
    CHECK(settings_that_hold("[*]\nthreads = 4\napi-key = x\nmodel = /x.gguf\ntools = all\n")
              .empty());
    CHECK(settings_that_hold("[*]\nembeddings = true\r\n  lora=/x\nembeddings = true\n") ==
          Words{"embeddings", "lora"});
    CHECK(settings_that_hold("--log-disable = 1\nLLAMA_ARG_RERANKING = 1\nAPI_KEY_FILE = /k\n") ==
          Words{"log-disable", "reranking", "api-key-file"});
    CHECK(settings_that_hold("gpt-oss-20b-default = true\nspec-default = true\n") ==
          Words{"gpt-oss-20b-default"});
}

TEST_CASE("config.ini: comments, sections and what a terminal would obey are not named") {
    CHECK(settings_that_hold("# lora = x\n; lora = x\n[lora]\n\x1b[2J-default = 1\nlora-x = 1")
              .empty());
}
