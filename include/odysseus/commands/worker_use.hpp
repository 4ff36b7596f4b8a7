// --worker: another machine's memory for models that do not fit this one, from its first question
// to what happens when it is lost.
#pragma once

#include "odysseus/commands/model_fits.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/proxy/worker_link.hpp"
#include "odysseus/server/supervisor.hpp"
#include "odysseus/settings/settings.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::commands {

// Where the settings say the worker is, and by what it is known. Throws Error (usage) when it was
// not paired, or cannot be used with the other settings.
[[nodiscard]] proxy::WorkerPlace worker_place(const settings::Settings& settings,
                                              const std::vector<std::string>& llama_args,
                                              const std::string& build_tag);

// Throws what worker_place does, before anything else is done.
void refuse_unusable_worker(const settings::Settings& settings,
                            const std::vector<std::string>& llama_args);

// Asks it once; for plan and doctor.
[[nodiscard]] proxy::WorkerView worker_looked_at(const settings::Settings& settings,
                                                 const std::vector<std::string>& llama_args,
                                                 const hardware::Machine& machine);

[[nodiscard]] memory::Worker worker_of(const proxy::WorkerView& view);

// The session with the worker; without --worker all of it does nothing.
class WorkerUse {
  public:
    // Waits until the worker has answered or cannot be asked, and says which. Throws Error (usage),
    // Stopped.
    WorkerUse(const settings::Settings& settings, const std::vector<std::string>& llama_args,
              const Server& server, const std::function<bool()>& stopped);

    [[nodiscard]] std::optional<memory::Worker> memory() const;
    [[nodiscard]] std::optional<proxy::WorkerView> view() const;

    // While it lives, the models are run as the worker comes and goes: without it at once, with it
    // again when `idle`. Dies before what it was given.
    class Watch {
      public:
        Watch(WorkerUse& use, ModelFits& fits, server::Supervisor& supervisor,
              std::function<bool()> idle);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

      private:
        void take(const proxy::WorkerView& view);

        WorkerUse& m_use;
        ModelFits& m_fits;
        server::Supervisor& m_supervisor;
        const std::function<bool()> m_idle;
        std::optional<proxy::WorkerView> m_back; // it came, and is not used yet
    };

  private:
    std::unique_ptr<proxy::WorkerLink> m_link; // null: none was asked for
};

} // namespace odysseus::commands
