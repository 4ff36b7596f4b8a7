// Which llama-server a launch uses: the one that was named, an installed build, or one that is
// fetched now.
#pragma once

#include "odysseus/builds/build_store.hpp"
#include "odysseus/builds/install.hpp"
#include "odysseus/builds/release_source.hpp"
#include "odysseus/commands/plan_report.hpp"
#include "odysseus/hardware/machine.hpp"
#include "odysseus/settings/settings.hpp"

#include <filesystem>
#include <functional>
#include <optional>

namespace odysseus::commands {

struct Server {
    std::filesystem::path executable;
    PlannedBuild build;
    Backend backend = Backend::cpu;                     // what llama-server computes on
    std::vector<std::filesystem::path> library_folders; // must be on the loader's path
    std::string visible_devices;            // for CUDA_VISIBLE_DEVICES; empty: every GPU is served
    std::optional<system::FileLock> in_use; // keeps the build from being removed; server_for's
};

[[nodiscard]] builds::BuildStore store_for(const settings::Settings& settings,
                                           const hardware::Machine& machine);

// The one that was named or is installed; absent: one has to be fetched. Uses no network.
// Throws Error (usage) for a named one that is not there.
[[nodiscard]] std::optional<Server> ready_server(const settings::Settings& settings,
                                                 const hardware::Machine& machine);

// ready_server, else a build is fetched and installed. Throws Error: no_build, network, integrity,
// busy; Stopped.
[[nodiscard]] Server server_for(const settings::Settings& settings,
                                const hardware::Machine& machine,
                                const std::function<bool()>& stopped);

// Its tag, of which it is asked itself where the folder does not tell; empty: it does not say.
[[nodiscard]] std::string build_tag(const Server& server);

// Takes out the NVIDIA GPUs that the build has no code for, with a note. The answer: what
// CUDA_VISIBLE_DEVICES has to be, so that llama-server does not use them either; empty: nothing.
[[nodiscard]] std::string leave_unserved_gpus(hardware::Machine& machine,
                                              const PlannedBuild& build);

// Where the probe does not know a GPU's memory, what llama-server itself lists is better than an
// assumption; and one that was named (--llama-server) tells what it can compute on. Asks only then,
// and never for a machine that a file describes.
void take_listed_devices(hardware::Machine& machine, const settings::Settings& settings,
                         const Server& server);

// What `odysseus plan` shows: ready_server's, else what would be fetched.
[[nodiscard]] PlannedBuild planned_build(const settings::Settings& settings,
                                         const hardware::Machine& machine);

// For everything that fetches builds: the network as the settings have it, progress on the
// terminal.
[[nodiscard]] builds::ReleaseSource release_source(const settings::Settings& settings,
                                                   const std::function<bool()>& stopped);
// The same with another ear for what is to be said.
[[nodiscard]] builds::ReleaseSource
release_source(const settings::Settings& settings, const std::function<bool()>& stopped,
               std::function<void(const std::string& sentence)> tell);
[[nodiscard]] builds::InstallOptions install_options(const settings::Settings& settings,
                                                     const builds::ReleaseSource& source);
// With llama-server's own arguments the build must take: Error (usage), and nothing is changed.
[[nodiscard]] builds::InstalledBuild install_release(const settings::Settings& settings,
                                                     const hardware::Machine& machine,
                                                     const std::function<bool()>& stopped,
                                                     const std::vector<std::string>& llama_args);

// The build that an installation would fetch now, whatever is installed. Asks the network. Throws
// Error: no_build, network; Stopped.
[[nodiscard]] PlannedBuild newest_build(const settings::Settings& settings,
                                        const hardware::Machine& machine,
                                        const std::function<bool()>& stopped);

} // namespace odysseus::commands
