#include "odysseus/download/url.hpp"
#include "proxy/query.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace odysseus;
using namespace odysseus::download;
using namespace odysseus::proxy;

TEST_CASE("A parameter of the query is decoded, with the place of its bytes") {
    struct Row {
        const char* query;
        const char* model; // "-": none
        const char* replaced;
    };
    const auto row = GENERATE(
        Row{"model=a", "a", "model=ID"},
        Row{"x=1&model=org%2Frepo%3AQ4&y=2", "org/repo:Q4", "x=1&model=ID&y=2"},
        Row{"model=org/repo:Q4", "org/repo:Q4", "model=ID"}, Row{"model=a+b", "a b", "model=ID"},
        Row{"mod%65l=a", "a", "mod%65l=ID"}, Row{"model=a&model=b", "a", "model=ID&model=b"},
        Row{"model=", "", "model=ID"}, Row{"model", "", "modelID"}, Row{"", "-", ""},
        Row{"models=a", "-", ""}, Row{"model=%zz", "-", ""}, Row{"x=model=a", "-", ""});
    CAPTURE(row.query);
    const auto value = query_value(row.query, "model");
    CHECK((value ? value->text : "-") == row.model);
    if (value) CHECK(edited(row.query, {value->range, "ID"}) == row.replaced);
}

TEST_CASE("Percent coding goes both ways") {
    const std::string text = "org/repo:Q4 ü+%";
    CHECK(percent_encoded(text) == "org%2Frepo%3AQ4%20%C3%BC%2B%25");
    CHECK(percent_decoded(percent_encoded(text), true) == text);
    CHECK(percent_decoded("a+b", false) == "a+b");
    CHECK_FALSE(percent_decoded("%", true));
    CHECK_FALSE(percent_decoded("%4", true));
    CHECK_FALSE(percent_decoded("%4g", true));
}
