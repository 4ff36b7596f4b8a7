#include "odysseus/memory/companions.hpp"

#include "odysseus/memory/context_choice.hpp"
#include "odysseus/memory/model_fit.hpp"

#include <algorithm>

namespace odysseus::memory {
namespace {

constexpr std::int64_t k_mib = std::int64_t{1} << 20;
constexpr std::int64_t k_to_compute = 256 * k_mib; // a batch of 2048 tokens
constexpr std::size_t k_most = 4;
constexpr std::int64_t k_enough_tokens = 8192;

void take(std::optional<std::int64_t>& mib, std::int64_t taken_mib) {
    if (mib) mib = std::max<std::int64_t>(*mib - taken_mib, 0);
}

} // namespace

hardware::Machine machine_beside(hardware::Machine machine, std::int64_t bytes) {
    const auto mib = (bytes + k_mib - 1) / k_mib;
    if (machine.backend == Backend::cpu) {
        take(machine.ram_mib, mib);
        take(machine.available_ram_mib, mib);
        return machine;
    }
    // llama.cpp spreads over all GPUs that it uses; what counts is their sum.
    machine.gpus = used_gpus(machine);
    const auto roomiest = std::max_element(
        machine.gpus.begin(), machine.gpus.end(), [](const auto& one, const auto& other) {
            return one.free_mib.value_or(0) < other.free_mib.value_or(0);
        });
    if (roomiest == machine.gpus.end()) return machine;
    take(roomiest->free_mib, mib);
    if (!roomiest->free_mib) take(roomiest->total_mib, mib);
    return machine;
}

Companions companions_of(const hardware::Machine& machine, const std::vector<models::Model>& models,
                         const ContextWish& wish) {
    Companions found;
    const models::Model* chat = nullptr;
    for (const auto& model : models) {
        if (model.kind == models::ModelKind::chat) {
            if (chat != nullptr) return {};
            chat = &model;
            continue;
        }
        found.ids.push_back(model.id);
        found.bytes += model.loaded_bytes() + k_to_compute;
    }
    if (chat == nullptr || found.ids.empty() || found.ids.size() > k_most) return {};
    const auto alone = fit_of(machine, chat, wish);
    const auto beside = fit_of(machine_beside(machine, found.bytes), chat, wish);
    const bool holds = alone.fits == Fits::yes && beside.fits == Fits::yes &&
                       beside.context.estimated_max_tokens >= beside.context.tokens &&
                       beside.context.tokens >= std::min(alone.context.tokens, k_enough_tokens);
    return holds ? found : Companions{};
}

} // namespace odysseus::memory
