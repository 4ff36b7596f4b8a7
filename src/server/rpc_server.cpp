#include "odysseus/server/rpc_server.hpp"

#include "line_splitter.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/leftovers.hpp"
#include "odysseus/system/ports.hpp"

#include <chrono>
#include <random>

namespace odysseus::server {
namespace {

constexpr std::chrono::seconds k_start_max{120}; // a GPU's driver may have to be woken
constexpr std::chrono::milliseconds k_look{100};
constexpr std::size_t k_said_max = 64 * 1024;
constexpr std::size_t k_lines_told = 5;

// Not the same at each start: programs that were told an old one must not find the new one.
int some_port() {
    std::random_device random;
    const int from = 20000 + static_cast<int>(random() % 12000);
    const auto port = system::next_free_port("127.0.0.1", from);
    if (!port) throw Error(Fault::busy, "no free port for llama.cpp's RPC server");
    return *port;
}

std::string last_lines(std::string_view said) {
    auto lines = lines_of(said);
    std::erase_if(lines, [](std::string_view line) { return trimmed(line).empty(); });
    if (lines.empty()) return "; it wrote nothing";
    std::string text = ". Its last lines:";
    const auto first = lines.size() > k_lines_told ? lines.size() - k_lines_told : 0;
    for (auto i = first; i < lines.size(); ++i)
        text += concat("\n  ", readable(lines[i]));
    return text;
}

} // namespace

std::optional<std::filesystem::path> rpc_program(const std::filesystem::path& llama_server) {
    const auto extension = llama_server.extension() == ".exe" ? ".exe" : "";
    for (const char* name : {"ggml-rpc-server", "rpc-server"}) {
        const auto program = llama_server.parent_path() / concat(name, extension);
        if (system::may_run(program)) return program;
    }
    return std::nullopt;
}

RpcServer::RpcServer(RpcSpec spec) : m_spec(std::move(spec)), m_guard(m_spec.guard) {}

RpcServer::~RpcServer() {
    stop();
}

RpcServer::Started RpcServer::start() {
    stop();
    Started started;
    started.port = some_port();
    const system::ChildSpec child{m_spec.executable,
                                  {"-H", "127.0.0.1", "-p", std::to_string(started.port), "-t",
                                   std::to_string(m_spec.threads), "-c"},
                                  m_spec.environment,
                                  {}};
    m_child = std::make_unique<system::Child>(child, m_guard);
    system::record_child(m_spec.record, m_child->pid());
    std::string said;
    const auto until = std::chrono::steady_clock::now() + k_start_max;
    while (!started.facts.begins ||
           !system::listens_on(m_child->pid(), started.port).value_or(true)) {
        const auto event = m_child->next(k_look);
        if (const auto* output = std::get_if<system::ChildOutput>(&event)) {
            read(output->out + output->err);
            if (said.size() < k_said_max) said += output->out + output->err;
            started.facts = rpc_facts(said);
        }
        const auto* exited = std::get_if<system::ChildExited>(&event);
        if (exited == nullptr && std::chrono::steady_clock::now() < until) continue;
        const auto how = exited != nullptr ? system::exit_text(exited->status)
                                           : concat("nothing after ", k_start_max.count(), " s");
        stop();
        throw Error(Fault::server,
                    concat("llama.cpp's RPC server did not start: ", how, last_lines(said)));
    }
    m_pump = std::thread([this] { pump(); });
    return started;
}

void RpcServer::read(const std::string& bytes) {
    if (!m_spec.log) return;
    for (const auto line : lines_of(bytes)) {
        if (!line.empty()) m_spec.log(readable(line));
    }
}

void RpcServer::pump() {
    while (true) {
        const auto event = m_child->next(std::chrono::seconds(1));
        if (const auto* output = std::get_if<system::ChildOutput>(&event))
            read(output->out + output->err);
        if (std::holds_alternative<system::ChildGone>(event)) return;
    }
}

void RpcServer::stop() {
    if (!m_child) return;
    m_child->stop(std::chrono::milliseconds(0));
    if (m_pump.joinable()) m_pump.join();
    m_child.reset();
    system::forget_child(m_spec.record);
}

} // namespace odysseus::server
