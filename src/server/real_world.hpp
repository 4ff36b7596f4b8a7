// The world of a real llama-server: threads that wait for it and post what came.
#pragma once

#include "background_task.hpp"
#include "odysseus/server/server_log.hpp"
#include "world.hpp"

#include <mutex>
#include <thread>

namespace odysseus::server {

class RealWorld final : public World {
  public:
    using Post = std::function<void(Message)>; // from any thread

    // `record`: of what runs, for the next start; empty: none. `log` outlives this.
    RealWorld(const std::filesystem::path& guard, std::filesystem::path record, ServerLog& log,
              Post post);
    ~RealWorld() override;

    [[nodiscard]] Moment now() const override;
    [[nodiscard]] bool exists(const std::filesystem::path& path) const override;
    [[nodiscard]] std::optional<int> next_free_port(int from) const override;

    void start_child(const system::ChildSpec& spec, std::uint64_t generation) override;
    [[nodiscard]] bool has_child() const override { return m_child != nullptr; }
    [[nodiscard]] std::int64_t child_pid() const override;
    void child_is_ready() override;
    void stop_child(Time grace) override;
    void delete_child() override;

    void send(Task task, std::function<Message()> work) override;
    [[nodiscard]] Readiness check_readiness(const LlamaAddress& address, std::int64_t pid) override;
    [[nodiscard]] LlamaAnswer get(const LlamaAddress& address, const std::string& path,
                                  Time limit) override;
    [[nodiscard]] LlamaAnswer prove(const LlamaAddress& address, const std::string& model,
                                    Time limit) override;
    [[nodiscard]] std::optional<std::int64_t> group_cpu_ms(std::int64_t pid) const override;

    [[nodiscard]] std::optional<std::int64_t> memory_kills() const override;
    [[nodiscard]] std::optional<std::int64_t> memory_ceiling() const override;
    [[nodiscard]] std::optional<std::int64_t> memory_free() const override;
    [[nodiscard]] std::optional<std::int64_t> address_space_limit(std::int64_t pid) const override;

  private:
    void pump(system::Child& child, std::uint64_t generation);

    std::filesystem::path m_record;
    ServerLog& m_log;
    Post m_post;
    system::Guard m_guard;
    mutable std::mutex m_child_mutex; // stop_child comes from other threads too
    std::unique_ptr<system::Child> m_child;
    std::thread m_pump;
    // They ask llama-server, so that no answer is waited for in the owner. A proof may take an
    // hour.
    BackgroundTask<Message> m_health_task;
    BackgroundTask<Message> m_proof_task;
};

} // namespace odysseus::server
