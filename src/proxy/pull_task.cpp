#include "pull_task.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/system/files.hpp"

#include <exception>
#include <utility>

namespace odysseus::proxy {
namespace {

OllamaRefusal refusal_of(const Error& error) {
    switch (error.fault()) {
    case Fault::usage: return {404, error.what()}; // a name or a quantisation that is not there
    case Fault::busy: return {503, error.what()};
    default: return {502, error.what()};
    }
}

} // namespace

PullTask::PullTask(BlockingTasks& threads, std::string name,
                   std::function<models::PullOptions()> options, const Waiter::WakeUp& wake_up) {
    m_shared->state.status = "pulling manifest";
    threads.run([shared = m_shared, name = std::move(name), options = std::move(options), wake_up] {
        std::optional<OllamaRefusal> failure;
        try {
            fetch(*shared, name, options(), wake_up);
        } catch (const Error& error) {
            failure = refusal_of(error);
        } catch (const std::exception& error) { // Stopped too: then nobody reads it
            failure = OllamaRefusal{500, error.what()};
        }
        {
            const std::lock_guard lock(shared->mutex);
            shared->failure = std::move(failure);
        }
        shared->ended = true;
        wake_up();
    });
}

void PullTask::fetch(Progress& progress, const std::string& name, models::PullOptions options,
                     const Waiter::WakeUp& wake_up) {
    const auto tell = [&](const OllamaPullState& state) {
        {
            const std::lock_guard lock(progress.mutex);
            progress.state = state;
        }
        wake_up();
    };
    options.http.stopped = [&progress] { return progress.unwanted.load(); };
    options.on_check = [&](const std::string&) { tell({"verifying sha256 digest", "", {}, {}}); };
    const auto plan = models::plan_pull(name, options);
    OllamaPullState file;
    models::PullEvents events;
    events.on_file = [&](const models::PullFile& one) {
        file = ollama_pull_file(one.sha256, system::utf8(one.to.filename()), one.size_bytes);
        tell(file);
    };
    events.on_progress = [&](const download::FetchProgress& come) {
        file.completed = come.bytes;
        if (come.total) file.total = come.total;
        tell(file);
    };
    events.on_file_done = [&] { tell({"verifying sha256 digest", "", {}, {}}); };
    models::run_pull(plan, options, events);
    tell({"writing manifest", "", {}, {}});
}

OllamaPullState PullTask::state() const {
    const std::lock_guard lock(m_shared->mutex);
    return m_shared->state;
}

std::optional<OllamaRefusal> PullTask::failure() const {
    const std::lock_guard lock(m_shared->mutex);
    return m_shared->failure;
}

} // namespace odysseus::proxy
