#include "odysseus/memory/context_choice.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <map>

using namespace odysseus;
using namespace odysseus::hardware;
using namespace odysseus::memory;

namespace {

constexpr std::int64_t k_gib = 1024LL * 1024 * 1024;

hardware::Machine cpu_machine(std::int64_t ram_gib) {
    hardware::Machine machine;
    machine.ram_mib = ram_gib * 1024;
    return machine;
}

hardware::Machine gpu_machine(Backend backend, hardware::Vendor vendor,
                              std::optional<std::int64_t> free_mib) {
    hardware::Machine machine = cpu_machine(64);
    machine.backend = backend;
    hardware::Gpu gpu;
    gpu.vendor = vendor;
    gpu.free_mib = free_mib;
    machine.gpus = {gpu};
    return machine;
}

// Attention that keeps everything, at this cost.
models::KvShape shape_costing(std::int64_t bytes_per_token) {
    return {{{1, bytes_per_token / 4, bytes_per_token / 4, 0}}, 0};
}

models::Model model_of(std::int64_t size_bytes) {
    models::Model model;
    model.id = "m";
    model.size_bytes = size_bytes;
    return model;
}

std::optional<std::int64_t> number(std::string_view cell) {
    if (cell == "-") return std::nullopt;
    const auto value = parsed_int(cell);
    REQUIRE(value);
    return value;
}

hardware::Machine machine_of(const std::vector<std::string_view>& row) {
    static const std::map<std::string_view, std::pair<Backend, hardware::Vendor>> k_backends{
        {"cuda", {Backend::cuda, hardware::Vendor::nvidia}},
        {"rocm", {Backend::rocm, hardware::Vendor::amd}},
        {"vulkan", {Backend::vulkan, hardware::Vendor::other}},
        {"metal", {Backend::metal, hardware::Vendor::apple}},
        {"cpu", {Backend::cpu, hardware::Vendor::other}},
    };
    hardware::Machine machine;
    const auto [backend, vendor] = k_backends.at(row[0]);
    machine.backend = backend;
    machine.ram_mib = number(row[3]);
    const auto free = split(row[1], ',');
    const auto total = split(row[2], ',');
    for (std::size_t i = 0; backend != Backend::cpu && i < free.size(); ++i) {
        hardware::Gpu gpu;
        gpu.vendor = vendor;
        gpu.free_mib = number(free[i]);
        gpu.total_mib = number(total[i]);
        machine.gpus.push_back(gpu);
    }
    return machine;
}

} // namespace

// The table is computed by tests/data/context_table.py, which shares nothing with odysseus.
TEST_CASE("context: the documented estimate, on a table of machines and models") {
    std::ifstream in(ODYSSEUS_TEST_DATA "/context_table.tsv");
    std::string line;
    int rows = 0;
    while (std::getline(in, line)) {
        if (line.starts_with('#')) continue;
        const auto row = split(line, '\t');
        REQUIRE(row.size() == 13);
        CAPTURE(line);
        ++rows;
        const auto size = number(row[4]);
        models::Model model = model_of(size.value_or(0));
        model.trained_context = number(row[6]);
        if (const auto cost = number(row[5])) model.kv = shape_costing(*cost);
        ContextWish wish;
        wish.parallel = *number(row[7]);
        const auto choice = choose_auto_context(machine_of(row), size ? &model : nullptr, wish);
        CHECK(choice.available_mib == number(row[8]));
        CHECK(choice.overhead_mib == number(row[9]));
        CHECK(choice.kv_mib_per_4096 ==
              Catch::Approx(parsed_number(row[10]).value()).epsilon(1e-12));
        CHECK(choice.estimated_max_tokens == number(row[11]));
        CHECK(choice.tokens == number(row[12]));
        CHECK(choice.source == "auto");
        CHECK(choice.reason.ends_with('.'));
    }
    CHECK(rows >= 200);
}

TEST_CASE("context: the ladder's neighbours") {
    CHECK(rung_below(32769) == 32768);
    CHECK(rung_below(32768) == 24576);
    CHECK(rung_below(5000) == 4096);
    CHECK_FALSE(rung_below(2048));
    CHECK_FALSE(rung_below(100));
    CHECK(rung_at_most(2047) == 2048);
    CHECK(rung_at_most(12288) == 12288);
    CHECK(rung_at_most(1'000'000) == 32768);
    CHECK(rung_above(2048) == 4096);
    CHECK(rung_above(100) == 2048);
    CHECK_FALSE(rung_above(32768));
}

TEST_CASE("context: a pin is taken as it is, and the estimate is still told") {
    ContextWish wish;
    wish.pinned = 50000;
    const auto choice = choose_auto_context(cpu_machine(4), nullptr, wish);
    CHECK(choice.tokens == 50000);
    CHECK(choice.source == "pinned");
    CHECK(choice.estimated_max_tokens == 14894);
}

TEST_CASE("context: what does not fit is said") {
    auto model = model_of(30 * k_gib);
    const auto choice = choose_auto_context(cpu_machine(8), &model, {});
    CHECK(choice.tokens == 2048);
    CHECK(choice.estimated_max_tokens == 0);
    CHECK(choice.reason.find("may not hold") != std::string::npos);
    CHECK(choose_auto_context(cpu_machine(64), &model, {}).reason.find("may not hold") ==
          std::string::npos);
    CHECK(choose_auto_context(Machine{}, nullptr, {}).reason.find("not known") !=
          std::string::npos);
}

TEST_CASE("context: windows and states are paid once, not with every token") {
    // 1 GiB usable. A token costs 32 KiB, the windows 512 MiB: room for 16384, not for 32768.
    auto model = model_of(1 * k_gib);
    model.kv = models::KvShape{{{1, 8192, 8192, 0}, {32, 4096, 4096, 512}}, 0};
    REQUIRE(kv_fixed_bytes(*model.kv) == k_gib / 2);
    const auto choice = choose_auto_context(cpu_machine(4), &model, {});
    CHECK(choice.estimated_max_tokens == 16384);
    CHECK(choice.tokens == 16384);
    CHECK(choice.kv_mib_per_4096 == 128);
    ContextWish two;
    two.parallel = 2; // windows for two slots: 1536 cells, 768 MiB
    CHECK(choose_auto_context(cpu_machine(4), &model, two).estimated_max_tokens == 4096);
    // The same in quantised form.
    ContextWish small;
    small.key_type = CacheType::q8_0;
    small.value_type = CacheType::q8_0;
    CHECK(choose_auto_context(cpu_machine(4), &model, small).tokens == 32768);
    // A model that keeps nothing has room for anything.
    model.kv = models::KvShape{};
    CHECK(choose_auto_context(cpu_machine(4), &model, {}).tokens == 32768);
    // One whose state alone does not fit has room for nothing.
    model.kv = models::KvShape{{{1, 64, 64, 0}}, 2 * k_gib};
    CHECK(choose_auto_context(cpu_machine(4), &model, {}).estimated_max_tokens == 0);
}

TEST_CASE("context: the projector of the largest model counts") {
    auto model = model_of(4 * k_gib);
    model.kv = shape_costing(262144); // 1 GiB for 4096
    CHECK(choose_auto_context(cpu_machine(8), &model, {}).estimated_max_tokens == 8192);
    model.mmproj_bytes = k_gib;
    const auto choice = choose_auto_context(cpu_machine(8), &model, {});
    CHECK(choice.largest_model_mib == 5120);
    CHECK(choice.estimated_max_tokens == 4096);
}

TEST_CASE("context: only the memory of GPUs that llama.cpp will use counts") {
    auto machine = gpu_machine(Backend::cuda, hardware::Vendor::nvidia, 8192);
    hardware::Gpu other;
    other.vendor = hardware::Vendor::intel;
    other.free_mib = 16384;
    other.unified_memory = true;
    machine.gpus.push_back(other);
    CHECK(choose_auto_context(machine, nullptr, {}).available_mib == 8192);
    machine.backend = Backend::vulkan; // passes over the GPU inside the processor
    CHECK(choose_auto_context(machine, nullptr, {}).available_mib == 8192);
    machine.gpus.erase(machine.gpus.begin()); // unless it is the only one
    CHECK(choose_auto_context(machine, nullptr, {}).available_mib == 16384);
    machine.backend = Backend::cpu;
    CHECK(used_gpus(machine).empty());
    CHECK(choose_auto_context(machine, nullptr, {}).available_mib == 65536);
}

TEST_CASE("context: what the estimate has for a model") {
    hardware::Machine machine;
    CHECK_FALSE(model_room(machine).fast);
    machine.ram_mib = 16 * 1024;
    CHECK(model_room(machine).fast == 14 * k_gib); // 2 GiB of overhead without a GPU
    CHECK(model_room(machine).ram == 0);
    machine.backend = Backend::cuda;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.total_mib = 8192;
    gpu.free_mib = 7680;
    machine.gpus = {gpu};
    CHECK(model_room(machine).fast == 5 * k_gib); // 2.5 GiB with one
    CHECK(model_room(machine).ram == 15 * k_gib); // 1 GiB is kept for the rest
    machine.available_ram_mib = 4096;
    CHECK(model_room(machine).ram == 3 * k_gib);
    machine.gpus.front().free_mib = 1024;
    CHECK(model_room(machine).fast == 0);
    machine.gpus.front().unified_memory = true; // it is the RAM
    CHECK(model_room(machine).ram == 0);
}

TEST_CASE("context: --ctx max goes on above the ladder, up to what was trained") {
    auto model = model_of(k_gib);
    model.kv = shape_costing(32768); // 1 GiB for 32768 tokens
    ContextWish wish;
    wish.max = true;
    const auto tokens = [&](std::int64_t ram_gib, std::optional<std::int64_t> trained) {
        model.trained_context = trained;
        return choose_auto_context(cpu_machine(ram_gib), &model, wish).tokens;
    };
    CHECK(tokens(64, 131072) == 131072);
    CHECK(tokens(64, 1'000'000) == 262144);
    CHECK(tokens(6, 131072) == 65536); // room for 98304
    CHECK(tokens(64, 40960) == 40960);
    CHECK(tokens(64, 4096) == 4096);
    CHECK(tokens(3, 131072) == 2048);
    CHECK(tokens(64, std::nullopt) == 32768); // nobody knows what it was trained for
    wish.max = false;
    CHECK(tokens(64, 131072) == 32768);
    wish.max = true;
    wish.key_type = wish.value_type = CacheType::q8_0;
    CHECK(tokens(6, 131072) == 131072);
}

TEST_CASE("context: a card with memory of its own is no part of the RAM") {
    auto machine = gpu_machine(Backend::vulkan, hardware::Vendor::intel, std::nullopt);
    CHECK(choose_auto_context(machine, nullptr, {}).available_mib ==
          35 * 1024); // shares it, perhaps
    machine.gpus[0].unified_memory = false;
    const auto choice = choose_auto_context(machine, nullptr, {});
    CHECK_FALSE(choice.available_mib);
    CHECK(choice.reason.find("the card does not tell its own") != std::string::npos);
    machine.gpus[0].total_mib = 12 * 1024;
    CHECK(choose_auto_context(machine, nullptr, {}).available_mib == 12 * 1024);
}
