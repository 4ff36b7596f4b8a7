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
    CHECK(found(index, "mistral") == "(unknown)");
    CHECK(found(index, ".gguf") == "(unknown)");
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

TEST_CASE("names: no name means the only model, or the preferred one") {
    NameIndex index;
    CHECK(found(index, "") == "(unknown)");
    index.add("one", "one", Claim::id);
    CHECK(found(index, "") == "one");
    index.add("two", "two", Claim::id);
    CHECK(found(index, "") == "(ambiguous)");
    CHECK(std::get<Resolved>(index.find("", "two")).id == "two");
    CHECK(std::holds_alternative<Ambiguous>(index.find("", "gone")));
}

TEST_CASE("names: what a model answers to begins with the friendliest and has no lost name") {
    const auto index = three_models();
    CHECK(index.names_of("mistral-7b-instruct-v0.3.Q4_K_M") ==
          std::vector<std::string>{"mistral-7b", "mistral-7b-instruct-v0.3.Q4_K_M"});
    CHECK(index.names_of("org/Qwen3-8B:Q8_0") == std::vector<std::string>{"org/Qwen3-8B:Q8_0"});
    CHECK(std::get<Unknown>(index.find("mistral-7")).nearest.front() == "mistral-7b");
}
