#include "page_pulls.hpp"

#include "odysseus/commands/first_model.hpp"
#include "odysseus/models/model_scan.hpp"
#include "odysseus/models/starter_models.hpp"
#include "odysseus/system/files.hpp"
#include "page_pull.hpp"

#include <algorithm>
#include <chrono>

namespace odysseus::commands {
namespace {

constexpr std::chrono::milliseconds k_step_every{250};

std::string offer(const models::PullOptions& options) {
    const auto recommended = models::recommended_starter(options.room, options.with_gpu);
    std::vector<PullOffer> offers;
    for (const auto& model : models::starter_models()) {
        PullOffer one{model.title,      model.use,    model.name,
                      model.size_bytes, std::nullopt, offers.size() == recommended};
        if (options.room.fast) one.fits = models::fits(model, options.room);
        offers.push_back(std::move(one));
    }
    return pull_offer_json(offers, options.offline);
}

std::vector<std::string> names_of(const models::PullPlan& plan,
                                  const models::PullOptions& options) {
    for (const auto& model : models::ModelScan(options.models_dir).catalog().models) {
        const bool ours = std::any_of(plan.files.begin(), plan.files.end(), [&](const auto& file) {
            return model.path == system::utf8(file.to);
        });
        if (ours) return model.names.empty() ? std::vector{model.id} : model.names;
    }
    return {};
}

// The files of a plan as one sum, told a few times a second.
class Steps {
  public:
    Steps(const models::PullPlan& plan, const proxy::LineWork& work) : m_work(work) {
        m_step.title = plan.title;
        m_step.reason = plan.reason;
        std::int64_t total = 0;
        bool known = true;
        for (const auto& file : plan.files) {
            if (file.complete) continue;
            known = known && file.size_bytes;
            total += file.size_bytes.value_or(0);
        }
        if (known) m_step.total = total;
    }

    [[nodiscard]] models::PullEvents events() {
        models::PullEvents events;
        events.on_file = [this](const models::PullFile& file) {
            m_step.file = system::utf8(file.to.filename());
            tell();
        };
        events.on_progress = [this](const download::FetchProgress& progress) {
            m_step.bytes = m_before + progress.bytes;
            if (Clock::now() - m_told >= k_step_every) tell();
        };
        events.on_file_done = [this] { m_before = m_step.bytes; };
        return events;
    }

  private:
    using Clock = std::chrono::steady_clock;
    void tell() {
        m_told = Clock::now();
        m_work.tell(pull_step_json(m_step));
    }

    const proxy::LineWork& m_work;
    PullStep m_step;
    std::int64_t m_before = 0; // of the files that are done
    Clock::time_point m_told{};
};

void pull_for_page(const std::string& name, models::PullOptions options,
                   const proxy::LineWork& work) {
    options.http.stopped = work.unwanted;
    options.on_check = [&work](const std::string& file) { work.tell(pull_checking_json(file)); };
    const auto plan = models::plan_pull(name, options);
    Steps steps(plan, work);
    models::run_pull(plan, options, steps.events());
    work.tell(pull_done_json(plan.title, names_of(plan, options)));
}

} // namespace

void offer_pulls(proxy::ProxyPages& pages, const settings::Settings& settings,
                 const hardware::Machine& machine) {
    pages.pull_offer = [settings, machine] { return offer(pull_options(settings, machine, {})); };
    pages.pull = [settings, machine](const std::string& name, const proxy::LineWork& work) {
        pull_for_page(name, pull_options(settings, machine, {}), work);
    };
}

} // namespace odysseus::commands
