// What changed around the installed build: a GPU or driver that came after it was chosen, a newer
// release, a fault that became known.
#pragma once

#include "odysseus/builds/build_store.hpp"
#include "odysseus/commands/server_choice.hpp"
#include "odysseus/settings/settings.hpp"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace odysseus::commands {

// Notes for which machine a build was fetched, and that nothing newer is to be asked for today.
// Never throws.
void note_installed(const settings::Settings& settings, const hardware::Machine& machine,
                    const builds::InstalledBuild& build);

// Sentences for the first lines, the page and doctor. `build` is empty of a tag for a llama-server
// that was named.
[[nodiscard]] std::vector<std::string> build_findings(const settings::Settings& settings,
                                                      const hardware::Machine& machine,
                                                      const PlannedBuild& build);

// Puts them among the notes and the warnings of a machine that was just probed.
void note_build_findings(const settings::Settings& settings, const PlannedBuild& build,
                         hardware::Machine& machine);

// That of them which says that a GPU, or what it needs, came after the build was chosen.
[[nodiscard]] std::optional<std::string> better_build_now(const settings::Settings& settings,
                                                          const hardware::Machine& machine,
                                                          const PlannedBuild& build);

// Asks for a newer release behind a launch, at most once a day, and says so in one line. Not with
// --offline, a release that was pinned, or a llama-server of the user's own. Its end ends the
// question.
class UpdateWatch {
  public:
    UpdateWatch(settings::Settings settings, hardware::Machine machine, const PlannedBuild& build);
    ~UpdateWatch();
    UpdateWatch(const UpdateWatch&) = delete;
    UpdateWatch& operator=(const UpdateWatch&) = delete;

  private:
    void look();
    settings::Settings m_settings;
    hardware::Machine m_machine;
    std::string m_tag;
    std::atomic<bool> m_stopped = false;
    std::thread m_thread;
};

} // namespace odysseus::commands
