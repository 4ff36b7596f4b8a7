#include "real_world.hpp"

#include "line_splitter.hpp"
#include "odysseus/system/leftovers.hpp"
#include "odysseus/system/ports.hpp"
#include "odysseus/system/process_info.hpp"

#include <future>

namespace odysseus::server {
namespace {

// The pump looks up at least this often; events wake it at once.
constexpr std::chrono::milliseconds k_pump_limit{1000};

} // namespace

RealWorld::RealWorld(const std::filesystem::path& guard, std::filesystem::path record,
                     ServerLog& log, Post post)
    : m_record(std::move(record)), m_log(log), m_post(std::move(post)), m_guard(guard),
      m_health_task(m_post), m_proof_task(m_post) {
    m_health_task.start();
    m_proof_task.start();
}

RealWorld::~RealWorld() {
    m_health_task.end();
    m_proof_task.end();
    if (m_child) {
        m_child->stop(Time(0));
        RealWorld::delete_child();
    }
}

World::Moment RealWorld::now() const {
    return std::chrono::steady_clock::now();
}

bool RealWorld::exists(const std::filesystem::path& path) const {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

std::optional<int> RealWorld::next_free_port(int from) const {
    return system::next_free_port("127.0.0.1", from);
}

// The thread comes first: a child whose output nobody reads would never be gone.
void RealWorld::start_child(const system::ChildSpec& spec, std::uint64_t generation) {
    std::promise<system::Child*> handed_over; // nullptr: it did not start
    m_pump = std::thread([this, generation, handed = handed_over.get_future()]() mutable {
        if (auto* child = handed.get()) pump(*child, generation);
    });
    try {
        auto child = std::make_unique<system::Child>(spec, m_guard);
        if (!m_record.empty()) system::record_child(m_record, child->pid());
        const std::lock_guard lock(m_child_mutex);
        m_child = std::move(child);
    } catch (...) {
        handed_over.set_value(nullptr);
        m_pump.join();
        throw;
    }
    handed_over.set_value(m_child.get());
}

std::int64_t RealWorld::child_pid() const {
    return m_child ? m_child->pid() : 0;
}

void RealWorld::child_is_ready() {
    if (m_child && !m_record.empty()) system::record_child(m_record, m_child->pid());
}

void RealWorld::stop_child(Time grace) {
    const std::lock_guard lock(m_child_mutex);
    if (m_child) m_child->stop(grace);
}

void RealWorld::delete_child() {
    if (m_pump.joinable()) m_pump.join();
    const std::lock_guard lock(m_child_mutex);
    m_child.reset();
    if (!m_record.empty()) system::forget_child(m_record);
}

// The pump's thread: it ends when the last process is gone.
void RealWorld::pump(system::Child& child, std::uint64_t generation) {
    LineSplitter out;
    LineSplitter err;
    const auto add = [&](Lines& lines, const std::vector<std::string>& texts) {
        for (const auto& text : texts) {
            m_log.add(text);
            auto fact = classify(text);
            fact.at = now();
            if (fact.kind != LogFact::Kind::noise || fact.from_model) {
                lines.facts.push_back(std::move(fact));
            }
        }
    };
    for (;;) {
        auto event = child.next(k_pump_limit);
        if (const auto* output = std::get_if<system::ChildOutput>(&event)) {
            Lines lines{generation, {}};
            add(lines, out.feed(output->out));
            add(lines, err.feed(output->err));
            m_log.flush();
            if (!lines.facts.empty()) m_post(std::move(lines));
        } else if (const auto* exited = std::get_if<system::ChildExited>(&event)) {
            m_post(Ended{generation, exited->status});
        } else if (std::holds_alternative<system::ChildGone>(event)) {
            break;
        }
    }
    Lines last{generation, {}};
    for (auto* splitter : {&out, &err}) {
        auto line = splitter->rest();
        if (line && !line->empty()) add(last, {*line});
    }
    m_log.flush();
    if (!last.facts.empty()) m_post(std::move(last));
    m_post(AllGone{generation});
}

void RealWorld::send(Task task, std::function<Message()> work) {
    (task == Task::proof ? m_proof_task : m_health_task).send(std::move(work));
}

Readiness RealWorld::check_readiness(const LlamaAddress& address, std::int64_t pid) {
    return server::check_readiness(address, pid);
}

LlamaAnswer RealWorld::get(const LlamaAddress& address, const std::string& path, Time limit) {
    return llama_get(address, path, limit);
}

LlamaAnswer RealWorld::prove(const LlamaAddress& address, const std::string& model, Time limit) {
    return prove_model(address, model, limit);
}

std::optional<std::int64_t> RealWorld::group_cpu_ms(std::int64_t pid) const {
    return system::group_cpu_ms(pid);
}

std::optional<std::int64_t> RealWorld::memory_kills() const {
    return system::memory_kills();
}

std::optional<std::int64_t> RealWorld::memory_ceiling() const {
    return system::memory_ceiling();
}

std::optional<std::int64_t> RealWorld::memory_free() const {
    return system::memory_free();
}

std::optional<std::int64_t> RealWorld::address_space_limit(std::int64_t pid) const {
    return system::address_space_limit(pid);
}

} // namespace odysseus::server
