#include "odysseus/commands/worker_use.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/terminal.hpp"
#include "paired_file.hpp"

#include <algorithm>

namespace odysseus::commands {
namespace {

constexpr std::chrono::seconds k_first_answer_max{30};

std::string news_of(const proxy::WorkerView& view) {
    if (view.offer) return concat(view.name, ": ", view.offer->text());
    return concat(view.name, " is not there: ", view.trouble);
}

} // namespace

proxy::WorkerPlace worker_place(const settings::Settings& settings,
                                const std::vector<std::string>& llama_args,
                                const std::string& build_tag) {
    const auto address = proxy::worker_address(settings.worker);
    if (!address)
        throw Error(Fault::usage, concat("--worker: '", settings.worker,
                                         "' is no HOST or HOST:PORT, such as box or box:7443"));
    if (!system::has_tls())
        throw Error(Fault::usage, "this build of odysseus has no TLS, so it has no --worker");
    if (models_held(settings, llama_args) != 1)
        throw Error(Fault::usage, "--worker goes with one model at a time: leave --models-max out, "
                                  "for llama.cpp's RPC server serves one process");
    const auto paired = paired_with(settings);
    const auto known = std::find_if(paired.begin(), paired.end(), [&](const auto& machine) {
        return same_name(machine.host, address->host);
    });
    if (known == paired.end())
        throw Error(Fault::usage, concat("--worker: ", address->host,
                                         " was not paired with this machine by that name; once, "
                                         "there: odysseus pair, and here: odysseus pair ",
                                         address->host));
    return {*address, build_tag, identity_files(settings), known->certificate};
}

void refuse_unusable_worker(const settings::Settings& settings,
                            const std::vector<std::string>& llama_args) {
    if (!settings.worker.empty()) (void)worker_place(settings, llama_args, "");
}

proxy::WorkerView worker_looked_at(const settings::Settings& settings,
                                   const std::vector<std::string>& llama_args,
                                   const hardware::Machine& machine) {
    const auto server = ready_server(settings, machine);
    auto place = worker_place(settings, llama_args, server ? build_tag(*server) : "");
    if (server) return proxy::WorkerLink::look_at(place);
    proxy::WorkerView view;
    view.name = place.address.text();
    view.trouble = "it is asked when a llama.cpp build is installed here";
    return view;
}

memory::Worker worker_of(const proxy::WorkerView& view) {
    memory::Worker worker{view.name, view.port, std::nullopt, view.trouble};
    if (view.offer) worker.free_mib = view.offer->free_mib();
    return worker;
}

WorkerUse::WorkerUse(const settings::Settings& settings, const std::vector<std::string>& llama_args,
                     const Server& server, const std::function<bool()>& stopped) {
    if (settings.worker.empty()) return;
    m_link =
        std::make_unique<proxy::WorkerLink>(worker_place(settings, llama_args, build_tag(server)));
    m_link->start();
    m_link->wait_asked(k_first_answer_max, stopped);
    system::say("worker", news_of(m_link->view()));
}

std::optional<proxy::WorkerView> WorkerUse::view() const {
    return m_link ? std::optional(m_link->view()) : std::nullopt;
}

std::optional<memory::Worker> WorkerUse::memory() const {
    return m_link ? std::optional(worker_of(m_link->view())) : std::nullopt;
}

WorkerUse::Watch::Watch(WorkerUse& use, ModelFits& fits, server::Supervisor& supervisor,
                        std::function<bool()> idle)
    : m_use(use), m_fits(fits), m_supervisor(supervisor), m_idle(std::move(idle)) {
    if (!m_use.m_link) return;
    m_use.m_link->listen({[this, first = true](const proxy::WorkerView& view) mutable {
                              if (!std::exchange(first, false))
                                  system::say("worker", news_of(view));
                              m_back.reset();
                              if (view.offer) {
                                  m_back = view;
                              } else {
                                  take(view);
                              }
                          },
                          [this] {
                              if (m_back && m_idle()) take(*std::exchange(m_back, {}));
                          }});
}

WorkerUse::Watch::~Watch() {
    if (m_use.m_link) m_use.m_link->stop();
}

// In the link's thread.
void WorkerUse::Watch::take(const proxy::WorkerView& view) {
    try {
        auto changed = m_fits.use(worker_of(view));
        if (!changed.empty()) m_supervisor.setups_changed(std::move(changed), news_of(view));
    } catch (const std::exception& error) {
        log::error(concat("the worker's coming or going changes nothing: ", error.what()));
    }
}

} // namespace odysseus::commands
