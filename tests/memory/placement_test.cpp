#include "odysseus/memory/placement.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace odysseus;
using namespace odysseus::memory;

namespace {

using Kind = Placement::Kind;
constexpr std::int64_t k_mib = 1 << 20;

hardware::Machine gpu_machine(std::int64_t total_mib, std::optional<std::int64_t> free_mib,
                              std::int64_t ram_mib = 65536) {
    hardware::Machine machine;
    machine.backend = Backend::cuda;
    machine.ram_mib = ram_mib;
    machine.available_ram_mib = ram_mib;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.total_mib = total_mib;
    gpu.free_mib = free_mib;
    machine.gpus = {gpu};
    return machine;
}

// `blocks` of attention and feed-forward (or experts) so large; 128 KiB of cache a token with 32
// blocks.
models::Model model_of(std::int64_t blocks, std::int64_t rest_mib, std::int64_t forward_mib,
                       std::int64_t experts_mib = 0) {
    models::Model model;
    model.id = "X";
    models::Weights weights;
    for (std::int64_t i = 0; i < blocks; ++i)
        weights.blocks.push_back({experts_mib * k_mib, forward_mib * k_mib, rest_mib * k_mib});
    weights.embedding = 100 * k_mib;
    weights.output = 200 * k_mib;
    weights.has_output = true;
    model.size_bytes = weights.total();
    model.weights = weights;
    model.trained_context = 131072;
    model.kv = models::KvShape{{{blocks, 1024, 1024, 0}}, 0};
    return model;
}

Placement planned(const hardware::Machine& machine, const models::Model& model,
                  ContextWish wish = {}) {
    const auto placed = needed_placement(machine, model, wish);
    return placed ? placed->setup.placement : Placement{};
}

} // namespace

TEST_CASE("placement: what the GPU's whole memory holds is left alone") {
    // 32 * (40 + 160) + 200 on the GPU = 6600 MiB, and 256 MiB of cache for 2048 tokens.
    const auto model = model_of(32, 40, 160);
    CHECK(planned(gpu_machine(6856, 6856), model).kind == Kind::gpu);
    CHECK(planned(gpu_machine(6856, 100), model).kind == Kind::gpu); // it may come back
    // A build that tells its buffers needs room to compute in as well: 299 MiB.
    auto known = model;
    known.compute = models::ComputeShape{128256, 4096, 14336, 32, true};
    CHECK(planned(gpu_machine(6856, 6856), known).kind == Kind::gpu);
    ContextWish wish;
    wish.buffers_known = true;
    CHECK(planned(gpu_machine(6856, 6856), known, wish).kind != Kind::gpu);
    CHECK(planned(gpu_machine(7200, 7200), known, wish).kind == Kind::gpu);
    CHECK(planned(gpu_machine(6855, 6855), model).kind == Kind::feed_forward);
    auto cpu = gpu_machine(1000, 1000);
    cpu.backend = Backend::cpu;
    CHECK_FALSE(needed_placement(cpu, model, {}));
    CHECK_FALSE(needed_placement(gpu_machine(4096, 4096), models::Model{}, {}));
}

TEST_CASE("placement: the fewest blocks whose feed-forward weights must go") {
    const auto model = model_of(32, 40, 160);
    struct Row {
        std::int64_t total, free, context, blocks;
    };
    // Budget: free - 512 - cache (256 MiB for 2048); 6600 - 160 k must be within.
    for (const auto& row :
         {Row{6000, 6000, 2048, 9}, Row{6000, 5000, 2048, 15}, Row{6000, 6000, 4096, 11},
          Row{4096, 4096, 2048, 21}, Row{3000, 3000, 2048, 28}, Row{2248, 2248, 2048, 32}}) {
        ContextWish wish;
        wish.pinned = row.context;
        CAPTURE(row.total, row.free, row.context);
        CHECK(planned(gpu_machine(row.total, row.free), model, wish) ==
              Placement{Kind::feed_forward, row.blocks, 32});
    }
}

TEST_CASE("placement: then all blocks, then the CPU alone") {
    const auto model = model_of(32, 40, 160);
    ContextWish wish;
    wish.pinned = 2048;
    CHECK(planned(gpu_machine(2247, 2247), model, wish).kind == Kind::blocks);
    CHECK(planned(gpu_machine(968, 968), model, wish).kind == Kind::blocks);
    CHECK(planned(gpu_machine(560, 560), model, wish).kind == Kind::cpu);
}

TEST_CASE("placement: of a mixture the experts of the last blocks go first, then the rest") {
    const auto model = model_of(48, 20, 4, 350);
    ContextWish wish;
    wish.pinned = 4096; // 768 MiB of cache
    // 48 * 374 + 200 = 18152 MiB; without experts 1352.
    CHECK(planned(gpu_machine(8192, 7900), model, wish) == Placement{Kind::experts, 33, 48});
    CHECK(planned(gpu_machine(2632, 2632), model, wish) == Placement{Kind::experts, 48, 48});
    CHECK(planned(gpu_machine(2600, 2600), model, wish) == Placement{Kind::feed_forward, 8, 48});
}

TEST_CASE("placement: the context is the one that a user would take") {
    const auto model = model_of(32, 40, 160); // a block is 1280 tokens
    const auto context = [&](const hardware::Machine& machine, const models::Model& of) {
        const auto placed = needed_placement(machine, of, {});
        REQUIRE(placed);
        return placed->setup.context;
    };
    CHECK(context(gpu_machine(4096, 4096), model) == 4096);
    auto cheap = model;
    cheap.kv = models::KvShape{{{32, 256, 256, 0}}, 0}; // 8192 cost a block
    CHECK(context(gpu_machine(4096, 4096), cheap) == 8192);
    cheap.trained_context = 4096;
    CHECK(context(gpu_machine(4096, 4096), cheap) == 4096);
    cheap.trained_context = 2048;
    CHECK(context(gpu_machine(4096, 4096), cheap) == 2048);
    // On the CPU alone the machine's memory decides.
    CHECK(context(gpu_machine(300, 300), model) == 32768);
    CHECK(context(gpu_machine(300, 300, 9300), model) == 4096);
}

TEST_CASE("placement: the machine's memory must hold what the GPU does not") {
    const auto model = model_of(32, 40, 160); // 6700 MiB
    const auto placed = needed_placement(gpu_machine(4096, 4000, 3000), model, {});
    REQUIRE(placed);
    CHECK(placed->fits == Fits::no);
    for (const auto* words : {"6.5 GiB", "3.9 GiB free", "2.9 GiB of RAM", "smaller"})
        CHECK(placed->reason.find(words) != std::string::npos);
    CHECK(placed->reason.find("cache-type") == std::string::npos);
    CHECK(needed_placement(gpu_machine(4096, 4000, 6000), model, {})->fits == Fits::partly);
    auto unknown = gpu_machine(4096, 4000);
    unknown.ram_mib = unknown.available_ram_mib = std::nullopt;
    CHECK(needed_placement(unknown, model, {})->fits == Fits::partly);
    // A GPU without memory of its own: what it does not hold is not saved.
    auto shared = gpu_machine(4096, 4000, 7000);
    shared.gpus.front().unified_memory = true;
    CHECK(needed_placement(shared, model, {})->fits == Fits::no);
}

TEST_CASE("placement: the table is stretched to the size of the file") {
    auto model = model_of(32, 40, 160);
    model.size_bytes *= 2;
    ContextWish wish;
    wish.pinned = 2048;
    // 13200 - 320 k within 8192 - 768.
    CHECK(planned(gpu_machine(8192, 8192), model, wish) == Placement{Kind::feed_forward, 19, 32});
    model.weights.reset(); // not known: as a whole or not
    CHECK(planned(gpu_machine(8192, 8192), model, wish).kind == Kind::cpu);
}

TEST_CASE("placement: steps on evidence, the last on the CPU, four at most") {
    const auto model = model_of(32, 40, 160);
    const auto machine = gpu_machine(6500, 6500);
    const Setup whole{2048, {}};
    const auto names = [&](const Setup& failed, bool race, const hardware::Machine& of) {
        std::vector<std::string> said;
        for (const auto& step : placements_below(of, model, {}, failed, race))
            said.push_back(std::string(placement_name(step.placement.kind)) + " " +
                           std::to_string(step.placement.blocks));
        return said;
    };
    using Names = std::vector<std::string>;
    // 4096 tokens: 6600 - 160 k within 6500 - 512 - 512.
    CHECK(names(whole, true, machine) ==
          Names{"gpu 0", "feed_forward 8", "feed_forward 12", "cpu 32"});
    CHECK(names(whole, false, machine) ==
          Names{"feed_forward 8", "feed_forward 12", "feed_forward 32", "cpu 32"});
    const Setup placed{4096, {Kind::feed_forward, 8, 32}};
    CHECK(names(placed, true, machine) ==
          Names{"feed_forward 8", "feed_forward 12", "feed_forward 32", "cpu 32"});
    CHECK(names({2048, {Kind::blocks, 32, 32}}, false, machine) == Names{"cpu 32"});
    CHECK(names({2048, {Kind::cpu, 32, 32}}, true, machine).empty());
    // What fits by our reckoning and did not: at least a block.
    CHECK(names(whole, false, gpu_machine(24000, 24000)).front() == "feed_forward 4");
    // No RAM for all of it: the CPU alone is no way.
    CHECK(names(whole, false, gpu_machine(6500, 6500, 5000)) ==
          Names{"feed_forward 8", "feed_forward 12"});
    CHECK(names(whole, false, gpu_machine(6500, 6500, 1200)).empty());
    auto cpu = machine;
    cpu.backend = Backend::cpu;
    CHECK(names(whole, true, cpu).empty());
}

TEST_CASE("placement: as llama-server is told it") {
    const auto dense = model_of(12, 1, 1);
    const auto mixture = model_of(12, 1, 1, 1);
    CHECK(override_tensor({Kind::gpu, 0, 12}, dense).empty());
    CHECK(override_tensor({Kind::cpu, 12, 12}, dense).empty());
    CHECK(override_tensor({Kind::feed_forward, 2, 12}, dense) == "blk\\.(10|11)\\.ffn_.*=CPU");
    CHECK(override_tensor({Kind::blocks, 12, 12}, dense) == "blk\\..*=CPU");
    CHECK(override_tensor({Kind::experts, 1, 12}, mixture) ==
          "blk\\.(11)\\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU");
    CHECK(override_tensor({Kind::feed_forward, 1, 12}, mixture) ==
          "blk\\.[0-9]+\\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU,blk\\.(11)\\.ffn_.*=CPU");
}

TEST_CASE("placement: what is said of it") {
    const auto model = model_of(64, 60, 250);
    const auto text =
        placement_sentence(gpu_machine(8192, 7782), model, {Kind::feed_forward, 41, 64});
    CHECK(text == "X (19.7 GiB) is larger than the GPU (7.6 GiB free): the feed-forward weights of "
                  "41 of 64 layers are in RAM; several times slower. A model of at most 5.1 GiB "
                  "would run wholly on the GPU.");
    for (const auto kind :
         {Kind::gpu, Kind::experts, Kind::feed_forward, Kind::blocks, Kind::cpu}) {
        CHECK(placement_from(placement_name(kind)) == kind);
    }
    CHECK_FALSE(placement_from("GPU"));
}
