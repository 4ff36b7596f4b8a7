#include "commands/open_choice.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::commands;

TEST_CASE("open: by itself the first time at a desktop, never where nobody looks") {
    struct Row {
        OpenFacts facts;
        Opening opening;
    };
    const Row rows[] = {
        {{{}, true, true, true, false}, Opening::yes},
        {{{}, false, true, true, false}, Opening::no},
        {{{}, true, false, true, false}, Opening::no},
        {{{}, true, true, false, false}, Opening::no},
        {{{}, true, true, true, true}, Opening::no},
        {{true, false, false, true, false}, Opening::yes},
        {{true, true, true, false, false}, Opening::impossible},
        {{true, true, true, true, true}, Opening::impossible},
        {{false, true, true, true, false}, Opening::no},
    };
    for (const auto& row : rows)
        CHECK(opening_of(row.facts) == row.opening);
}
