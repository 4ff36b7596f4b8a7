// What the supervisor's owner thread needs from outside: the time, one process, answers over HTTP,
// the kernel's counts. It decides with values alone; the real world (real_world.hpp) works with
// threads and processes, that of tests/simulation is a value in virtual time.
#pragma once

#include "odysseus/server/llama_client.hpp"
#include "odysseus/system/child.hpp"
#include "readiness.hpp"
#include "supervisor_messages.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::server {

class World {
  public:
    using Moment = std::chrono::steady_clock::time_point;
    using Time = std::chrono::milliseconds;
    enum class Task { health, proof }; // of one kind, one is done after the other

    virtual ~World() = default;

    [[nodiscard]] virtual Moment now() const = 0;
    [[nodiscard]] virtual bool exists(const std::filesystem::path& path) const = 0;
    [[nodiscard]] virtual std::optional<int> next_free_port(int from) const = 0;

    // The one child. What it says and how it ends comes as messages: Lines, Ended, AllGone.
    // Throws Error or std::system_error; then there is none.
    virtual void start_child(const system::ChildSpec& spec, std::uint64_t generation) = 0;
    [[nodiscard]] virtual bool has_child() const = 0;
    [[nodiscard]] virtual std::int64_t child_pid() const = 0; // 0: none
    virtual void child_is_ready() = 0; // its record is written again: it may be another program
    virtual void stop_child(Time grace) = 0; // from any thread; returns at once
    virtual void delete_child() = 0;         // when it is gone; otherwise it is killed

    // Does the work later, outside the owner, and brings the message to the mailbox.
    virtual void send(Task task, std::function<Message()> work) = 0;
    // Called by such work alone.
    [[nodiscard]] virtual Readiness check_readiness(const LlamaAddress& address,
                                                    std::int64_t pid) = 0;
    [[nodiscard]] virtual LlamaAnswer get(const LlamaAddress& address, const std::string& path,
                                          Time limit) = 0;
    [[nodiscard]] virtual LlamaAnswer prove(const LlamaAddress& address, const std::string& model,
                                            Time limit) = 0;
    [[nodiscard]] virtual std::optional<std::int64_t> group_cpu_ms(std::int64_t pid) const = 0;

    // Bytes, or a count; absent: the system does not tell.
    [[nodiscard]] virtual std::optional<std::int64_t> memory_kills() const = 0;
    [[nodiscard]] virtual std::optional<std::int64_t> memory_ceiling() const = 0;
    [[nodiscard]] virtual std::optional<std::int64_t> memory_free() const = 0;
    [[nodiscard]] virtual std::optional<std::int64_t>
    address_space_limit(std::int64_t pid) const = 0;
};

} // namespace odysseus::server
