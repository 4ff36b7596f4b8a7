#include "odysseus/models/name_rules.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::models;

namespace {

NameIndex two_models() {
    NameIndex names;
    names.add("qwen3-8b", "qwen3-8b", Claim::id);
    names.add("gpt-oss-20b", "gpt-oss-20b", Claim::id);
    return names;
}

std::string found(std::string_view asked, const NameRules& rules) {
    const auto answer = answer_to(asked, two_models(), rules);
    if (const auto* resolved = std::get_if<Resolved>(&answer)) return resolved->id;
    return std::holds_alternative<Ambiguous>(answer) ? "(ambiguous)" : "(unknown)";
}

} // namespace

TEST_CASE("alias: NAME=MODEL, with a star at the end of NAME or nowhere") {
    CHECK(alias_from("gpt-4o=qwen3")->name == "gpt-4o");
    CHECK(alias_from(" claude-* = qwen3 ")->name == "claude-*");
    CHECK(alias_from("a=b=c")->model == "b=c");
    CHECK(alias_from("*=qwen3")->name == "*");
    for (const char* text : {"", "gpt-4o", "=qwen3", "gpt-4o=", "cl*de=qwen3", "**=x", " = "}) {
        CAPTURE(text);
        CHECK_FALSE(alias_from(text).has_value());
    }
}

TEST_CASE("alias: one without a star wins over a model's name, one with a star over none") {
    NameRules rules;
    rules.aliases = {{"qwen3-8b", "gpt-oss-20b"},
                     {"gpt-*", "qwen3"},
                     {"gpt-4*", "gpt-oss-20b"},
                     {"lost", "no-such-model"}};
    CHECK(found("QWEN3-8B", rules) == "gpt-oss-20b");
    CHECK(found("gpt-oss-20b", rules) == "gpt-oss-20b");
    CHECK(found("gpt-3.5-turbo", rules) == "qwen3-8b");
    CHECK(found("openai/gpt-3.5-turbo", rules) == "qwen3-8b");
    CHECK(found("gpt-4o", rules) == "gpt-oss-20b"); // the longer one
    CHECK(found("gpt", rules) == "gpt-oss-20b");    // the beginning of a name
    CHECK(found("lost", rules) == "(unknown)");
    CHECK(found("claude-sonnet-4-5", rules) == "(unknown)");
}

TEST_CASE("default model: no name, a cloud's name, and when asked for any name") {
    NameRules rules;
    CHECK(found("", rules) == "(ambiguous)");
    CHECK(found("claude-haiku-4-5-20251001", rules) == "(unknown)");
    rules.any_name = true; // of two models none is the default
    CHECK(found("nope", rules) == "(unknown)");
    rules.any_name = false;
    rules.default_model = "qwen3-8b";
    CHECK(found("", rules) == "qwen3-8b");
    for (const char* asked : {"claude-haiku-4-5-20251001", "gpt-4o-mini", "anthropic/claude-opus-4",
                              "o3", "o4-mini", "default", "gemini-2.5-pro"})
        CHECK(found(asked, rules) == "qwen3-8b");
    for (const char* asked : {"nope", "qwen4", "gpt-oss-120b", "o3x", "claudette"})
        CHECK(found(asked, rules) == "(unknown)");
    rules.any_name = true;
    for (const char* asked : {"nope", "qwen4", "gpt-oss-120b"})
        CHECK(found(asked, rules) == "qwen3-8b");
    rules.default_model = "gone";
    CHECK(found("nope", rules) == "(unknown)");
    CHECK(found("", rules) == "(ambiguous)");
}

TEST_CASE("default model: in every spelling of its name, and by an alias") {
    NameIndex names;
    names.add("Qwen3-8B-Q4_K_M", "Qwen3-8B-Q4_K_M", Claim::id);
    names.add("qwen3-8b", "Qwen3-8B-Q4_K_M", Claim::file);
    names.add("gpt-oss-20b", "gpt-oss-20b", Claim::id);
    NameRules rules;
    rules.aliases = {{"mine", "qwen3-8b"}};
    for (const char* name : {"Qwen3-8B-Q4_K_M", "qwen3-8b", "QWEN3-8B", "qwen3-8b:latest", "qwen3",
                             "org/qwen3-8b", "mine"}) {
        CAPTURE(name);
        rules.default_model = name;
        for (const char* asked : {"", "claude-opus-4"}) {
            const auto answer = answer_to(asked, names, rules);
            REQUIRE(std::holds_alternative<Resolved>(answer));
            CHECK(std::get<Resolved>(answer).id == "Qwen3-8B-Q4_K_M");
        }
    }
}
