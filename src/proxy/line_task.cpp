#include "line_task.hpp"

#include <exception>
#include <utility>

namespace odysseus::proxy {

LineTask::LineTask(BlockingTasks& threads, std::function<void(const LineWork&)> work,
                   const Waiter::WakeUp& wake_up) {
    threads.run([shared = m_shared, work = std::move(work), wake_up] {
        LineWork hands;
        hands.unwanted = [shared] { return shared->unwanted.load(); };
        hands.tell = [shared, wake_up](const std::string& line) {
            {
                const std::lock_guard lock(shared->mutex);
                shared->lines += line + '\n';
            }
            wake_up();
        };
        try {
            work(hands);
        } catch (const Error& error) {
            shared->failure = error;
        } catch (const std::exception& error) { // Stopped too: then nobody reads it
            shared->failure = Error(Fault::bug, error.what());
        }
        shared->ended = true;
        wake_up();
    });
}

std::string LineTask::take() {
    const std::lock_guard lock(m_shared->mutex);
    return std::exchange(m_shared->lines, {});
}

const std::optional<Error>& LineTask::failure() const {
    return m_shared->failure;
}

} // namespace odysseus::proxy
