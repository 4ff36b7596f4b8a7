#include "odysseus/memory/worker_fit.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;

namespace {

using Kind = Placement::Kind;
constexpr std::int64_t k_mib = 1 << 20;

hardware::Machine machine_of(Backend backend, std::int64_t ram_mib, std::int64_t gpu_mib = 0) {
    hardware::Machine machine;
    machine.backend = backend;
    machine.ram_mib = machine.available_ram_mib = ram_mib;
    if (gpu_mib == 0) return machine;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.total_mib = gpu.free_mib = gpu_mib;
    machine.gpus = {gpu};
    return machine;
}

// 32 blocks of 200 MiB and 300 MiB beside them; 128 KiB of cache a token.
models::Model large() {
    models::Model model;
    model.id = "X";
    models::Weights weights;
    for (int i = 0; i < 32; ++i)
        weights.blocks.push_back({0, 160 * k_mib, 40 * k_mib});
    weights.embedding = 100 * k_mib;
    weights.output = 200 * k_mib;
    weights.has_output = true;
    model.size_bytes = weights.total();
    model.weights = weights;
    model.trained_context = 131072;
    model.kv = models::KvShape{{{32, 1024, 1024, 0}}, 0};
    return model;
}

Worker worker_of(std::optional<std::int64_t> free_mib) {
    return {"box:7443", 50100, free_mib, free_mib ? "" : "nobody answers there"};
}

ModelFit fitted(const hardware::Machine& machine, const Worker& worker) {
    const auto model = large();
    return fit_with(worker, fit_of(machine, &model, {}), machine, model, {});
}

} // namespace

TEST_CASE("worker fit: what fits here alone stays here") {
    CHECK_FALSE(fitted(machine_of(Backend::cpu, 65536), worker_of(65536)).placement.worker);
    CHECK_FALSE(fitted(machine_of(Backend::cuda, 65536, 16384), worker_of(65536)).placement.worker);
}

TEST_CASE("worker fit: what fits neither is spread over both") {
    const auto machine = machine_of(Backend::cpu, 4096);
    CHECK(fitted(machine, worker_of(std::nullopt)).fits == Fits::no);
    const auto fit = fitted(machine, worker_of(16384));
    CHECK(fit.fits == Fits::yes);
    CHECK(fit.placement.worker);
    CHECK(fit.placement.kind == Kind::gpu);
    CHECK(fit.device() == Backend::cpu); // of this machine
    CHECK(fit.reason ==
          "X (6.5 GiB) is spread over this machine and the worker box:7443 (16.0 GiB free).");
    CHECK(fit.context.tokens >= 8192);
}

TEST_CASE("worker fit: the worker holds a part, RAM the rest") {
    const auto fit = fitted(machine_of(Backend::cpu, 6000), worker_of(4096));
    CHECK(fit.placement.worker);
    CHECK(fit.fits == Fits::partly);
    CHECK(fit.placement.kind == Kind::feed_forward);
    CHECK(fit.reason.find("of 32 layers are in RAM") != std::string::npos);
    CHECK(fitted(machine_of(Backend::cpu, 1024), worker_of(1024)).fits == Fits::no);
}

TEST_CASE("worker fit: a small GPU and a worker") {
    const auto alone = machine_of(Backend::cuda, 65536, 4096);
    CHECK(fitted(alone, worker_of(std::nullopt)).fits == Fits::partly);
    const auto fit = fitted(alone, worker_of(8192));
    CHECK(fit.fits == Fits::yes);
    CHECK(fit.placement.worker);
    CHECK(machine_with(alone, worker_of(8192)).gpus.size() == 2);
    // One that makes no difference is not used.
    CHECK_FALSE(fitted(alone, worker_of(0)).placement.worker);
}

TEST_CASE("worker fit: a placement that was tried") {
    ModelFit fit;
    const auto machine = machine_of(Backend::cuda, 65536, 4096);
    const Placement spread{Kind::feed_forward, 4, 32, true};
    place(fit, machine, worker_of(8192), large(), spread);
    CHECK(fit.fits == Fits::partly);
    CHECK(fit.reason.find("box:7443") != std::string::npos);
    place(fit, machine, worker_of(8192), large(), {Kind::gpu, 0, 32});
    CHECK(fit.fits == Fits::yes);
    CHECK(fit.reason.empty());
}
