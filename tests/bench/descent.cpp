// How long a memory failure takes from the failed answer to the replayed one, against the loads
// that were really needed, on a real llama-server whose address space is limited:
//
//   descent_bench LLAMA_SERVER MODELS_DIR MODEL LIMIT_KIB... [--context N] [--clients N]
//
// One line for each limit: the context that held; the milliseconds from the failed answer to the
// good one; what the starts and loads of the contexts tried on the way cost when each is done by
// itself, without anything going wrong before; and the ratio of the two. Exit code 1 when an answer
// was not 200.
#include "odysseus/base/text.hpp"
#include "odysseus/server/launch_plan.hpp"
#include "odysseus/server/llama_client.hpp"
#include "odysseus/server/supervisor.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/guard.hpp"
#include "odysseus/system/paths.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <unistd.h>

using namespace odysseus;
using namespace odysseus::system;

extern char** environ; // NOLINT

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

struct Bench {
    std::string server;
    std::string models_dir;
    std::string model;
    std::int64_t context = 32768;
    int clients = 1;
    std::filesystem::path scratch;
};

std::string chat_body(const std::string& model) {
    return "{\"model\":\"" + model +
           "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":4}";
}

struct Outcome {
    server::LlamaAnswer answer;
    double first_failure_ms = 0; // from the request to the failed answer
    double total_ms = 0;         // from the failed answer to the last one
};

// As the proxy does it.
Outcome ask(server::Supervisor& supervisor, const Bench& bench) {
    const auto limit = std::chrono::minutes(10);
    const auto before = supervisor.wait_ready(limit, {});
    const auto began = Clock::now();
    auto answer = server::llama_post({before.port, before.api_key}, "/v1/chat/completions",
                                     chat_body(bench.model), limit);
    Outcome outcome{answer, ms_since(began), 0};
    if (answer.status == 200) return outcome;
    const auto failed = Clock::now();
    const auto verdict =
        supervisor.report({before.generation, bench.model, answer.status, answer.body}, {});
    if (const auto* end = std::get_if<server::GiveUp>(&verdict)) {
        outcome.answer = {end->status, end->message};
    } else if (std::holds_alternative<server::Replay>(verdict)) {
        const auto now = supervisor.wait_ready(limit, {});
        outcome.answer = server::llama_post({now.port, now.api_key}, "/v1/chat/completions",
                                            chat_body(bench.model), limit);
    }
    outcome.total_ms = ms_since(failed);
    return outcome;
}

server::StartSpec spec_for(const Bench& bench, long limit_kib) {
    const auto script = bench.scratch / "limited";
    std::ofstream(script) << "#!/bin/sh\nulimit -v " << limit_kib << "\nexec '" << bench.server
                          << "' \"$@\"\n";
    system::make_executable(script);
    server::StartSpec spec;
    spec.executable = limit_kib > 0 ? script : std::filesystem::path(bench.server);
    spec.guard = system::own_executable();
    spec.log_file = bench.scratch / concat("llama-server-", limit_kib, ".log");
    std::vector<std::string> ours;
    for (char** entry = environ; *entry != nullptr; ++entry)
        ours.emplace_back(*entry);
    server::LaunchEnvironment environment;
    environment.cache_dir = (bench.scratch / "cache").string();
    environment.api_key = "bench";
    spec.environment = server::launch_environment(ours, environment);
    spec.api_key = environment.api_key;
    spec.arguments = [&bench](std::int64_t tokens, bool, int port) {
        server::LaunchPlan plan;
        plan.port = port;
        plan.models_dir = bench.models_dir;
        plan.context = tokens;
        return server::launch_arguments(plan);
    };
    spec.port = 22086;
    spec.context = bench.context;
    spec.notice = [](const std::string&) {};
    return spec;
}

// A start with this context, and the first request's answer, good or bad.
double bare_ms(const Bench& bench, long limit_kib, std::int64_t context) {
    auto spec = spec_for(bench, limit_kib);
    spec.context = context;
    server::Supervisor supervisor(std::move(spec));
    const auto began = Clock::now();
    supervisor.start();
    const auto started = supervisor.wait_started({});
    if (const auto* serving = std::get_if<server::Serving>(&started)) {
        (void)server::llama_post({serving->port, serving->api_key}, "/v1/chat/completions",
                                 chat_body(bench.model), std::chrono::minutes(10));
    }
    return ms_since(began);
}

bool measure(const Bench& bench, long limit_kib) {
    std::vector<Outcome> outcomes(static_cast<std::size_t>(bench.clients));
    std::vector<std::int64_t> tried;
    std::int64_t held = 0;
    {
        auto spec = spec_for(bench, limit_kib);
        auto arguments = spec.arguments;
        spec.arguments = [&tried, arguments](std::int64_t context, bool without_gpu, int port) {
            tried.push_back(context);
            return arguments(context, without_gpu, port);
        };
        server::Supervisor supervisor(std::move(spec));
        supervisor.start();
        const auto started = supervisor.wait_started({});
        if (const auto* error = std::get_if<Error>(&started)) {
            std::printf("%9ld  did not start: %s\n", limit_kib, error->what());
            return false;
        }
        std::vector<std::thread> clients;
        for (auto& outcome : outcomes) {
            clients.emplace_back([&] { outcome = ask(supervisor, bench); });
        }
        for (auto& client : clients)
            client.join();
        held = supervisor.current().context;
    }
    double needed_ms = 0;
    for (std::size_t i = 1; i < tried.size(); ++i)
        needed_ms += bare_ms(bench, limit_kib, tried[i]);
    bool good = true;
    for (const auto& outcome : outcomes) {
        std::printf(
            "%9ld  %3d  context %6lld  recovered in %6.0f ms  needed %6.0f ms  ratio %.2f  %s\n",
            limit_kib, outcome.answer.status, static_cast<long long>(held), outcome.total_ms,
            needed_ms, needed_ms > 0 ? outcome.total_ms / needed_ms : 1.0,
            outcome.answer.status == 200 ? "" : outcome.answer.body.c_str());
        good = good && outcome.answer.status == 200;
    }
    std::fflush(stdout);
    return good;
}

} // namespace

int main(int argc, char** argv) {
    if (const auto code = system::guard_main(argc, argv)) return *code;
    if (argc < 5) {
        std::fprintf(stderr, "usage: descent_bench LLAMA_SERVER MODELS_DIR MODEL LIMIT_KIB... "
                             "[--context N] [--clients N]\n");
        return 2;
    }
    Bench bench;
    bench.server = argv[1];
    bench.models_dir = argv[2];
    bench.model = argv[3];
    bench.scratch = system::temp_sibling(std::filesystem::temp_directory_path() / "descent");
    std::filesystem::create_directories(bench.scratch);
    std::vector<long> limits;
    for (int i = 4; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--context" && i + 1 < argc) {
            bench.context = std::strtol(argv[++i], nullptr, 10);
        } else if (word == "--clients" && i + 1 < argc) {
            bench.clients = static_cast<int>(std::strtol(argv[++i], nullptr, 10));
        } else {
            limits.push_back(std::strtol(word.c_str(), nullptr, 10));
        }
    }
    bool good = true;
    for (const long limit : limits)
        good = measure(bench, limit) && good;
    std::fprintf(stderr, "logs: %s\n", bench.scratch.c_str());
    return good ? 0 : 1;
}
