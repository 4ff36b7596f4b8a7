#include "odysseus/base/write_behind.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <future>
#include <mutex>
#include <string>
#include <vector>

using namespace odysseus;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// What was written; shared with a thread that may be left behind.
struct Paper {
    std::mutex mutex;
    std::vector<std::string> lines;

    void add(const std::string& line) {
        const std::lock_guard lock(mutex);
        lines.push_back(line);
    }
};

} // namespace

TEST_CASE("write behind: in order, and all of it by the end") {
    const auto paper = std::make_shared<Paper>();
    std::vector<std::string> expected;
    {
        WriteBehind behind(1 << 20, {});
        for (int i = 0; i < 500; ++i) {
            const auto line = std::to_string(i);
            expected.push_back(line);
            behind.post(line.size(), [paper, line] { paper->add(line); });
        }
    }
    CHECK(paper->lines == expected);
}

TEST_CASE("write behind: a write that fails costs itself alone") {
    const auto paper = std::make_shared<Paper>();
    {
        WriteBehind behind(1 << 20, {});
        behind.post(1, [] { throw std::runtime_error("no"); });
        behind.post(1, [paper] { paper->add("yes"); });
    }
    CHECK(paper->lines == std::vector<std::string>{"yes"});
}

namespace {

// A write that waits until it is let go.
class Held {
  public:
    explicit Held(WriteBehind& behind) {
        behind.post(1, [release = m_release.get_future().share(), begun = m_begun] {
            begun->set_value();
            release.wait();
        });
        m_begun->get_future().wait();
    }
    void let_go() { m_release.set_value(); }

  private:
    std::promise<void> m_release;
    std::shared_ptr<std::promise<void>> m_begun = std::make_shared<std::promise<void>>();
};

} // namespace

TEST_CASE("write behind: nobody waits, and what is too much is counted") {
    const auto paper = std::make_shared<Paper>();
    WriteBehind behind(
        1000, [paper](std::uint64_t count) { paper->add("lost " + std::to_string(count)); });
    Held held(behind);
    for (int i = 0; i < 5; ++i)
        behind.post(400, [paper] { paper->add("kept"); });
    held.let_go();
    while (true) { // until there is room again
        behind.post(1, [paper] { paper->add("after"); });
        const std::lock_guard lock(paper->mutex);
        if (!paper->lines.empty() && paper->lines.back() == "after") break;
    }
    CHECK(behind.end());
    REQUIRE(paper->lines.size() > 3);
    CHECK(paper->lines[0] == "kept");
    CHECK(paper->lines[1] == "kept");
    CHECK(paper->lines[2].starts_with("lost "));
}

TEST_CASE("write behind: the end waits for a moment, not for ever") {
    WriteBehind behind(1000, {});
    Held held(behind);
    const auto began = Clock::now();
    CHECK_FALSE(behind.end());
    CHECK(Clock::now() - began >= WriteBehind::k_end_grace);
    held.let_go();
}
