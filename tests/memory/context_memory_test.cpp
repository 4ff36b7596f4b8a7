#include "odysseus/memory/context_memory.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;

namespace {

HeldKey key_of(const char* model) {
    return {model, 1000, 7, "b11669", "cpu 16384 MiB", 1};
}

// After a launch that began at 32768 and held at 8192.
ContextMemory after_descent(std::optional<std::int64_t> free_mib = 4096) {
    ContextMemory memory;
    note_held(memory, key_of("m"), {8192, {}}, 32768, free_mib);
    return memory;
}

std::int64_t start(const ContextMemory& memory, std::optional<std::int64_t> free_mib = 4096,
                   std::int64_t estimate = 32768) {
    const auto remembered = remembered_start(memory, key_of("m"), estimate, free_mib);
    return remembered ? remembered->tokens : estimate;
}

} // namespace

TEST_CASE("context memory: what held is where the next launch starts") {
    const auto memory = after_descent();
    const auto remembered = remembered_start(memory, key_of("m"), 32768, 4096);
    REQUIRE(remembered);
    CHECK(remembered->tokens == 8192);
    CHECK_FALSE(remembered->is_climb);
    CHECK(remembered->reason.find("8192 tokens is what worked here before") == 0);
    CHECK_FALSE(
        remembered_start(memory, key_of("m"), 8192, 4096)); // the estimate says no more itself
    CHECK_FALSE(remembered_start(memory, key_of("m"), 4096, 4096));
    CHECK_FALSE(remembered_start({}, key_of("m"), 32768, 4096));
}

TEST_CASE("context memory: it corrects an estimate, and never a pin") {
    hardware::Machine machine;
    machine.ram_mib = 65536;
    const auto estimate = choose_auto_context(machine, nullptr, {});
    REQUIRE(estimate.tokens == 32768);
    const auto corrected = with_memory(estimate, after_descent(), key_of("m"), 4096);
    CHECK(corrected.tokens == 8192);
    CHECK(corrected.source == "remembered");
    CHECK(corrected.estimated_max_tokens == estimate.estimated_max_tokens);
    CHECK(corrected.reason ==
          "8192 tokens is what worked here before; the estimate of 32768 did not.");
    CHECK(with_memory(estimate, after_descent(), key_of("n"), 4096).source == "auto");
    ContextWish pin;
    pin.pinned = 16384;
    CHECK(
        with_memory(choose_auto_context(machine, nullptr, pin), after_descent(), key_of("m"), 4096)
            .tokens == 16384);
}

TEST_CASE("context memory: any other circumstance is not known") {
    const auto memory = after_descent();
    const auto known = [&memory](const HeldKey& key) {
        return remembered_start(memory, key, 32768, 4096).has_value();
    };
    auto key = key_of("m");
    CHECK(known(key));
    CHECK_FALSE(known(key_of("n")));
    (key = key_of("m")).size_bytes = 1001;
    CHECK_FALSE(known(key));
    (key = key_of("m")).modified_s = 8;
    CHECK_FALSE(known(key));
    (key = key_of("m")).build = "b11670";
    CHECK_FALSE(known(key));
    (key = key_of("m")).device = "cpu 32768 MiB";
    CHECK_FALSE(known(key));
    (key = key_of("m")).parallel = 2;
    CHECK_FALSE(known(key));
}

TEST_CASE("context memory: a model that never ran out of memory is not remembered") {
    ContextMemory memory;
    note_held(memory, key_of("m"), {32768, {}}, std::nullopt, 4096);
    CHECK(memory.entries.empty());
}

TEST_CASE("context memory: after three clean runs a rung more is tried, and kept if it holds") {
    auto memory = after_descent();
    for (int run = 0; run < 3; ++run) {
        CHECK(start(memory) == 8192);
        note_held(memory, key_of("m"), {8192, {}}, std::nullopt, 4096);
    }
    const auto climb = remembered_start(memory, key_of("m"), 32768, 4096);
    REQUIRE(climb);
    CHECK(climb->tokens == 12288);
    CHECK(climb->is_climb);
    CHECK(
        climb->reason ==
        "8192 tokens worked before; the next larger size is tried, after 3 runs without trouble.");
    CHECK(start(memory, 4096, 10000) == 10000); // no further than the estimate
    note_held(memory, key_of("m"), {12288, {}}, std::nullopt, 4096);
    CHECK(start(memory) == 12288);
    CHECK(memory.entries.size() == 1);
}

TEST_CASE("context memory: each climb that fails makes the next one wait twice as long") {
    auto memory = after_descent();
    const auto runs_until_climb = [&memory] {
        int runs = 0;
        while (start(memory) == 8192 && runs < 1000) {
            note_held(memory, key_of("m"), {8192, {}}, std::nullopt, 4096);
            ++runs;
        }
        note_held(memory, key_of("m"), {8192, {}}, 12288, 4096); // and fails
        return runs;
    };
    for (const int expected : {3, 6, 12, 24, 48, 96, 96})
        CHECK(runs_until_climb() == expected);
}

TEST_CASE("context memory: clearly more free memory is worth a try at once") {
    const auto memory = after_descent(4096);
    CHECK(start(memory, 4096 + 511) == 8192);
    CHECK(start(memory, 4096 + 512) == 12288);
    CHECK(remembered_start(memory, key_of("m"), 32768, 8192)
              ->reason.find("as 8.0 GiB are free instead of 4.0 GiB") != std::string::npos);
    CHECK(start(memory, std::nullopt) == 8192);
    CHECK(start(after_descent(std::nullopt), 1 << 20) == 8192);
    CHECK(start(after_descent(16384), 16384 + 2047) == 8192); // an eighth
    CHECK(start(after_descent(16384), 16384 + 2048) == 12288);
}

TEST_CASE("context memory: a lower start of another reason teaches nothing, a deeper fall does") {
    auto memory = after_descent();
    note_held(memory, key_of("m"), {2048, {}}, std::nullopt, 4096);
    CHECK(start(memory) == 8192);
    note_held(memory, key_of("m"), {4096, {}}, 8192, 4096);
    CHECK(start(memory) == 4096);
    CHECK(memory.entries[0].failed_climbs == 0);
}

TEST_CASE("context memory: a changed file is forgotten, and there is a limit") {
    auto memory = after_descent();
    auto changed = key_of("m");
    changed.size_bytes = 2000;
    note_held(memory, changed, {4096, {}}, 8192, 4096);
    CHECK(memory.entries.size() == 1);
    for (int i = 0; i < 300; ++i)
        note_held(memory, key_of(concat("other-", i).c_str()), {4096, {}}, 8192, 4096);
    CHECK(memory.entries.size() == 256);
    CHECK(memory.entries.back().key.model == "other-299");
}

TEST_CASE("context memory: text and back") {
    auto memory = after_descent(std::nullopt);
    note_held(memory, key_of("\xC3\xA9 \"x\""), {4096, {}}, 8192, 512);
    note_held(memory, key_of("\xC3\xA9 \"x\""), {4096, {}}, std::nullopt, 512);
    CHECK(memory_from_json(memory_json(memory)) == memory);
    CHECK(memory_from_json(memory_json({})) == ContextMemory{});
    for (const char* bad : {"", "{", "[]", "null", "{}", R"({"version": 2, "entries": []})",
                            R"({"version": 1, "entries": {}})", R"({"version": 1})", "\xFF"}) {
        CAPTURE(bad);
        CHECK_FALSE(memory_from_json(bad));
    }
}

TEST_CASE("context memory: entries that make no sense are dropped one by one") {
    const std::string good =
        R"({"model":"m","size_bytes":1,"modified_s":1,"build":"b","device":"d","parallel":1,"tokens":4096,"clean_runs":0,"failed_climbs":0,"free_mib":null})";
    const auto with = [&good](std::string_view part, std::string_view instead) {
        auto text = good;
        text.replace(text.find(part), part.size(), instead);
        return R"({"version":1,"entries":[)" + text + "," + good + "]}";
    };
    for (const auto& [part, instead] : std::vector<std::pair<const char*, const char*>>{
             {"\"tokens\":4096", "\"tokens\":0"},
             {"\"tokens\":4096", "\"tokens\":99999999999"},
             {"\"tokens\":4096", "\"tokens\":18446744073709551615"},
             {"\"tokens\":4096", "\"tokens\":4096.5"},
             {"\"tokens\":4096,", ""},
             {"\"model\":\"m\"", "\"model\":7"},
             {"\"parallel\":1", "\"parallel\":0"},
             {"\"clean_runs\":0", "\"clean_runs\":-1"},
             {"\"failed_climbs\":0", "\"failed_climbs\":\"0\""}}) {
        CAPTURE(part, instead);
        const auto memory = memory_from_json(with(part, instead));
        REQUIRE(memory);
        CHECK(memory->entries.size() == 1);
    }
    CHECK(memory_from_json(with("\"m\"", "\"m\""))->entries.size() == 1); // the same key twice
}

TEST_CASE("context memory: the key names the model and the device") {
    models::Model model;
    model.path = "/home/u/models/x/y.gguf";
    model.size_bytes = 5;
    model.mmproj_bytes = 2;
    hardware::Machine machine;
    machine.ram_mib = 16384;
    const auto key = held_key(model, "/home/u/models", "b1", machine, 2);
    CHECK(key.model == "x/y.gguf");
    CHECK(key.size_bytes == 7);
    CHECK(key.device == "cpu 16384 MiB");
    CHECK(held_key(model, "/home/u/mod", "b1", machine, 2).model == model.path);
    machine.backend = Backend::cuda;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.name = "RTX 4090";
    gpu.total_mib = 24564;
    gpu.free_mib = 1000; // varies, and is not part of it
    machine.gpus = {gpu, gpu};
    CHECK(device_text(machine) == "cuda RTX 4090 24564 MiB, RTX 4090 24564 MiB");
}

TEST_CASE("context memory: models that share one context start with the least, in any order") {
    hardware::Machine machine;
    machine.ram_mib = 65536;
    const auto estimate = choose_auto_context(machine, nullptr, {});
    ContextMemory memory;
    note_held(memory, key_of("a"), {24576, {}}, 32768, 4096);
    note_held(memory, key_of("b"), {8192, {}}, 32768, 4096);
    for (const auto& keys :
         {std::vector{key_of("a"), key_of("b")}, {key_of("b"), key_of("a"), key_of("new")}}) {
        const auto choice = with_memory(estimate, memory, keys, 4096);
        CHECK(choice.tokens == 8192);
        CHECK(choice.source == "remembered");
    }
    CHECK(with_memory(estimate, memory, std::vector<HeldKey>{}, 4096).tokens == 32768);
}
