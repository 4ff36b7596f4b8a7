// What a launch does with the proxy: its door, its port, its settings and odysseus's own pages.
#pragma once

#include "odysseus/commands/model_fits.hpp"
#include "odysseus/commands/plan_report.hpp"
#include "odysseus/commands/worker_use.hpp"
#include "odysseus/hardware/machine.hpp"
#include "odysseus/models/models_folder.hpp"
#include "odysseus/proxy/proxy.hpp"
#include "odysseus/server/supervisor.hpp"
#include "odysseus/settings/settings.hpp"

#include <string>
#include <vector>

namespace odysseus::commands {

// Throws Error (usage) where the settings would let anybody on the network in without a key, or
// show the key of a peer to the network.
void refuse_open_door(const settings::Settings& settings);

// Throws Error (usage) where one of them will not do.
[[nodiscard]] std::vector<proxy::PeerAddress> peers_of(const settings::Settings& settings);

[[nodiscard]] proxy::ProxySettings proxy_settings(const settings::Settings& settings,
                                                  const Plan& plan,
                                                  const std::vector<std::string>& llama_args);

// The status, the log, the models' contexts and the models that can be fetched. What is passed must
// live as long as the answer.
[[nodiscard]] proxy::ProxyPages proxy_pages(const settings::Settings& settings, const Plan& plan,
                                            const server::Supervisor& supervisor,
                                            const models::Models& models, const ModelFits& fits,
                                            const WorkerUse& worker);

// Binds the port that was asked for, or the next free one where nobody asked. Throws Error (busy).
void listen(proxy::Proxy& proxy, const settings::Settings& settings);

// And the port of --ollama-port, where one is asked for. Throws Error (busy).
void listen_as_ollama(proxy::Proxy& proxy, const settings::Settings& settings);

} // namespace odysseus::commands
