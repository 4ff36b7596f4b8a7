#include "proxy/rewrite.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>
#include <string>

using namespace odysseus;
using namespace odysseus::proxy;

namespace {

BodyFacts facts_of(std::string_view body) {
    JsonScanner scanner;
    return scanner.finish(body);
}

std::string model_text(std::string_view body) {
    const auto facts = facts_of(body);
    if (!facts.json_object || !facts.model) return "-";
    return std::string(body.substr(facts.model->begin, facts.model->end - facts.model->begin));
}

} // namespace

TEST_CASE("The model's name is found where it stands") {
    struct Row {
        const char* body;
        const char* model; // with its quotes; "-": untouched
    };
    const auto row = GENERATE(
        Row{R"({"model":"a"})", R"("a")"}, Row{R"({"x":1,"model" : "a","y":2})", R"("a")"},
        Row{"\xEF\xBB\xBF {\"model\":\"a\"} \n", R"("a")"}, Row{R"({"mod\u0065l":"a"})", R"("a")"},
        Row{R"({"\u006d\u006f\u0064\u0065\u006c":"a"})", R"("a")"},
        Row{R"({"model":"a","model":"b"})", R"("b")"}, // the last one counts
        Row{R"({"model":null})", "null"}, Row{R"({"model":"a","model": null ,"x":1})", "null"},
        Row{R"({"model":"a","model":5})", "-"}, Row{R"({"model":5,"model":"b"})", R"("b")"},
        Row{R"({"m":{"model":"inner"},"model":"outer"})", R"("outer")"},
        Row{R"({"model":"outer","m":[{"model":"inner"}]})", R"("outer")"},
        Row{R"({"m":{"model":"inner"}})", "-"}, Row{R"({"Model":"a"})", "-"},
        Row{R"({"models":"a"})", "-"}, Row{R"({"model":"say \"hi\" \\"})", R"("say \"hi\" \\")"},
        Row{R"({"x":"\"model\":\"no\"","model":"yes"})", R"("yes")"},
        Row{R"({"seed":18446744073709551615,"model":"a","t":1.0e-2})", R"("a")"},
        Row{R"({"model":"a"}x)", "-"}, Row{R"({"model":"a")", "-"}, Row{R"({"model":"a)", "-"},
        Row{R"({"model":"a",})", "-"}, Row{R"({"model" "a"})", "-"}, Row{R"({model:"a"})", "-"},
        Row{R"({"model":"a","x":01})", "-"}, Row{R"({"model":"a","x":tru})", "-"},
        Row{R"({"model":"a","x":"\q"})", "-"}, Row{R"({"model":"a","x":"\u12g4"})", "-"},
        Row{R"(["model","a"])", "-"}, Row{R"("model")", "-"}, Row{"", "-"}, Row{"   ", "-"},
        Row{R"({"x":[1,2,{"y":null}],"model":"a"})", R"("a")"}, Row{R"({"x":]})", "-"},
        Row{R"({"x":[}],"model":"a"})", "-"});
    CAPTURE(row.body);
    CHECK(model_text(row.body) == row.model);
}

TEST_CASE("The scanner stops and goes on at any byte") {
    const std::string body =
        "\xEF\xBB\xBF{\"a\":\"x\\\"\\u00e9\\\\\",\"n\":[-1.5e3,true,null,{}],\"stream\":true,"
        "\"mod\\u0065l\":\"fri\\u0065ndly\",\"tail\":\"\\\\\"}\n";
    const auto whole = facts_of(body);
    REQUIRE(whole.json_object);
    REQUIRE(whole.model);
    CHECK(whole.stream);
    for (std::size_t step = 1; step < 9; ++step) {
        JsonScanner scanner;
        for (std::size_t size = 0; size < body.size(); size += step)
            scanner.feed(std::string_view(body).substr(0, size));
        const auto facts = scanner.finish(body);
        CAPTURE(step);
        REQUIRE(facts.json_object);
        REQUIRE(facts.model);
        CHECK(facts.model->begin == whole.model->begin);
        CHECK(facts.model->end == whole.model->end);
        CHECK(facts.stream);
    }
}

TEST_CASE("Only a top-level stream that is true is one") {
    CHECK(facts_of(R"({"stream":true})").stream);
    CHECK_FALSE(facts_of(R"({"stream":false})").stream);
    CHECK_FALSE(facts_of(R"({"stream":"true"})").stream);
    CHECK_FALSE(facts_of(R"({"stream":true,"stream":null})").stream);
    CHECK_FALSE(facts_of(R"({"o":{"stream":true}})").stream);
}

TEST_CASE("Nesting is followed to a limit, and deeper bodies are left alone") {
    const auto nested = [](std::size_t depth) {
        return R"({"model":"a","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
    };
    CHECK(facts_of(nested(500)).json_object);
    CHECK_FALSE(facts_of(nested(600)).json_object);
    CHECK_FALSE(facts_of(nested(1'000'000)).json_object);
}

TEST_CASE("An edit changes the name's bytes and no others") {
    struct Row {
        const char* body;
        const char* expected;
    };
    const auto row = GENERATE(
        Row{R"({ "a" : 1e300, "model":"x", "b":"\u00e9" })",
            R"({ "a" : 1e300, "model":"id/é\"", "b":"\u00e9" })"},
        Row{R"({"a":1})", R"({"model":"id/é\"","a":1})"}, Row{R"({ })", R"({"model":"id/é\"" })"},
        Row{R"({"model":"a","model":"b"})", R"({"model":"a","model":"id/é\""})"});
    const auto facts = facts_of(row.body);
    REQUIRE(facts.json_object);
    CHECK(edited(row.body, model_edit(facts, "id/é\"")) == row.expected);
    CHECK(nlohmann::json::parse(row.expected)["model"] == "id/é\"");
}

TEST_CASE("A picture of 20 MB costs a scan, not a parse") {
    const auto body = R"({"image":")" + std::string(20'000'000, 'A') + R"(","model":"a"})";
    CHECK(model_text(body) == R"("a")");
}
