// The stored release lists of tests/data/releases (origin in its README).
#pragma once

#include "odysseus/builds/release.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <iterator>
#include <string>

inline std::string release_text(const std::string& name) {
    std::ifstream in(std::string(ODYSSEUS_TEST_DATA) + "/releases/" + name + ".json",
                     std::ios::binary);
    REQUIRE(in.is_open());
    return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<odysseus::builds::Release> releases(const std::string& name) {
    auto parsed = odysseus::builds::releases_from_json(release_text(name));
    REQUIRE(std::holds_alternative<std::vector<odysseus::builds::Release>>(parsed));
    return std::get<std::vector<odysseus::builds::Release>>(std::move(parsed));
}

inline odysseus::builds::Release release(const std::string& name) {
    return releases(name).front();
}
