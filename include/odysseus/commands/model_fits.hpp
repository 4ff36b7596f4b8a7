// How each model of this HOME is run: reckoned, remembered, and what memory failures have taught.
#pragma once

#include "odysseus/commands/plan_report.hpp"
#include "odysseus/memory/context_record.hpp"
#include "odysseus/memory/worker_fit.hpp"
#include "odysseus/server/model_setups.hpp"
#include "odysseus/server/preset_file.hpp"
#include "odysseus/settings/settings.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

// What it is reckoned from, beside the models.
struct FitRules {
    hardware::Machine machine;
    memory::ContextWish wish;
    std::size_t models_max = 1; // held at once, but for companions; 0: any number
    bool models_max_is_auto = true;
    // Models that stay loaded beside the others; the machine's memory is what they leave.
    std::vector<std::string> companions;
    std::optional<memory::Worker> worker; // absent: none was asked for
    std::string preferred;                // the model of requests that name none; empty: not said
    bool machine_is_real = true; // else it is a file's, and what is free here now is no matter
};
// --models-max as it is in force, for the estimate and the proxy alike; 0: any number.
[[nodiscard]] std::size_t models_held(const settings::Settings& settings,
                                      const std::vector<std::string>& llama_args);
[[nodiscard]] FitRules fit_rules(const settings::Settings& settings,
                                 const hardware::Machine& machine,
                                 const std::vector<std::string>& llama_args,
                                 const std::optional<PlannedBuild>& build);

// Keeps companions loaded, where the number of models is not said.
[[nodiscard]] FitRules with_companions(FitRules rules, const std::vector<models::Model>& models);

struct FittedModels {
    std::vector<memory::ModelFit> fits; // in the order of the models
    memory::ContextChoice context;      // of the one that is run first
    bool without_gpu = false;           // that one runs on the CPU alone
    int models_max = 1;                 // with the companions
    std::optional<std::int64_t> prompt_cache_mib;
};
[[nodiscard]] FittedModels fitted_models(const FitRules& rules,
                                         const std::vector<models::Model>& models,
                                         const memory::ContextRecord& record);

void take(Plan& plan, FittedModels fitted);

// For the supervisor, and for everybody who tells of it. Thread-safe.
class ModelFits final : public server::ModelSetups {
  public:
    // Both must live as long as this.
    ModelFits(FitRules rules, memory::ContextRecord& record, server::PresetFile& preset);

    // These are the models now; writes the preset file. Throws Error (usage) when it cannot.
    void offer(const models::Catalog& catalog);
    // What is known of these models, in their order; `context` is that of `running` (an id), or of
    // the one that would run first.
    [[nodiscard]] FittedModels fitted(const std::vector<models::Model>& models,
                                      const std::string& running) const;
    // Ids and contexts.
    [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> contexts() const;

    // The worker came or went. The ids of the models that are run in another way since; the preset
    // file says so. Throws Error (usage) when it cannot be written.
    [[nodiscard]] std::vector<std::string> use(const memory::Worker& worker);

    // Absent: there is no such model.
    [[nodiscard]] std::optional<memory::Fits> fits_of(const std::string& model) const;

    [[nodiscard]] bool is_shared() const override { return m_rules.models_max != 1; }
    [[nodiscard]] std::optional<memory::Setup> of(const std::string& model) const override;
    void set(const std::string& model, const memory::Setup& setup) override;
    [[nodiscard]] bool may_climb(const std::string& model) const override;
    bool climb(const std::string& model) override;
    [[nodiscard]] std::vector<memory::Setup>
    below(const std::string& model, const memory::Setup& failed, bool race) const override;
    [[nodiscard]] std::optional<std::string> refusal(const std::string& model) const override;
    [[nodiscard]] std::optional<std::string> waits_for(const std::string& model) const override;
    [[nodiscard]] std::string sentence(const std::string& model) const override;
    [[nodiscard]] std::string figures(const std::string& model) const override;
    void held(const std::string& model, const memory::Setup& setup,
              std::optional<std::int64_t> failed_tokens) override;

  private:
    static constexpr std::chrono::seconds k_first_climb{20}; // doubled with each that fails
    struct Known {
        models::Model model;
        memory::ModelFit fit;
        // What it had before this launch stepped down, and when that is worth another try.
        std::optional<memory::Setup> before{};
        std::chrono::steady_clock::time_point climb_at{};
        std::chrono::seconds climb_wait{k_first_climb};
    };
    void put(const std::string& model, Known& known, const memory::Setup& setup); // with m_mutex
    [[nodiscard]] const Known* find(const std::string& model) const;              // with m_mutex
    [[nodiscard]] static bool is_due(const Known& known);                         // to climb
    [[nodiscard]] hardware::Machine machine_now() const;

    FitRules m_rules; // its worker: with m_mutex
    memory::ContextRecord& m_record;
    server::PresetFile& m_preset;
    mutable std::mutex m_mutex;
    std::map<std::string, Known> m_known; // by id
};

} // namespace odysseus::commands
