#include "odysseus/memory/compute_buffer.hpp"

#include "odysseus/memory/context_choice.hpp"
#include "odysseus/memory/model_fit.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

namespace odysseus::memory {
namespace {

constexpr std::int64_t k_mib = 1 << 20;
constexpr models::ComputeShape k_llama_1b{128256, 2048, 8192, 32, true};
constexpr models::ComputeShape k_llama_8b{128256, 4096, 14336, 32, true};
constexpr models::ComputeShape k_qwen_30b_a3b{151936, 2048, 6144, 32, true};

models::Model llama_8b() {
    models::Model model;
    model.id = "llama-8b";
    model.size_bytes = 4685 * k_mib;
    model.kv = models::KvShape{{{32, 1024, 1024, 0}}, 0};
    model.trained_context = 131072;
    model.compute = k_llama_8b;
    return model;
}

hardware::Machine card(std::int64_t total_mib, std::int64_t free_mib) {
    hardware::Machine machine;
    machine.backend = Backend::cuda;
    machine.ram_mib = 32768;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.total_mib = total_mib;
    gpu.free_mib = free_mib;
    machine.gpus.push_back(gpu);
    return machine;
}

} // namespace

// What llama-fit-params of b11669 printed for models of these shapes, all layers on one device.
TEST_CASE("The compute buffer is an upper bound, and no more than a third too large") {
    struct Row {
        models::ComputeShape shape;
        std::int64_t tokens;
        std::int64_t printed_mib;
    };
    for (const auto& row :
         {Row{k_llama_1b, 2048, 272}, Row{k_llama_1b, 8192, 282}, Row{k_llama_1b, 32768, 302},
          Row{k_llama_8b, 2048, 292}, Row{k_llama_8b, 8192, 298}, Row{k_llama_8b, 32768, 330},
          Row{k_qwen_30b_a3b, 2048, 318}, Row{k_qwen_30b_a3b, 32768, 348}}) {
        CAPTURE(row.shape.embedding, row.tokens);
        const auto mib = compute_bytes(row.shape, row.tokens) / k_mib;
        CHECK(mib >= row.printed_mib - 4);
        CHECK(mib <= row.printed_mib * 5 / 4);
    }
    auto unfused = k_llama_8b;
    unfused.fused_attention = false;
    CHECK(compute_bytes(unfused, 32768) - compute_bytes(k_llama_8b, 32768) == 2048 * k_mib);
}

TEST_CASE("An eighth of a small card is left free, half a GiB to one GiB of others") {
    CHECK(spare_bytes(1024 * k_mib, Backend::cuda) == 128 * k_mib);
    CHECK(spare_bytes(4096 * k_mib, Backend::rocm) == 512 * k_mib);
    CHECK(spare_bytes(8192 * k_mib, Backend::cuda) == 512 * k_mib);
    CHECK(spare_bytes(24576 * k_mib, Backend::cuda) == 768 * k_mib);
    CHECK(spare_bytes(81920 * k_mib, Backend::cuda) == 1024 * k_mib);
}

TEST_CASE("With Vulkan a sixteenth of a small card is left free, and of others as much") {
    CHECK(spare_bytes(1024 * k_mib, Backend::vulkan) == 64 * k_mib);
    CHECK(spare_bytes(8192 * k_mib, Backend::vulkan) == 512 * k_mib);
    CHECK(spare_bytes(16384 * k_mib, Backend::vulkan) == 512 * k_mib);
    CHECK(spare_bytes(81920 * k_mib, Backend::vulkan) == 1024 * k_mib);
}

TEST_CASE("Where a build's buffers are known they count, and never give less") {
    const auto model = llama_8b();
    ContextWish wish;
    const auto specified = choose_auto_context(card(8192, 7987), &model, wish);
    CHECK(specified.tokens == 4096);
    CHECK_FALSE(specified.counted_max_tokens);
    wish.buffers_known = true;
    const auto counted = choose_auto_context(card(8192, 7987), &model, wish);
    CHECK(counted.tokens == 16384);
    CHECK(counted.specified_max_tokens == specified.estimated_max_tokens);
    CHECK(counted.counted_max_tokens == counted.estimated_max_tokens);
    CHECK(counted.reason.find("to compute with and 0.5 GiB spare") != std::string::npos);
    for (std::int64_t mib = 1024; mib <= 65536; mib += 512) {
        wish.buffers_known = false;
        const auto before = choose_auto_context(card(mib, mib - 200), &model, wish);
        wish.buffers_known = true;
        CHECK(choose_auto_context(card(mib, mib - 200), &model, wish).tokens >= before.tokens);
    }
}

TEST_CASE("A projector, an unknown shape or an assumed memory leave the flat sum") {
    auto model = llama_8b();
    ContextWish wish;
    wish.buffers_known = true;
    auto machine = card(8192, 8192);
    machine.gpus.front().total_mib.reset();
    machine.gpus.front().free_mib.reset();
    CHECK_FALSE(choose_auto_context(machine, &model, wish).counted_max_tokens);
    model.mmproj = "projector.gguf";
    CHECK_FALSE(choose_auto_context(card(8192, 8192), &model, wish).counted_max_tokens);
    model.mmproj.reset();
    model.compute.reset();
    CHECK_FALSE(choose_auto_context(card(8192, 8192), &model, wish).counted_max_tokens);
}

} // namespace odysseus::memory
