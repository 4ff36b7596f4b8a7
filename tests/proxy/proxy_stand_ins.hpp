// What stands in for the supervisor and the models folder where only the proxy is of interest.
#pragma once

#include "odysseus/models/model_directory.hpp"
#include "odysseus/server/llama_control.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace odysseus::test {
using namespace proxy;

// A llama-server on a known port; the test says what state it is in and what its verdicts are.
class FixedLlamaControl final : public server::LlamaControl {
  public:
    explicit FixedLlamaControl(int port) {
        m_serving.state = server::State::ready;
        m_serving.generation = 1;
        m_serving.port = port;
    }

    void set(const std::function<void(server::Serving&)>& change) {
        const std::lock_guard lock(m_mutex);
        change(m_serving);
        m_changed.notify_all();
    }
    // Set before the first request; what they throw is the supervisor's.
    std::function<server::Verdict(const server::Failure&, const server::GaveUp&)> on_report;
    std::function<void()> on_wait; // asked while it starts
    [[nodiscard]] std::vector<server::Failure> reports() const {
        const std::lock_guard lock(m_mutex);
        return m_reports;
    }

    [[nodiscard]] server::Serving current() const override {
        std::unique_lock lock(m_mutex);
        auto now = m_serving;
        lock.unlock();
        if (on_wait && now.state == server::State::starting) on_wait();
        return now;
    }
    [[nodiscard]] server::Serving wait_ready(std::chrono::milliseconds limit,
                                             const server::GaveUp& gave_up) override {
        const auto until = std::chrono::steady_clock::now() + limit;
        std::unique_lock lock(m_mutex);
        while (m_serving.state == server::State::starting ||
               m_serving.state == server::State::restarting) {
            if (gave_up() || std::chrono::steady_clock::now() >= until) break;
            m_changed.wait_for(lock, std::chrono::milliseconds(20));
        }
        return m_serving;
    }
    [[nodiscard]] server::Verdict report(const server::Failure& failure,
                                         const server::GaveUp& gave_up) override {
        {
            const std::lock_guard lock(m_mutex);
            m_reports.push_back(failure);
        }
        return on_report ? on_report(failure, gave_up) : server::Verdict(server::PassOn{});
    }

  private:
    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    server::Serving m_serving;
    std::vector<server::Failure> m_reports;
};

// Names to ids, as given.
class TableDirectory final : public models::ModelDirectory {
  public:
    explicit TableDirectory(std::map<std::string, std::string> names, std::string fallback = {})
        : m_names(std::move(names)), m_fallback(std::move(fallback)) {}

    // Set before the first request: called before the answer, free to wait or to throw.
    std::function<void(std::string_view asked)> on_lookup;
    std::function<void()> on_refresh;
    [[nodiscard]] int refreshes() const { return m_refreshes; }

    [[nodiscard]] models::ModelLookup lookup(std::string_view asked) const override {
        if (on_lookup) on_lookup(asked);
        const std::lock_guard lock(m_mutex);
        models::ModelLookup found;
        if (asked.empty()) {
            found.known = !m_fallback.empty();
            found.id = m_fallback;
            return found;
        }
        const auto entry = m_names.find(std::string(asked));
        found.known = entry != m_names.end();
        if (found.known) found.id = entry->second;
        if (!found.known && !m_names.empty()) found.suggested = {m_names.begin()->first};
        return found;
    }
    [[nodiscard]] std::vector<models::Model> models() const override {
        const std::lock_guard lock(m_mutex);
        std::map<std::string, models::Model> by_id;
        for (const auto& [name, id] : m_names) {
            by_id[id].id = id;
            by_id[id].names.push_back(name);
            if (const auto kind = m_kinds.find(id); kind != m_kinds.end())
                by_id[id].kind = kind->second;
        }
        std::vector<models::Model> all;
        for (auto& [id, model] : by_id)
            all.push_back(std::move(model));
        return all;
    }
    [[nodiscard]] std::vector<std::string> folder_ids() const override { return {"mmproj-file"}; }
    bool refresh() override {
        ++m_refreshes;
        if (on_refresh) on_refresh();
        const std::lock_guard lock(m_mutex);
        const bool changed = !m_new_names.empty();
        m_names.merge(m_new_names);
        m_new_names.clear();
        return changed;
    }
    void set_fallback(const std::string& id) {
        const std::lock_guard lock(m_mutex);
        m_fallback = id;
    }
    // Chat, unless said.
    void set_kind(const std::string& id, models::ModelKind kind) {
        const std::lock_guard lock(m_mutex);
        m_kinds[id] = kind;
    }
    // Found by the next refresh.
    void add_later(const std::string& name, const std::string& id) {
        const std::lock_guard lock(m_mutex);
        m_new_names[name] = id;
    }

  private:
    mutable std::mutex m_mutex;
    std::atomic<int> m_refreshes{0};
    std::map<std::string, std::string> m_names;
    std::map<std::string, std::string> m_new_names;
    std::map<std::string, models::ModelKind> m_kinds;
    std::string m_fallback;
};

} // namespace odysseus::test
