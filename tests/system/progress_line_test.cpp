#include "system/progress_line.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace odysseus;
using namespace odysseus::system;

namespace {

constexpr std::int64_t k_mib = 1 << 20;

std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

Progress of(const std::string& what, std::optional<std::int64_t> total = 241 * k_mib) {
    return {what, 80 * k_mib, total, 11.0 * k_mib, false};
}

} // namespace

TEST_CASE("a progress bar takes one row, whatever the width and the name") {
    const std::string names[] = {"a", "Tiny-Q4_K_M.gguf", std::string(300, 'x'), "模型-Q4.gguf"};
    for (const auto& name : names) {
        for (std::size_t columns = 1; columns <= 240; ++columns) {
            for (const auto total : {std::optional<std::int64_t>(), std::optional(241 * k_mib),
                                     std::optional(std::int64_t{9'000'000} * k_mib)}) {
                const auto line = progress_line(of(name, total), columns);
                INFO(columns << ": " << line);
                CHECK(width(line) < columns);
                CHECK(line.find('\n') == std::string::npos);
            }
        }
    }
}

TEST_CASE("what there is no room for goes in its order: time, bar, name") {
    CHECK(progress_line(of("Tiny-Q4_K_M.gguf"), 120) ==
          "Tiny-Q4_K_M.gguf [#######.................] 33% 80.0 MiB of 241.0 MiB, 11.0 MiB/s, 15 s "
          "left");
    CHECK(progress_line(of("Tiny-Q4_K_M.gguf"), 80) ==
          "Tiny-Q4_K_M.gguf [#######...............] 33% 80.0 MiB of 241.0 MiB, 11.0 MiB/s");
    CHECK(progress_line(of("A-rather-long-name-of-a-file-Q4_K_M.gguf"), 80) ==
          "A-rather-long-name-of-a-file-Q4… [#.....] 33% 80.0 MiB of 241.0 MiB, 11.0 MiB/s");
    CHECK(progress_line(of("Tiny-Q4_K_M.gguf", std::nullopt), 80) ==
          "Tiny-Q4_K_M.gguf 80.0 MiB, 11.0 MiB/s");
    CHECK(progress_line(of("Tiny-Q4_K_M.gguf"), 30) == "33% 80.0 MiB of 241.0 MiB, 1…");
}

TEST_CASE("a time is told in its two largest parts") {
    CHECK(duration_text(12.4) == "12 s");
    CHECK(duration_text(187) == "3 min 7 s");
    CHECK(duration_text(3900) == "1 h 5 min");
}
