// llama.cpp's RPC server as a child under the guard, on 127.0.0.1 alone. It serves one connection
// at a time and aborts for a malformed message, so each session has a process of its own.
#pragma once

#include "odysseus/server/rpc_text.hpp"
#include "odysseus/system/child.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace odysseus::server {

// The program beside llama-server, by its name of now or by the one it had; absent: this build
// brings none.
[[nodiscard]] std::optional<std::filesystem::path>
rpc_program(const std::filesystem::path& llama_server);

struct RpcSpec {
    std::filesystem::path executable;
    std::filesystem::path guard;  // own_executable()
    std::filesystem::path record; // of what runs, for the next start
    std::vector<std::string> environment;
    int threads = 4;
    std::function<void(const std::string& line)> log; // what it writes; in a thread of ours
};

// For one thread at a time.
class RpcServer {
  public:
    explicit RpcServer(RpcSpec spec);
    ~RpcServer(); // kills it
    RpcServer(const RpcServer&) = delete;
    RpcServer& operator=(const RpcServer&) = delete;

    struct Started {
        int port = 0;
        RpcFacts facts;
    };
    // Returns when it takes connections. Throws Error (server) with its last words; it is not
    // running then.
    [[nodiscard]] Started start();
    // Kills it and returns when it is gone; it may not be running.
    void stop();

  private:
    void read(const std::string& bytes);
    void pump();

    const RpcSpec m_spec;
    system::Guard m_guard;
    std::unique_ptr<system::Child> m_child;
    std::thread m_pump; // after the start, until the last process is gone
};

} // namespace odysseus::server
