// What is known of the model processes of one llama-server, from its log: which port is which
// model, what each has said since it was started, and how it ended.
#pragma once

#include "odysseus/server/log_line.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::server {

struct ModelProcess {
    int port = 0;
    std::string model;              // empty until the router's line about the start is read
    bool loaded = false;            // "model loaded" was said
    bool end_asked = false;         // its router told it to end
    bool leaving = false;           // it said that it ends
    bool quoting = false;           // its last line with a time may quote a request
    bool killed_for_memory = false; // the kernel had killed one when its end was read
    std::chrono::steady_clock::time_point ended_at{}; // when its end was read
    std::optional<int> exit_status;     // as the router reports it; a signal shows as 1
    std::vector<LogFact> facts;         // failures only, in order, k_facts_max at most
    std::string last_error;             // the last line that told of one, or of an end; for people
    std::deque<std::string> last_lines; // k_lines_kept at most, without prefixes
};

struct ModelPort {
    std::string model;
    int port = 0;
};

// Leaves the facts that decide something.
void drop_noise(std::vector<LogFact>& facts);

// A value: copy it, compare it, feed it. Not thread-safe.
class ModelProcesses {
  public:
    static constexpr std::size_t k_facts_max = 64;
    static constexpr std::size_t k_lines_kept = 12;
    static constexpr std::size_t k_processes_max = 64;

    void note(const LogFact& fact);

    // The newest process of a model; nullptr: none was started.
    [[nodiscard]] const ModelProcess* newest(const std::string& model) const;
    // The newest that has ended.
    [[nodiscard]] const ModelProcess* newest_ended(const std::string& model) const;
    // Whether the process on this port has loaded its model.
    [[nodiscard]] bool has_loaded(int port) const;
    // Whether a process is between its start and "model loaded" or its end.
    [[nodiscard]] bool is_loading() const;
    // A process that had loaded, said that it ends, was not told so by its router, and has not
    // ended; nullptr: there is none. (One that fails to load says the same, and ends.)
    [[nodiscard]] const ModelProcess* leaver() const;
    // The processes that serve: loaded, and neither ended nor about to.
    [[nodiscard]] std::vector<ModelPort> serving() const;
    // Counts the ends of this model's processes, forgotten ones too, so that a waiter sees a new
    // one.
    [[nodiscard]] std::size_t ends(const std::string& model) const;
    // What the router said by itself (a GPU library speaks without a prefix).
    [[nodiscard]] const std::vector<LogFact>& router_facts() const { return m_router_facts; }

  private:
    ModelProcess* open_on(int port);

    std::deque<ModelProcess> m_processes;      // oldest first
    std::map<std::string, std::size_t> m_ends; // by model
    std::vector<LogFact> m_router_facts;
};

} // namespace odysseus::server
