#include "odysseus/memory/worker_fit.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::memory {
namespace {

constexpr std::int64_t k_mib = std::int64_t{1} << 20;

// Less of it in RAM.
bool is_better(const ModelFit& with, const ModelFit& alone) {
    if (with.fits != alone.fits) return with.fits < alone.fits;
    if (with.placement.kind != alone.placement.kind)
        return with.placement.kind < alone.placement.kind;
    return with.placement.blocks < alone.placement.blocks;
}

} // namespace

hardware::Machine machine_with(const hardware::Machine& machine, const Worker& worker) {
    auto both = machine;
    if (machine.backend == Backend::cpu) {
        both.backend = Backend::vulkan; // whose GPUs are all that are listed
        both.gpus.clear();
    } else {
        both.gpus = used_gpus(machine);
    }
    hardware::Gpu gpu;
    gpu.vendor = hardware::vendor_of(both.backend);
    gpu.name = concat("worker ", worker.name);
    gpu.total_mib = gpu.free_mib = worker.free_mib;
    both.gpus.push_back(std::move(gpu));
    return both;
}

ModelFit fit_with(const Worker& worker, ModelFit alone, const hardware::Machine& machine,
                  const models::Model& model, const ContextWish& wish) {
    if (!worker.free_mib || alone.fits == Fits::yes) return alone;
    auto with = fit_of(machine_with(machine, worker), &model, wish);
    with.backend = machine.backend;
    if (with.placement.kind == Placement::Kind::cpu || !is_better(with, alone)) return alone;
    with.placement.worker = true;
    with.reason = worker_sentence(worker, model, with.placement);
    if (with.context.source != "pinned")
        with.context.reason = concat(with.context.tokens, " tokens: ", with.reason);
    return with;
}

std::string worker_sentence(const Worker& worker, const models::Model& model,
                            const Placement& placement) {
    auto text = concat(model.id, " (", byte_text(model.loaded_bytes()),
                       ") is spread over this machine and the worker ", worker.name);
    if (worker.free_mib) text += concat(" (", byte_text(*worker.free_mib * k_mib), " free)");
    const auto in_ram = ram_sentence(placement, model);
    return concat(text, in_ram.empty() ? "" : "; ", in_ram, ".");
}

void place(ModelFit& fit, const hardware::Machine& machine, const std::optional<Worker>& worker,
           const models::Model& model, const Placement& placement) {
    const bool whole = placement.kind == Placement::Kind::gpu;
    fit.placement = placement;
    fit.fits = whole ? Fits::yes : Fits::partly;
    fit.reason = placement.worker && worker ? worker_sentence(*worker, model, placement)
                 : whole                    ? std::string()
                                            : placement_sentence(machine, model, placement);
}

} // namespace odysseus::memory
