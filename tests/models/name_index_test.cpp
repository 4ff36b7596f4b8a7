#include "odysseus/models/name_index.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::models;

namespace {

std::string found(const NameIndex& index, std::string_view asked) {
    const auto answer = index.find(asked);
    if (const auto* resolved = std::get_if<Resolved>(&answer)) return resolved->id;
    return std::holds_alternative<Ambiguous>(answer) ? "(ambiguous)" : "(unknown)";
}

NameIndex three_models() {
    NameIndex index;
    index.add("mistral-7b-instruct-v0.3.Q4_K_M", "mistral-7b-instruct-v0.3.Q4_K_M", Claim::id);
    index.add("mistral-7b", "mistral-7b-instruct-v0.3.Q4_K_M", Claim::family);
    index.add("org/Qwen3-8B:Q4_K_M", "org/Qwen3-8B:Q4_K_M", Claim::id);
    index.add("org/Qwen3-8B", "org/Qwen3-8B:Q4_K_M", Claim::file);
    index.add("org/Qwen3-8B:Q8_0", "org/Qwen3-8B:Q8_0", Claim::id);
    index.add("org/Qwen3-8B", "org/Qwen3-8B:Q8_0", Claim::file);
    return index;
}

} // namespace

TEST_CASE("names: an id is found exactly, every other name in any case") {
    const auto index = three_models();
    CHECK(found(index, "org/Qwen3-8B:Q8_0") == "org/Qwen3-8B:Q8_0");
    CHECK(found(index, "ORG/qwen3-8b:q8_0") == "org/Qwen3-8B:Q8_0");
    CHECK(found(index, "Mistral-7B") == "mistral-7b-instruct-v0.3.Q4_K_M");
    CHECK(found(index, "mistral-7b-instruct-v0.3.Q4_K_M.gguf") ==
          "mistral-7b-instruct-v0.3.Q4_K_M");
    CHECK(found(index, ".gguf") == "(unknown)");
}

TEST_CASE("names: what programs put before and behind a name is taken off") {
    const auto index = three_models();
    for (const char* asked :
         {"mistral-7b:latest", "openai/mistral-7b", "lmstudio/x/Mistral-7B.gguf", "mistral:7b",
          "/home/me/models/mistral-7b-instruct-v0.3.Q4_K_M.gguf", "  mistral-7b ",
          "C:\\models\\mistral-7b-instruct-v0.3.Q4_K_M.gguf",
          "models/mistral-7b-instruct-v0.3.Q4_K_M.gguf", "./mistral-7b", "ollama/mistral:7b",
          "mistral-7b:instruct-v0.3.Q4_K_M"}) {
        CAPTURE(asked);
        CHECK(found(index, asked) == "mistral-7b-instruct-v0.3.Q4_K_M");
    }
    CHECK(found(index, "hf.co/org/Qwen3-8B:Q8_0") == "org/Qwen3-8B:Q8_0");
    CHECK(found(index, "hf.co/org/Qwen3-8B") == "(ambiguous)");
    for (const char* asked : {"mistral-7b:Q8_0", "mistral-7b/other", "openai/gpt-4o", ":latest",
                              "/", "mistral-7b:latest:latest", "mistral-7bx"}) {
        CAPTURE(asked);
        CHECK(found(index, asked) == "(unknown)");
    }
}

TEST_CASE("names: the beginning of one model's names is enough, to the end of a word") {
    const auto index = three_models();
    CHECK(found(index, "mistral") == "mistral-7b-instruct-v0.3.Q4_K_M");
    CHECK(found(index, "mistral:latest") == "mistral-7b-instruct-v0.3.Q4_K_M");
    CHECK(found(index, "org/Qwen3") == "(ambiguous)");
    CHECK(found(index, "mist") == "(unknown)");
    CHECK(found(index, "mi") == "(unknown)");
    CHECK(found(index, "org") == "(unknown)"); // an organisation is no name
}

TEST_CASE("names: two equal claims give a name to nobody, a stronger one wins") {
    auto index = three_models();
    const auto answer = index.find("org/Qwen3-8B");
    REQUIRE(std::holds_alternative<Ambiguous>(answer));
    CHECK(std::get<Ambiguous>(answer).candidates ==
          std::vector<std::string>{"org/Qwen3-8B:Q4_K_M", "org/Qwen3-8B:Q8_0"});
    index.add("org/Qwen3-8B", "plain", Claim::id);
    CHECK(found(index, "org/qwen3-8b") == "plain");
}

TEST_CASE("names: ids that differ in case only are told apart by their spelling") {
    NameIndex index;
    index.add("Foo", "Foo", Claim::id);
    index.add("foo", "foo", Claim::id);
    CHECK(found(index, "Foo") == "Foo");
    CHECK(found(index, "foo") == "foo");
    CHECK(found(index, "FOO") == "(ambiguous)");
    CHECK(index.names_of("foo") == std::vector<std::string>{"foo"});
}

TEST_CASE("names: no name means the only model") {
    NameIndex index;
    CHECK(found(index, "") == "(unknown)");
    index.add("one", "one", Claim::id);
    CHECK(found(index, "") == "one");
    index.add("two", "two", Claim::id);
    CHECK(found(index, "") == "(ambiguous)");
}

TEST_CASE("names: what a model answers to begins with the friendliest and has no lost name") {
    const auto index = three_models();
    CHECK(index.names_of("mistral-7b-instruct-v0.3.Q4_K_M") ==
          std::vector<std::string>{"mistral-7b", "mistral-7b-instruct-v0.3.Q4_K_M"});
    CHECK(index.names_of("org/Qwen3-8B:Q8_0") == std::vector<std::string>{"org/Qwen3-8B:Q8_0"});
    CHECK(std::get<Unknown>(index.find("mistral-7")).nearest.front() == "mistral-7b");
}

TEST_CASE("names: a name with its quantisation is accepted, and not told") {
    NameIndex index;
    index.add("Model-UD-Q4_K_XL", "Model-UD-Q4_K_XL", Claim::id);
    index.add("model:UD-Q4_K_XL", "Model-UD-Q4_K_XL", Claim::tag);
    index.add("model:Q4_K_XL", "Model-UD-Q4_K_XL", Claim::loose_tag);
    CHECK(found(index, "model:q4_k_xl") == "Model-UD-Q4_K_XL");
    CHECK(index.names_of("Model-UD-Q4_K_XL") == std::vector<std::string>{"Model-UD-Q4_K_XL"});
    index.add("model:Q4_K_XL", "Model-Q4_K_XL", Claim::tag);
    CHECK(found(index, "model:Q4_K_XL") == "Model-Q4_K_XL");
}
