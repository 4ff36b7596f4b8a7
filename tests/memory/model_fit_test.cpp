#include "odysseus/memory/model_fit.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::memory;

namespace {

constexpr std::int64_t k_mib = 1 << 20;

hardware::Machine machine_with(std::optional<std::int64_t> gpu_mib, std::int64_t ram_mib) {
    hardware::Machine machine;
    machine.ram_mib = ram_mib;
    machine.available_ram_mib = ram_mib;
    if (!gpu_mib) return machine;
    machine.backend = Backend::cuda;
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.total_mib = gpu.free_mib = gpu_mib;
    machine.gpus = {gpu};
    return machine;
}

// A model of 16 equal blocks; 64 KiB of cache a token.
models::Model model_of(const char* id, std::int64_t mib) {
    models::Model model;
    model.id = id;
    model.names = {id};
    model.size_bytes = mib * k_mib;
    models::Weights weights;
    weights.blocks.assign(16, {0, mib * k_mib / 20, mib * k_mib / 80});
    model.weights = weights;
    model.trained_context = 131072;
    model.kv = models::KvShape{{{16, 1024, 1024, 0}}, 0};
    return model;
}

std::vector<ModelFit> fits_of(const hardware::Machine& machine,
                              const std::vector<models::Model>& models) {
    std::vector<ModelFit> fits;
    for (const auto& model : models)
        fits.push_back(fit_of(machine, &model, {}));
    return fits;
}

} // namespace

TEST_CASE("fit: each model has its own context, the one that does not fit lowers none") {
    const auto machine = machine_with(8192, 16384);
    const std::vector models{model_of("huge", 60000), model_of("large", 12000),
                             model_of("small", 900)};
    const auto fits = fits_of(machine, models);
    CHECK(fits[0].fits == Fits::no);
    CHECK(fits[1].fits == Fits::partly);
    CHECK(fits[1].context.tokens >= 4096);
    CHECK(fits[1].context.reason.find("large (11.7 GiB) is larger than the GPU") !=
          std::string::npos);
    CHECK(fits[2].fits == Fits::yes);
    CHECK(fits[2].context.tokens == 32768);
    CHECK(fits[2].reason.empty());
    CHECK(fits[2].device() == Backend::cuda);
    CHECK(first_to_run(models, fits, "") == 1);
    CHECK(first_to_run(models, fits, "small") == 2);
    CHECK(first_to_run({}, {}, "small") == std::nullopt);
    ContextWish pinned;
    pinned.pinned = 5000;
    CHECK(fit_of(machine, &models[1], pinned).context.tokens == 5000);
}

TEST_CASE("fit: models that are held together share what there is") {
    const auto machine = machine_with(24576, 65536);
    const std::vector models{model_of("a", 8000), model_of("b", 8000), model_of("c", 900),
                             model_of("huge", 90000)};
    // (24 - 15.6 - 2.5) GiB for two caches of 128 KiB a token together: 48000 tokens.
    CHECK(shared_context(machine, models, 2, {}).tokens == 32768);
    const std::vector larger{model_of("a", 10000), model_of("b", 9000), model_of("c", 900)};
    CHECK(shared_context(machine, larger, 2, {}).tokens == 16384);
    CHECK(shared_context(machine, larger, 3, {}).tokens < 16384);
    CHECK(shared_context(machine, larger, 0, {}).tokens ==
          shared_context(machine, larger, 3, {}).tokens);
}

TEST_CASE("fit: on the CPU alone the machine's memory decides") {
    const auto machine = machine_with(std::nullopt, 8192);
    const std::vector models{model_of("large", 9000), model_of("small", 900)};
    const auto fits = fits_of(machine, models);
    CHECK(fits[0].fits == Fits::no);
    CHECK(fits[1].fits == Fits::yes);
    CHECK(fits[1].device() == Backend::cpu);
}

TEST_CASE("fit: RAM for finished prompts is what is left, 2 GiB at most") {
    const auto cache = [](const hardware::Machine& machine,
                          const std::vector<models::Model>& models) {
        return prompt_cache_mib(machine, models, fits_of(machine, models), {});
    };
    CHECK(cache(machine_with(8192, 65536), {model_of("a", 4000)}) == 2048);
    CHECK(cache(machine_with(8192, 8192), {model_of("a", 4000)}) == 1024);
    CHECK(cache(machine_with(std::nullopt, 65536), {model_of("a", 4000)}) == 2048);
    CHECK(cache(machine_with(std::nullopt, 8192), {model_of("a", 6500)}).value_or(1024) < 1024);
    // 12000 MiB on a GPU of 8: some 5000 are in RAM.
    CHECK(cache(machine_with(8192, 9000), {model_of("a", 12000)}) == 1125);
    CHECK(cache(machine_with(8192, 7100), {model_of("a", 12000)}) < 887);
    auto unknown = machine_with(8192, 8192);
    unknown.ram_mib.reset();
    CHECK_FALSE(cache(unknown, {model_of("a", 4000)}));
}

TEST_CASE("fit: only chat models that can be read decide the context") {
    const auto machine = machine_with(24000, 32000);
    auto embedder = model_of("a-embedder", 9000);
    embedder.kind = models::ModelKind::embedding;
    embedder.trained_context = 512;
    auto broken = model_of("b-no-gguf", 12000);
    broken.readable = false;
    const std::vector models{embedder, broken, model_of("chat", 900)};
    const auto fits = fits_of(machine, models);
    CHECK(first_to_run(models, fits, "") == 2);
    CHECK(shared_context(machine, models, 0, {}).tokens == 32768);
    // Alone it decides: there is nobody else.
    CHECK(first_to_run({embedder}, fits_of(machine, {embedder}), "") == 0);
}
