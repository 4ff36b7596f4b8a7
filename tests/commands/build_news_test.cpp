#include "commands/build_news_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::commands;

namespace {

hardware::Machine machine_with(Backend backend, std::vector<std::string> gpus) {
    hardware::Machine machine;
    machine.backend = backend;
    for (auto& name : gpus) {
        hardware::Gpu gpu;
        gpu.vendor = hardware::Vendor::nvidia;
        gpu.name = std::move(name);
        machine.gpus.push_back(std::move(gpu));
    }
    return machine;
}

} // namespace

TEST_CASE("build news: a GPU that came later is told with the command that takes its build") {
    const auto cuda = machine_with(Backend::cuda, {"NVIDIA GeForce RTX 4090"});
    const auto came = better_build(cuda, {}, Backend::cpu, {Backend::cpu, {}});
    REQUIRE(came);
    CHECK(*came == "NVIDIA GeForce RTX 4090 came after this llama.cpp build (CPU) was chosen. One "
                   "for CUDA is taken by: odysseus backend install");
    // The same card, its driver installed since.
    const auto driver =
        better_build(cuda, {}, Backend::cpu, {Backend::cpu, {"NVIDIA GeForce RTX 4090"}});
    REQUIRE(driver);
    CHECK(driver->starts_with("what CUDA needs came after"));
    // It was there, and a build for it did not hold: nothing came.
    CHECK_FALSE(
        better_build(cuda, {}, Backend::vulkan, {Backend::cuda, {"NVIDIA GeForce RTX 4090"}}));
    CHECK_FALSE(better_build(cuda, {}, Backend::cuda, {Backend::cpu, {}}));
    CHECK_FALSE(better_build(cuda, Backend::cpu, Backend::cpu, {Backend::cpu, {}}));
    CHECK_FALSE(better_build(machine_with(Backend::cpu, {}), {}, Backend::cpu, {Backend::cpu, {}}));
}

TEST_CASE("build news: what is kept comes back, and nonsense is nothing") {
    const auto kept = chosen_for(chosen_for_text({Backend::vulkan, {"a", "b"}}));
    REQUIRE(kept);
    CHECK(kept->backend == Backend::vulkan);
    CHECK(kept->gpus == std::vector<std::string>{"a", "b"});
    for (const char* text :
         {"", "[]", "{}", R"({"backend": "x", "gpus": []})", R"({"backend": "cpu", "gpus": 3})"})
        CHECK_FALSE(chosen_for(std::string_view(text)));
    const auto check = update_check_from(update_check_text({10, 20, "b11669"}));
    CHECK(check.asked_s == 10);
    CHECK(check.told_s == 20);
    CHECK(check.newest == "b11669");
    CHECK(update_check_from(R"({"newest": "../x", "asked_s": "y"})").newest.empty());
}

TEST_CASE("build news: asked and told once a day") {
    constexpr std::int64_t k_day = 24 * 3600;
    constexpr std::int64_t k_now = 1'800'000'000;
    CHECK(should_ask({}, k_now));
    CHECK_FALSE(should_ask({k_now - k_day + 1, 0, ""}, k_now));
    CHECK(should_ask({k_now - k_day, 0, ""}, k_now));
    CHECK(should_ask({k_now + 5, 0, ""}, k_now)); // the clock was set back
    CHECK(should_tell({k_now, 0, "b11670"}, "b11669", k_now));
    CHECK_FALSE(should_tell({k_now, k_now - 1, "b11670"}, "b11669", k_now));
    CHECK_FALSE(should_tell({k_now, 0, "b11669"}, "b11669", k_now));
    CHECK_FALSE(should_tell({k_now, 0, "b9000"}, "b11669", k_now));
    CHECK_FALSE(should_tell({k_now, 0, ""}, "b11669", k_now));
    CHECK_FALSE(is_newer("b11670", "v0.4"));
    CHECK(what_is_new("b1", "b2") == "https://github.com/ggml-org/llama.cpp/compare/b1...b2");
}
