#include "odysseus/memory/companions.hpp"

#include <catch2/catch_test_macros.hpp>

namespace odysseus::memory {
namespace {

constexpr std::int64_t k_mib = 1 << 20;

models::Model model_of(std::string id, std::int64_t mib,
                       models::ModelKind kind = models::ModelKind::chat) {
    models::Model model;
    model.id = std::move(id);
    model.size_bytes = mib * k_mib;
    model.kind = kind;
    model.trained_context = 32768;
    return model;
}

hardware::Machine machine_of(std::int64_t ram_mib, std::optional<std::int64_t> gpu_mib) {
    hardware::Machine machine;
    machine.ram_mib = ram_mib;
    machine.backend = gpu_mib ? Backend::cuda : Backend::cpu;
    if (!gpu_mib) return machine;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.total_mib = gpu.free_mib = *gpu_mib;
    machine.gpus.push_back(gpu);
    return machine;
}

std::size_t held(const hardware::Machine& machine, const std::vector<models::Model>& models) {
    return companions_of(machine, models, {}).ids.size();
}

} // namespace

TEST_CASE("Embedding and rerank models stay beside the only chat model where all fit") {
    const auto chat = model_of("chat", 4700);
    const auto embedding = model_of("embedding", 300, models::ModelKind::embedding);
    const auto rerank = model_of("rerank", 600, models::ModelKind::rerank);
    const auto large = machine_of(65536, 24576);
    CHECK(held(large, {chat, embedding}) == 1);
    CHECK(held(large, {embedding, rerank, chat}) == 2);
    CHECK(held(machine_of(65536, std::nullopt), {chat, embedding}) == 1);
    CHECK(held(large, {chat}) == 0);
    CHECK(held(large, {embedding}) == 0);
    CHECK(held(large, {chat, model_of("another", 100), embedding}) == 0);
    // Together they are more than the card, or leave the chat too little.
    CHECK(held(machine_of(65536, 5200), {chat, embedding}) == 0);
    CHECK(held(machine_of(65536, 9000),
               {chat, model_of("e", 3000, models::ModelKind::embedding)}) == 0);
    const auto taken = companions_of(large, {chat, embedding}, {}).bytes;
    CHECK(taken == 556 * k_mib);
    CHECK(machine_beside(large, taken).gpus.front().free_mib == 24576 - 556);
    CHECK(machine_beside(machine_of(8192, std::nullopt), taken).ram_mib == 8192 - 556);
    // A larger GPU that the build does not use lends nothing.
    auto mixed = machine_of(65536, 5200);
    auto unused = mixed.gpus.front();
    unused.vendor = hardware::Vendor::amd;
    unused.total_mib = unused.free_mib = 24576;
    mixed.gpus.push_back(unused);
    CHECK(held(mixed, {chat, embedding}) == 0);
}

} // namespace odysseus::memory
