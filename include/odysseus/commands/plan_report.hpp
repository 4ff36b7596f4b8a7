// Everything that a launch decides, as one value: `odysseus plan`, GET /odysseus/status and the
// first lines on the terminal are made from it.
#pragma once

#include "odysseus/builds/build.hpp"
#include "odysseus/hardware/machine.hpp"
#include "odysseus/memory/context_choice.hpp"
#include "odysseus/memory/fit_report.hpp"
#include "odysseus/memory/model_fit.hpp"
#include "odysseus/models/model.hpp"

#include "odysseus/proxy/worker_view.hpp"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

// The llama.cpp build that would run or runs.
struct PlannedBuild {
    std::string source; // "ggml-org/llama.cpp", or where it was imported from
    std::string tag;    // "" when it is not known, as for --llama-server PATH
    bool installed = false;
    std::vector<builds::BuildFile> files; // empty when nothing is to be fetched
    std::string reason;
    std::optional<Backend> backend = std::nullopt; // absent: that of the machine
};

struct Plan {
    hardware::Machine hardware;
    std::optional<PlannedBuild>
        build; // absent: none fits, or none could be asked for; `build_trouble` says why
    std::string build_trouble;
    std::vector<models::Model> models;
    std::vector<memory::ModelFit> fits;           // of the models, in their order
    memory::ContextChoice context;                // of the model that is run first, or that runs
    bool without_gpu = false;                     // that model runs on the CPU alone
    int models_max = 1;                           // llama-server's; where the user says nothing
    std::optional<std::int64_t> prompt_cache_mib; // RAM for finished prompts; absent: not decided
    std::optional<proxy::WorkerView> worker;      // absent: none was asked for
    std::vector<std::string> argv;                // llama-server's, its name first
    std::string threads_note;                     // empty: there is nothing to say
    std::vector<std::string> findings;
    std::optional<memory::FitComparison> verified; // with --verify
};

// The parts and the whole of `plan --json`.
[[nodiscard]] nlohmann::ordered_json build_json(const std::optional<PlannedBuild>& build);
[[nodiscard]] nlohmann::ordered_json worker_json(const std::optional<proxy::WorkerView>& worker);
[[nodiscard]] nlohmann::ordered_json models_json(const std::vector<models::Model>& models,
                                                 const std::vector<memory::ModelFit>& fits);
[[nodiscard]] nlohmann::ordered_json context_json(const memory::ContextChoice& context);
[[nodiscard]] std::string plan_json(const Plan& plan); // ends with a line end

// For a person: a short text with every figure and its reason, in rows of so many characters; 0:
// each entry is one row.
[[nodiscard]] std::string plan_text(const Plan& plan, std::size_t columns = 0);

// What the cores could do that the default leaves idle; empty: nothing.
[[nodiscard]] std::string threads_note(const hardware::Machine& machine, Backend used,
                                       bool asked_for);

// One line each, without a line end: "NVIDIA GeForce RTX 4090, 23.4 GiB free of 24.0 GiB; 16
// cores, 64.0 GiB RAM".
[[nodiscard]] std::string machine_line(const hardware::Machine& machine);
// "CPU: Intel(R) Xeon(R) Processor, 23.5 GiB RAM": what models run on, short.
[[nodiscard]] std::string device_line(const hardware::Machine& machine);
[[nodiscard]] std::string models_line(const std::vector<models::Model>& models);

} // namespace odysseus::commands
