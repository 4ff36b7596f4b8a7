#include "odysseus/server/argument_rules.hpp"
#include "odysseus/server/user_arguments.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;
using namespace odysseus::server;

TEST_CASE(
    "user arguments: what they say of the cache and of the models counts, the last one wins") {
    const auto said = user_arguments(
        {"--cache-type-k", "q8_0", "-ctv", "q4_0", "--models-max=3", "-ctk", "Q5_1"});
    CHECK(said.key_type == CacheType::q5_1);
    CHECK(said.value_type == CacheType::q4_0);
    CHECK(said.models_max == 3U);
}

TEST_CASE("user arguments: look-alikes, unknown types and missing values say nothing") {
    const auto said = user_arguments(
        {"--cache-type-kx", "q8_0", "--cache-type-v", "huge", "--models-max", "many", "-ctk"});
    CHECK_FALSE(said.key_type.has_value());
    CHECK_FALSE(said.value_type.has_value());
    CHECK_FALSE(said.models_max.has_value());
}

TEST_CASE("user arguments: an RPC server of another machine is told of") {
    CHECK(user_arguments({"--rpc", "127.0.0.1:1,localhost:2"}).foreign_rpc.empty());
    CHECK(user_arguments({"--rpc", "127.0.0.1:1, box:2,10.0.0.1:3"}).foreign_rpc ==
          "box:2, 10.0.0.1:3");
    CHECK(user_arguments({"--rpc=192.168.1.2:50052"}).foreign_rpc == "192.168.1.2:50052");
    CHECK(user_arguments({"--rpc"}).foreign_rpc.empty());
    CHECK(user_arguments({"--rpcx", "box:1"}).foreign_rpc.empty());
}

TEST_CASE("user arguments: a context among them is a pin, until it is stepped down from") {
    using Words = std::vector<std::string>;
    for (const auto& words : {Words{"--temp", "0", "-c", "4096", "-fa", "on"},
                              Words{"--temp", "0", "--ctx-size=4096", "-fa", "on"},
                              Words{"-c", "1", "--temp", "0", "--ctx-size", "4096", "-fa", "on"}}) {
        CHECK(user_arguments(words).context == 4096);
        CHECK(arguments_for_context(words, 4096) == words);
        CHECK(arguments_for_context(words, 2048) == Words{"--temp", "0", "-fa", "on"});
    }
    for (const auto& words : {Words{"-c", "0"}, Words{"-c", "abc"}, Words{"-c"}, Words{"-cb", "9"},
                              Words{"--ctx-size-draft", "9"}, Words{}}) {
        CHECK_FALSE(user_arguments(words).context.has_value());
        CHECK(arguments_for_context(words, 2048) == words);
    }
}

TEST_CASE("user arguments: what would part odysseus and llama-server is refused with the way out") {
    struct Row {
        std::vector<std::string> arguments;
        const char* said;
    };
    const Row rows[] = {
        {{"--verbose", "--port", "5"}, "--llama-port N"},
        {{"--port=5"}, "--llama-port N"},
        {{"--api-key", "k"}, "--api-key KEY before the --"},
        {{"--models-dir", "/m"}, "--models-dir DIR before the --"},
        {{"-m", "x.gguf"}, "odysseus pull NAME"},
        {{"-hf", "org/repo"}, "odysseus pull NAME"},
        {{"--ssl-key-file", "k"}, "in front of odysseus"},
        {{"--host", "0.0.0.0"}, "--host ADDRESS"},
        {{"--host=10.9.9.9"}, "--host ADDRESS"},
        {{"--reuse-port"}, "--host ADDRESS"},
        {{"--no-models-autoload"}, "loads its model"},
        {{"--log-disable"}, "log"},
        {{"--log-jsonl"}, "log"},
    };
    for (const auto& row : rows) {
        const auto why = conflicting_argument(row.arguments);
        REQUIRE(why.has_value());
        CHECK(why->find(row.said) != std::string::npos);
    }
}

TEST_CASE("user arguments: look-alikes of those are llama-server's own business") {
    CHECK_FALSE(conflicting_argument({}).has_value());
    CHECK_FALSE(
        conflicting_argument({"--models-max", "2", "-md", "draft.gguf", "--model-draft", "d.gguf",
                              "--ports", "-c", "512", "--hosts", "--log-colors", "off"})
            .has_value());
}
