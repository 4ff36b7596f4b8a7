#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/server/llama_client.hpp"
#include "odysseus/server/supervisor.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/ports.hpp"
#include "odysseus/system/process_info.hpp"

#include "scratch.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <csignal>
#include <fstream>
#include <future>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace odysseus;
using namespace odysseus::system;
using namespace odysseus::server;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

struct Bench {
    Scratch scratch;
    StartSpec spec;

    explicit Bench(const std::string& flags, std::int64_t context = 32768) {
        spec.executable = ODYSSEUS_FAKE_LLAMA_SERVER;
        spec.guard = ODYSSEUS_FAKE_LLAMA_SERVER;
        spec.log_file = scratch / "llama-server.log";
        spec.record = scratch / "llama-server.json";
        spec.environment = {"PATH=/usr/bin:/bin",
                            "FAKE_LLAMA=" + flags + " --count " + (scratch / "count").string()};
        spec.arguments = [](std::int64_t tokens, bool without_gpu, int port) {
            return std::vector<std::string>{"--port",     std::to_string(port),
                                            "--ctx-size", std::to_string(tokens),
                                            "-ngl",       without_gpu ? "0" : "99"};
        };
        spec.port = 21000 + static_cast<int>(::getpid() % 2900) * 4;
        spec.context = context;
        spec.notice = [](const std::string&) {};
        spec.limits.restart_grace = 500ms;
        spec.limits.lifecycle.delay_first = 10ms;
    }

    // What was started and loaded, in order: "start 32768", "load heavy 32768"...
    [[nodiscard]] std::vector<std::string> history() const {
        std::vector<std::string> lines;
        std::ifstream in(scratch / "count");
        for (std::string line; std::getline(in, line);)
            lines.push_back(line);
        return lines;
    }
};

// Models with setups of their own, and what the supervisor tells of them.
class FixedSetups final : public ModelSetups {
  public:
    using Below = std::vector<memory::Setup>;
    using Held = std::vector<std::pair<std::string, std::int64_t>>;

    explicit FixedSetups(std::map<std::string, memory::Setup> setups)
        : m_setups(std::move(setups)) {}
    // Set before the start.
    bool shared = false;
    std::map<std::string, Below> lower;
    std::map<std::string, std::string> refusals;
    std::function<void(const memory::Setup&)> on_set;
    std::function<void()> on_held;

    [[nodiscard]] Held all_held() const {
        const std::lock_guard lock(m_mutex);
        return m_held;
    }

    [[nodiscard]] bool is_shared() const override { return shared; }
    [[nodiscard]] std::optional<memory::Setup> of(const std::string& model) const override {
        const std::lock_guard lock(m_mutex);
        const auto found = m_setups.find(model);
        return found != m_setups.end() ? std::optional(found->second) : std::nullopt;
    }
    void set(const std::string& model, const memory::Setup& setup) override {
        if (on_set) on_set(setup);
        const std::lock_guard lock(m_mutex);
        m_setups[model] = setup;
    }
    [[nodiscard]] Below below(const std::string& model, const memory::Setup& failed,
                              bool race) const override {
        const auto found = lower.find(model);
        auto steps = found != lower.end() ? found->second : Below{};
        if (race && !steps.empty()) steps.insert(steps.begin(), failed);
        return steps;
    }
    [[nodiscard]] std::optional<std::string> refusal(const std::string& model) const override {
        const auto found = refusals.find(model);
        return found != refusals.end() ? std::optional(found->second) : std::nullopt;
    }
    [[nodiscard]] std::optional<std::string> waits_for(const std::string& model) const override {
        const std::lock_guard lock(m_mutex);
        return model == m_waiting ? std::optional<std::string>("the worker is away") : std::nullopt;
    }
    void let_wait(const std::string& model) { // "": none any more
        const std::lock_guard lock(m_mutex);
        m_waiting = model;
    }
    [[nodiscard]] std::string sentence(const std::string&) const override { return ""; }
    [[nodiscard]] std::string figures(const std::string&) const override {
        return "the GPU has 1 GiB, the machine 2 GiB";
    }
    void held(const std::string& model, const memory::Setup& setup,
              std::optional<std::int64_t>) override {
        if (on_held) on_held();
        const std::lock_guard lock(m_mutex);
        m_held.emplace_back(model, setup.context);
    }

  private:
    mutable std::mutex m_mutex;
    std::map<std::string, memory::Setup> m_setups;
    std::string m_waiting;
    Held m_held;
};

constexpr memory::Placement k_half{memory::Placement::Kind::feed_forward, 4, 8};
constexpr memory::Placement k_on_cpu{memory::Placement::Kind::cpu, 8, 8};

LlamaAnswer chat(const Serving& serving, const std::string& model) {
    return llama_post({serving.port, serving.api_key}, "/v1/chat/completions",
                      "{\"model\":\"" + model + "\"}", 20s);
}

// A request as the proxy makes it: once, and once more when the supervisor says so.
LlamaAnswer ask(Supervisor& supervisor, const std::string& model, Verdict* verdict = nullptr) {
    auto before = supervisor.wait_ready(20s, {});
    const auto until = Clock::now() + 20s;
    for (;;) {
        const auto admitted = supervisor.admit(model);
        if (const auto* in_vain = std::get_if<GiveUp>(&admitted))
            return {in_vain->status, in_vain->message};
        before = std::get<Serving>(admitted);
        if (before.state == State::ready || Clock::now() > until) break;
        std::this_thread::sleep_for(2ms);
    }
    auto answer = chat(before, model);
    if (answer.status != 0 && answer.status < 500) return answer;
    const auto said = supervisor.report({before.generation, model, answer.status, answer.body}, {});
    if (verdict != nullptr) *verdict = said;
    if (const auto* give_up = std::get_if<GiveUp>(&said))
        return {give_up->status, give_up->message};
    if (std::holds_alternative<PassOn>(said)) return answer;
    return chat(supervisor.wait_ready(20s, {}), model);
}

Serving started(Supervisor& supervisor) {
    supervisor.start();
    auto result = supervisor.wait_started({});
    if (const auto* error = std::get_if<Error>(&result)) FAIL(error->what());
    return std::get<Serving>(result);
}

bool is_alive(std::int64_t pid) {
    return system::process_identity(pid).has_value();
}

template <class Condition>
bool comes_true(Condition condition, std::chrono::milliseconds limit = 10s) {
    const auto end = Clock::now() + limit;
    while (!condition() && Clock::now() < end)
        std::this_thread::sleep_for(2ms);
    return condition();
}

} // namespace

TEST_CASE("supervisor: starts, is ready, stops", "[supervisor]") {
    Bench bench("");
    Supervisor supervisor(bench.spec);
    const auto serving = started(supervisor);
    CHECK(serving.state == State::ready);
    CHECK(serving.generation == 1);
    CHECK(serving.context == 32768);
    CHECK(is_alive(serving.pid));
    CHECK(supervisor.build() == "b1-fake");
    CHECK(chat(serving, "tiny").status == 200);
    CHECK(std::filesystem::exists(bench.spec.record));
    supervisor.stop(5s);
    CHECK_FALSE(is_alive(serving.pid));
    CHECK(system::port_is_free("127.0.0.1", serving.port));
    CHECK(supervisor.current().state == State::stopping);
    CHECK_FALSE(std::filesystem::exists(bench.spec.record));
}

TEST_CASE("supervisor: ready as soon as the server is, not at the next poll", "[supervisor]") {
    Bench bench("--ready-after 300");
    bench.spec.limits.ready_poll = 60s;
    Supervisor supervisor(bench.spec);
    const auto began = Clock::now();
    (void)started(supervisor);
    CHECK(Clock::now() - began < 5s);
}

TEST_CASE("supervisor: a first start that fails tells the last lines", "[supervisor]") {
    const auto trouble = [](Bench& bench) {
        Supervisor supervisor(bench.spec);
        supervisor.start();
        const auto result = supervisor.wait_started({});
        REQUIRE(std::holds_alternative<Error>(result));
        CHECK(supervisor.current().state == State::failed);
        return std::get<Error>(result);
    };
    SECTION("it ends") {
        Bench bench("--ready-after 5000 --exit-after 50");
        const auto error = trouble(bench);
        CHECK(error.fault() == Fault::server);
        CHECK(std::string(error.what()).find("exit code 3") != std::string::npos);
    }
    SECTION("it is never ready") {
        Bench bench("--never-ready");
        bench.spec.limits.start = 300ms;
        CHECK(std::string(trouble(bench).what()).find("not ready after") != std::string::npos);
    }
    SECTION("it is no router") {
        Bench bench("--not-router");
        CHECK(std::string(trouble(bench).what()).find("router mode") != std::string::npos);
    }
    SECTION("it is not there") {
        Bench bench("");
        bench.spec.executable = bench.scratch / "missing";
        CHECK(std::string(trouble(bench).what()).find("No such file") != std::string::npos);
    }
    SECTION("its port, which was asked for, is taken") {
        Bench other("");
        Supervisor first(other.spec);
        Bench bench("");
        bench.spec.port = started(first).port;
        bench.spec.port_asked_for = true;
        CHECK(trouble(bench).fault() == Fault::busy);
    }
}

TEST_CASE("supervisor: a taken port that nobody asked for gives way to the next", "[supervisor]") {
    Bench one("");
    Bench two("");
    Supervisor first(one.spec);
    Supervisor second(two.spec);
    const auto there = started(first);
    const auto here = started(second);
    CHECK(here.port > there.port);
    CHECK(here.pid != there.pid);
}

TEST_CASE("supervisor: an unexpected end is followed by a start, at once", "[supervisor]") {
    Bench bench("");
    Supervisor supervisor(bench.spec);
    const auto before = started(supervisor);
    ::kill(static_cast<pid_t>(before.pid), SIGKILL);
    REQUIRE(comes_true([&] { return supervisor.current().generation == 2; }, 2s));
    const auto after = supervisor.wait_ready(10s, {});
    CHECK(after.state == State::ready);
    CHECK(after.restarts == 1);
    CHECK(after.port == before.port);
    CHECK(chat(after, "tiny").status == 200);
    // A failure of the old one is answered with: once more.
    CHECK(std::holds_alternative<Replay>(supervisor.report({1, "tiny", 0, "reset"}, {})));
}

TEST_CASE("supervisor: a server that keeps dying is given up, and recovers by itself",
          "[supervisor]") {
    Bench bench("--exit-on-chat");
    bench.spec.limits.lifecycle.failures_max = 2;
    bench.spec.limits.lifecycle.cool_down = 300ms;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    REQUIRE(comes_true([&] {
        (void)chat(supervisor.wait_ready(10s, {}), "tiny");
        return supervisor.current().state == State::failed;
    }));
    const auto failed = supervisor.current();
    CHECK(failed.reason.find("keeps failing") != std::string::npos);
    CHECK(failed.retry_after >= 1s);
    CHECK(
        std::holds_alternative<GiveUp>(supervisor.report({failed.generation, "tiny", 0, ""}, {})));
    CHECK(comes_true([&] { return supervisor.current().state == State::ready; }));
}

TEST_CASE("supervisor: what goes wrong is said once, and so is its end", "[supervisor]") {
    Bench bench("--exit-on-chat");
    const auto file = bench.scratch / "own.log";
    log::set_up(log::Level::info, log::Format::text, file);
    const auto said = [&](std::string_view words) {
        const auto text = read_file(file, 100'000).value_or("");
        std::size_t times = 0;
        for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
            ++times;
        return times;
    };
    bench.spec.limits.lifecycle.failures_max = 3;
    bench.spec.limits.lifecycle.cool_down = 50ms;
    bench.spec.limits.health_every = 60s; // one that kept failing is not believed at once
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    SECTION("one end") {
        (void)chat(supervisor.current(), "tiny");
        REQUIRE(comes_true([&] { return supervisor.current().generation == 2; }));
        CHECK(supervisor.wait_ready(10s, {}).state == State::ready);
        CHECK(said("ended unexpectedly: ") == 1);
        CHECK(comes_true([&] { return said("is running again") == 1; }));
    }
    SECTION("one end after the other") {
        REQUIRE(comes_true([&] {
            (void)chat(supervisor.wait_ready(10s, {}), "tiny");
            return said("keeps failing") > 0;
        }));
        const auto ends = said("ended unexpectedly: ");
        const auto returns = said("is running again");
        const auto before = supervisor.current().generation;
        REQUIRE(comes_true([&] {
            (void)chat(supervisor.wait_ready(10s, {}), "tiny");
            return supervisor.current().generation > before + 3;
        }));
        CHECK(said("keeps failing") == 1);
        CHECK(said("ended unexpectedly: ") == ends);
        CHECK(said("is running again") == returns);
    }
    log::set_up(log::Level::info, log::Format::text, std::nullopt);
}

TEST_CASE("supervisor: a drive that is removed is named, and waited for", "[supervisor]") {
    Bench bench("");
    const auto models = bench.scratch / "models";
    std::filesystem::create_directory(models);
    bench.spec.needs = {models};
    bench.spec.limits.lifecycle.failures_max = 1;
    bench.spec.limits.lifecycle.cool_down = 50ms;
    Supervisor supervisor(bench.spec);
    const auto serving = started(supervisor);
    std::filesystem::remove(models);
    ::kill(static_cast<pid_t>(serving.pid), SIGKILL);
    REQUIRE(comes_true([&] { return supervisor.current().state == State::failed; }));
    CHECK(supervisor.current().reason.find("models is not there") != std::string::npos);
    std::filesystem::create_directory(models);
    CHECK(comes_true([&] { return supervisor.current().state == State::ready; }));
}

TEST_CASE("supervisor: a memory failure steps to the rung that holds, and asks again",
          "[supervisor]") {
    Bench bench("--oom-above 8192");
    FixedSetups setups({{"heavy", {32768, {}}}});
    bench.spec.setups = &setups;
    // 128 KiB a token: 12288 tokens are 1.5 GiB and cannot be had, 8192 tokens are 1 GiB.
    bench.spec.memory_ceiling = [](const std::string&) {
        return std::optional<std::int64_t>(1'200'000'000);
    };
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(bench.history() == std::vector<std::string>{"start 32768", "load heavy 32768",
                                                      "start 8192", "load heavy 8192"});
    const auto now = supervisor.current();
    CHECK(now.context == 8192);
    CHECK(now.oom_steps == 1);
    CHECK(now.restarts == 0);
    CHECK(setups.all_held() == FixedSetups::Held{{"heavy", 8192}});
}

TEST_CASE("supervisor: rung by rung where nothing is known of the memory", "[supervisor]") {
    Bench bench("--oom-at-use-above 12288");
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(supervisor.current().context == 12288);
    CHECK(supervisor.current().oom_steps == 3);
}

TEST_CASE("supervisor: failures at one time cost one descent", "[supervisor]") {
    Bench bench("--oom-above 16384 --load-ms 100");
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    std::vector<std::thread> clients;
    std::array<int, 6> statuses{};
    for (auto& status : statuses) {
        clients.emplace_back([&] { status = ask(supervisor, "heavy").status; });
    }
    for (auto& client : clients)
        client.join();
    for (const int status : statuses)
        CHECK(status == 200);
    CHECK(supervisor.current().context == 16384);
    CHECK(supervisor.current().oom_steps == 2);
}

TEST_CASE("supervisor: each model has its own context, within one start", "[supervisor]") {
    Bench bench("--oom-above 32768", 8192);
    FixedSetups setups({{"tiny", {32768, {}}}, {"heavy", {8192, {}}}});
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    CHECK(started(supervisor).context == 8192);
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(supervisor.current().generation == 1);
    CHECK(ask(supervisor, "tiny").status == 200);
    CHECK(supervisor.current().model == "tiny");
    CHECK(supervisor.current().context == 32768);
    CHECK(ask(supervisor, "tiny").status == 200);
    CHECK(ask(supervisor, "none of ours").status == 200); // with whatever there is
    CHECK(supervisor.current().generation == 2);
    CHECK(ask(supervisor, "heavy").status == 200);
    const auto now = supervisor.current();
    CHECK(now.generation == 3);
    CHECK(now.restarts == 0);
    CHECK(now.oom_steps == 0);
    CHECK(bench.history() == std::vector<std::string>{
                                 "start 8192", "load heavy 8192", "start 32768", "load tiny 32768",
                                 "load none of ours 32768", "start 8192", "load heavy 8192"});
}

TEST_CASE("supervisor: a worker that goes takes the model that runs with it", "[supervisor]") {
    Bench bench("", 8192);
    FixedSetups setups({{"tiny", {8192, {}}}, {"heavy", {8192, {}}}});
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 200);
    setups.let_wait("heavy");
    supervisor.setups_changed({"heavy"}, "the worker went");
    REQUIRE(comes_true([&] {
        const auto now = supervisor.current();
        return now.generation == 2 && now.state == State::ready;
    }));
    const auto admitted = supervisor.admit("heavy");
    const auto* in_vain = std::get_if<GiveUp>(&admitted);
    REQUIRE(in_vain != nullptr);
    CHECK(in_vain->code == "worker_lost");
    CHECK(in_vain->retry_after == 5s);
    CHECK(ask(supervisor, "tiny").status == 200);
    // When it is back, who runs without it is not disturbed.
    setups.let_wait("");
    supervisor.setups_changed({"heavy"}, "");
    // Of a generation that is gone: answered once that change was heard.
    CHECK(std::holds_alternative<Replay>(supervisor.report({1, "tiny", 0, "reset"}, {})));
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(supervisor.current().generation == 2);
    CHECK(supervisor.current().restarts == 0);
    CHECK(bench.history() == std::vector<std::string>{"start 8192", "load heavy 8192", "start 8192",
                                                      "load tiny 8192", "load heavy 8192"});
}

TEST_CASE("supervisor: models that are held together share a context", "[supervisor]") {
    Bench bench("--oom-above 16384", 24576);
    FixedSetups setups({{"tiny", {32768, {}}}, {"heavy", {8192, {}}}});
    setups.shared = true;
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "tiny").status == 200);
    CHECK(supervisor.current().context == 16384);
    CHECK(supervisor.current().generation == 3);
}

TEST_CASE("supervisor: a descent lowers one model's context alone", "[supervisor]") {
    Bench bench("--oom-above 12288 --only heavy");
    FixedSetups setups({{"tiny", {32768, {}}}, {"heavy", {32768, {}}}});
    bench.spec.setups = &setups;
    SECTION("until it holds") {
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        CHECK(ask(supervisor, "heavy").status == 200);
        CHECK(setups.of("heavy")->context == 12288);
        CHECK(ask(supervisor, "tiny").status == 200);
        CHECK(supervisor.current().context == 32768);
        CHECK(ask(supervisor, "heavy").status == 200);
        CHECK(supervisor.current().context == 12288);
        CHECK(supervisor.current().oom_steps == 3);
    }
    SECTION("nothing holds: it goes back") {
        bench.spec.environment.back() += " --oom-above 1024";
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        CHECK(ask(supervisor, "heavy").status == 503);
        CHECK(setups.of("heavy")->context == 32768);
        CHECK(ask(supervisor, "tiny").status == 200);
        CHECK(supervisor.current().context == 32768);
    }
}

TEST_CASE("supervisor: what the GPU cannot hold is placed, without a start", "[supervisor]") {
    Bench bench("", 2048);
    const auto placed = bench.scratch / "placed";
    bench.spec.environment.back() += " --device-full-without " + placed.string();
    FixedSetups setups({{"tiny", {2048, {}}}, {"heavy", {2048, {}}}});
    setups.lower["heavy"] = {{2048, k_half}, {4096, k_on_cpu}};
    bench.spec.setups = &setups;
    const auto write_at = [&](memory::Placement::Kind kind) {
        setups.on_set = [&, kind](const memory::Setup& setup) {
            if (setup.placement.kind == kind) std::ofstream(placed) << "x";
        };
    };
    const std::vector<std::string> one_load{"start 2048", "load heavy 2048"};
    SECTION("a race heals itself") {
        setups.on_set = [&](const memory::Setup&) { std::ofstream(placed) << "x"; };
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        CHECK(ask(supervisor, "heavy").status == 200);
        CHECK(setups.of("heavy")->placement.kind == memory::Placement::Kind::gpu);
        CHECK(supervisor.current().oom_steps == 0);
    }
    SECTION("partly in RAM") {
        write_at(memory::Placement::Kind::feed_forward);
        Supervisor supervisor(bench.spec);
        const auto before = started(supervisor);
        CHECK(ask(supervisor, "heavy").status == 200);
        CHECK(setups.of("heavy")->placement == k_half);
        CHECK(setups.all_held() == FixedSetups::Held{{"heavy", 2048}});
        CHECK(supervisor.current().pid == before.pid);
        CHECK(supervisor.current().oom_steps == 1);
        CHECK(bench.history().size() == one_load.size() + 2); // once more, and placed
    }
    SECTION("on the CPU alone, by a start without GPU") {
        write_at(memory::Placement::Kind::cpu);
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        CHECK(ask(supervisor, "heavy").status == 200);
        CHECK(setups.of("heavy")->placement == k_on_cpu);
        CHECK(supervisor.current().without_gpu);
        CHECK(supervisor.current().context == 4096);
    }
    SECTION("nowhere: one error with both figures, and it is not loaded again") {
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        const auto answer = ask(supervisor, "heavy");
        CHECK(answer.status == 503);
        CHECK(answer.body.find("the GPU has 1 GiB, the machine 2 GiB") != std::string::npos);
        CHECK(answer.body.find("cache-type") == std::string::npos);
        CHECK(setups.of("heavy")->placement.kind == memory::Placement::Kind::gpu);
        const auto loads = bench.history().size();
        CHECK(ask(supervisor, "heavy").status == 503);
        CHECK(bench.history().size() == loads);
    }
}

TEST_CASE("supervisor: what was placed and does not hold leaves the ladder alone", "[supervisor]") {
    Bench bench("", 8192);
    const auto placed = bench.scratch / "placed";
    bench.spec.environment.back() += " --device-full-without " + placed.string();
    FixedSetups setups({{"heavy", {8192, k_half}}});
    setups.lower["heavy"] = {{8192, {memory::Placement::Kind::feed_forward, 8, 8}}};
    setups.on_set = [&](const memory::Setup& setup) {
        if (setup.placement.blocks == 8) std::ofstream(placed) << "x";
    };
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(bench.history() == std::vector<std::string>{"start 8192", "load heavy 8192",
                                                      "load heavy 8192", "load heavy 8192"});
}

TEST_CASE("supervisor: what the machine cannot hold is refused before a load", "[supervisor]") {
    Bench bench("");
    FixedSetups setups({{"tiny", {32768, {}}}, {"heavy", {32768, {}}}});
    setups.refusals["heavy"] = "it is too large for both";
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    const auto answer = ask(supervisor, "heavy");
    CHECK(answer.status == 503);
    CHECK(answer.body == "it is too large for both");
    CHECK(ask(supervisor, "tiny").status == 200);
    CHECK(bench.history() == std::vector<std::string>{"start 32768", "load tiny 32768"});
}

TEST_CASE("supervisor: nothing holds", "[supervisor]") {
    Bench bench("--oom-above 1024");
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    const auto answer = ask(supervisor, "heavy");
    CHECK(answer.status == 503);
    CHECK(answer.body.find("4.0 GiB were asked for") != std::string::npos);
    CHECK(answer.body.find("32768, 24576, 16384, 12288, 8192, 4096, 2048") != std::string::npos);
    // The context goes back to what others can use, and the next one is not made to wait again.
    CHECK(supervisor.wait_ready(10s, {}).context == 32768);
    const auto starts = bench.history().size();
    CHECK(ask(supervisor, "heavy").status == 503);
    CHECK(bench.history().size() == starts); // it is not even loaded
    // Nor is the bare failure of a request that was under way then passed on.
    const auto now = supervisor.current();
    const auto verdict =
        supervisor.report({now.generation, "heavy", 500,
                           R"({"error":{"code":500,"message":"model name=heavy failed to load"}})"},
                          {});
    REQUIRE(std::holds_alternative<GiveUp>(verdict));
    CHECK(std::get<GiveUp>(verdict).code == "out_of_memory");
}

TEST_CASE("supervisor: what is not memory steps nothing", "[supervisor]") {
    SECTION("a corrupt file: one clear error") {
        Bench bench("--corrupt heavy");
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        const auto began = Clock::now();
        const auto answer = ask(supervisor, "heavy");
        CHECK(answer.status == 500);
        CHECK(answer.body.find("invalid magic") != std::string::npos);
        CHECK(Clock::now() - began < 10s);
        CHECK(ask(supervisor, "tiny").status == 200);
    }
    SECTION("a corrupt file whose name says cuda") {
        Bench bench("--corrupt cuda-out");
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        CHECK(ask(supervisor, "cuda-out").status == 500);
        CHECK(supervisor.current().oom_steps == 0);
    }
    SECTION("a death right after the load: asked again") {
        Bench bench("");
        bench.spec.environment.back() +=
            concat(" --dies-loaded --once ", (bench.scratch / "once").string());
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        Verdict verdict;
        CHECK(ask(supervisor, "heavy", &verdict).status == 200);
        CHECK(std::holds_alternative<Replay>(verdict));
        CHECK(supervisor.current().oom_steps == 0);
        CHECK(supervisor.current().generation == 1);
    }
    SECTION("the next process ends too, and its end is not told yet: it is waited for") {
        Bench bench("");
        bench.spec.environment.back() +=
            concat(" --dies-loaded --once ", (bench.scratch / "once").string());
        bench.spec.limits.evidence = 400ms;
        Supervisor supervisor(bench.spec);
        const auto serving = started(supervisor);
        REQUIRE(ask(supervisor, "heavy").status == 200);
        const auto began = Clock::now();
        const Failure failure{serving.generation, "heavy", 500,
                              R"({"error":{"message":"proxy error: Failed to read connection"}})",
                              began};
        CHECK(std::holds_alternative<Replay>(supervisor.report(failure, {})));
        CHECK(Clock::now() - began >= 400ms);
    }
    SECTION("a crash at use: asked again once, and given up when it goes on") {
        Bench bench("--crash heavy");
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        Verdict verdict;
        CHECK(ask(supervisor, "heavy", &verdict).status == 500);
        CHECK(std::holds_alternative<Replay>(verdict));
        // The log may be some requests behind.
        REQUIRE(comes_true([&] {
            (void)ask(supervisor, "heavy", &verdict);
            return std::holds_alternative<GiveUp>(verdict);
        }));
        CHECK(std::get<GiveUp>(verdict).code == "model_crashes");
    }
    SECTION("the router's own race is asked again") {
        Bench bench("");
        Supervisor supervisor(bench.spec);
        const auto serving = started(supervisor);
        const auto verdict = supervisor.report(
            {serving.generation, "tiny", 500,
             R"({"error":{"code":500,"message":"model limit reached, try again later"}})"},
            {});
        CHECK(std::holds_alternative<Replay>(verdict));
    }
    SECTION("some other 500 is passed on") {
        Bench bench("");
        Supervisor supervisor(bench.spec);
        const auto serving = started(supervisor);
        const auto verdict =
            supervisor.report({serving.generation, "tiny", 500, "parse error"}, {});
        CHECK(std::holds_alternative<PassOn>(verdict));
    }
}

TEST_CASE("supervisor: a silent death is a suspect", "[supervisor]") {
    SECTION("one lower rung holds") {
        Bench bench("--silent-above 24576");
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        CHECK(ask(supervisor, "heavy").status == 200);
        CHECK(supervisor.current().context == 24576);
    }
    SECTION("it dies there too: it was not memory, and the context goes back") {
        Bench bench("--silent-above 4096");
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        CHECK(ask(supervisor, "heavy").status == 500);
        CHECK(supervisor.wait_ready(10s, {}).context == 32768);
        CHECK(supervisor.current().oom_steps == 1);
    }
}

TEST_CASE("supervisor: stopping is bounded", "[supervisor]") {
    SECTION("a server that ignores TERM") {
        Bench bench("--ignore-term");
        Supervisor supervisor(bench.spec);
        const auto serving = started(supervisor);
        const auto began = Clock::now();
        supervisor.stop(200ms);
        CHECK(Clock::now() - began < 15s);
        CHECK_FALSE(is_alive(serving.pid));
    }
    SECTION("a model's process that ignores everything, a grandchild that holds the pipe") {
        Bench bench("--stubborn-model --grandchild-holds-pipe");
        Supervisor supervisor(bench.spec);
        const auto serving = started(supervisor);
        REQUIRE(chat(serving, "tiny").status == 200);
        const auto began = Clock::now();
        supervisor.stop(300ms);
        CHECK(Clock::now() - began < 15s);
        CHECK(system::group_members(serving.pid).empty());
    }
    SECTION("while a report is waited for, and while it is started again") {
        Bench bench("--oom-above 1024 --load-ms 200");
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        std::thread client([&] { CHECK(ask(supervisor, "heavy").status == 503); });
        REQUIRE(comes_true([&] { return supervisor.current().state == State::restarting; }));
        const auto began = Clock::now();
        supervisor.stop(500ms);
        CHECK(Clock::now() - began < 15s);
        client.join();
    }
    SECTION("the second Ctrl-C") {
        Bench bench("--ignore-term");
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        std::thread hasty([&] {
            comes_true([&] { return supervisor.current().state == State::stopping; });
            supervisor.kill_now();
        });
        const auto began = Clock::now();
        supervisor.stop(30s);
        CHECK(Clock::now() - began < 5s);
        hasty.join();
    }
}

TEST_CASE("supervisor: a client that gave up is not waited for", "[supervisor]") {
    Bench bench("--oom-above 2048 --load-ms 150");
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    const auto before = supervisor.current();
    const auto answer = chat(before, "heavy");
    const auto began = Clock::now();
    const auto verdict = supervisor.report({before.generation, "heavy", answer.status, answer.body},
                                           [&] { return Clock::now() - began > 100ms; });
    CHECK(std::holds_alternative<PassOn>(verdict));
    CHECK(Clock::now() - began < 10s);
    // The way down goes on for those who come later.
    CHECK(ask(supervisor, "heavy").status == 200);
}

TEST_CASE("supervisor: a server that hangs is replaced, one that works is not", "[supervisor]") {
    const std::string who = GENERATE("router", "model");
    CAPTURE(who);
    Bench bench(who == "model" ? "--deaf-model" : "");
    bench.spec.limits.health_every = 50ms;
    bench.spec.limits.health_answer = 100ms;
    bench.spec.limits.hung_after = 200ms;
    Supervisor supervisor(bench.spec);
    const auto serving = started(supervisor);
    std::this_thread::sleep_for(500ms); // longer than a hung one is left alone
    CHECK(supervisor.current().generation == 1);
    if (who == "model") {
        CHECK(chat(serving, "tiny").status == 200);
    } else {
        ::kill(static_cast<pid_t>(serving.pid), SIGSTOP);
    }
    CHECK(comes_true([&] { return supervisor.current().generation == 2; }, 20s));
    CHECK(supervisor.wait_ready(10s, {}).state == State::ready);
}

TEST_CASE("supervisor: a router that can do nothing more is replaced", "[supervisor]") {
    const std::string flag = GENERATE("--term-model", "--cannot-spawn");
    CAPTURE(flag);
    Bench bench("");
    const auto flags = concat(flag, " --once ", (bench.scratch / "once").string());
    bench.spec.environment.back() += " " + flags;
    bench.spec.limits.leaving = 200ms;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "tiny").status == 200);
    CHECK(supervisor.current().generation == 2);
    CHECK(supervisor.current().context == 32768);
    CHECK(supervisor.current().restarts == 1);
}

TEST_CASE("supervisor: a router that never can start a process is given up", "[supervisor]") {
    Bench bench("--cannot-spawn");
    bench.spec.limits.lifecycle.delay_first = 1ms;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    Verdict verdict;
    CHECK(comes_true([&] {
        (void)ask(supervisor, "tiny", &verdict);
        return supervisor.current().state == State::failed;
    }));
    const auto serving = supervisor.current();
    CHECK(serving.reason.find("could not start a process") != std::string::npos);
    CHECK(serving.retry_after >= 1s);
}

TEST_CASE("supervisor: the log keeps what came, and the run before", "[supervisor]") {
    Bench bench("");
    std::ofstream(bench.scratch / "strange", std::ios::binary)
        << "[40001] ok\n"
        << std::string("nul\0byte\n", 9) << "\xff\xfe invalid\n"
        << std::string(100'000, 'x') << "\n";
    bench.spec.environment.back() += " --print " + (bench.scratch / "strange").string();
    std::ofstream(bench.spec.log_file) << "the run before\n";
    {
        Supervisor supervisor(bench.spec);
        (void)started(supervisor);
        const auto lines = supervisor.recent_log(100);
        const auto has = [&](const std::string& text) {
            return std::any_of(lines.begin(), lines.end(),
                               [&](const auto& line) { return line.find(text) != line.npos; });
        };
        CHECK(has("nul\xEF\xBF\xBD"
                  "byte"));
        CHECK(has("listening on"));
        CHECK(std::all_of(lines.begin(), lines.end(),
                          [](const auto& line) { return line.size() < 10'000; }));
    }
    std::ifstream old(bench.scratch / "llama-server.1.log");
    std::string line;
    std::getline(old, line);
    CHECK(line == "the run before");
}

TEST_CASE("supervisor: what a client writes restarts nothing and steps nothing", "[supervisor]") {
    Bench bench("--quotes");
    bench.spec.limits.evidence = 200ms;
    Supervisor supervisor(bench.spec);
    const auto before = started(supervisor);
    const LlamaAddress address{before.port, before.api_key};
    const auto report = [&](const std::string& body) {
        const auto answer = llama_post(address, "/v1/chat/completions", body, 20s);
        return supervisor.report({before.generation, "tiny", answer.status, answer.body}, {});
    };
    for (const std::string words :
         {"profiles CUDA kernels", "out of memory", "proxy error: Could not establish connection",
          "model name=tiny failed to load"}) {
        INFO(words);
        const auto verdict = report("{\"model\":\"tiny\",\"quote\":\"" + words + "\"}");
        CHECK(std::holds_alternative<PassOn>(verdict));
    }
    // A refusal that was forged in the log is no evidence for an answer that comes later.
    (void)llama_post(address, "/v1/chat/completions",
                     R"({"model":"tiny","quote":"CUDA error: out of memory"})", 20s);
    CHECK(std::holds_alternative<PassOn>(
        supervisor.report({before.generation, "tiny", 500, "Compute error."}, {})));
    for (int i = 0; i < 4; ++i) {
        (void)llama_post(address, "/v1/completions",
                         R"({"prompt":": failed to spawn server instance)", 20s);
    }
    CHECK(chat(before, "tiny").status == 200);
    const auto after = supervisor.current();
    CHECK(after.pid == before.pid);
    CHECK(after.generation == 1);
    CHECK(after.oom_steps == 0);
    CHECK(after.context == 32768);
}

TEST_CASE("supervisor: a context that cannot be written costs one descent", "[supervisor]") {
    Bench bench("--oom-above 12288");
    FixedSetups setups({{"heavy", {32768, {}}}});
    setups.on_set = [](const memory::Setup&) {
        throw Error(Fault::usage, "writing models.ini: No space left on device");
    };
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    const auto before = started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 503);
    CHECK_FALSE(comes_true([&] { return supervisor.current().state != State::ready; }, 500ms));
    CHECK(supervisor.current().pid == before.pid);
    CHECK(chat(supervisor.current(), "heavy").status == 500); // llama-server still answers
}

TEST_CASE("supervisor: a context that cannot be remembered is used", "[supervisor]") {
    Bench bench("--oom-above 12288");
    FixedSetups setups({{"heavy", {32768, {}}}});
    setups.on_held = [] {
        throw Error(Fault::usage, "writing context_memory.json: No space left on device");
    };
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(supervisor.current().state == State::ready);
}

TEST_CASE("supervisor: supervision that fails ends the program", "[supervisor]") {
    Bench bench("--exit-on-chat");
    std::atomic<int> told{0};
    bench.spec.on_lost = [&](const Error& error) {
        told += std::string(error.what()).find("a bug") != std::string::npos ? 1 : 100;
    };
    const auto arguments = bench.spec.arguments;
    int calls = 0;
    bench.spec.arguments = [&](std::int64_t tokens, bool without_gpu, int port) {
        if (++calls > 1) throw std::logic_error("a bug");
        return arguments(tokens, without_gpu, port);
    };
    Supervisor supervisor(bench.spec);
    const auto serving = started(supervisor);
    (void)chat(serving, "tiny");
    CHECK(comes_true([&] { return told == 1; }));
    CHECK_FALSE(is_alive(serving.pid));
}

TEST_CASE("supervisor: a thread that cannot be made is a failed start, and no more",
          "[supervisor]") {
    Bench bench("");
    // Stacks of threads that have ended are kept for the next ones: these take them all.
    std::promise<void> leave;
    const auto left = leave.get_future().share();
    std::vector<std::thread> others;
    for (int i = 0; i < 16; ++i)
        others.emplace_back([left] { left.wait(); });
    rlimit before{};
    ::getrlimit(RLIMIT_AS, &before);
    const auto arguments = bench.spec.arguments;
    bench.spec.arguments = [&](std::int64_t tokens, bool without_gpu, int port) {
        std::ifstream in("/proc/self/statm");
        rlim_t pages = 0;
        in >> pages;
        const rlimit tight{pages * static_cast<rlim_t>(::getpagesize()) + 4'000'000,
                           before.rlim_max};
        ::setrlimit(RLIMIT_AS, &tight);
        return arguments(tokens, without_gpu, port);
    };
    auto supervisor = std::make_unique<Supervisor>(bench.spec);
    supervisor->start();
    const auto result = supervisor->wait_started({});
    ::setrlimit(RLIMIT_AS, &before);
    leave.set_value();
    for (auto& other : others)
        other.join();
    REQUIRE(std::holds_alternative<Error>(result));
    auto stopped = std::async(std::launch::async, [&] { supervisor->stop(1s); });
    const bool ended = stopped.wait_for(10s) == std::future_status::ready;
    CHECK(ended);
    if (!ended) std::_Exit(1); // it would be waited for without end
}

TEST_CASE("supervisor: a port that can never be bound is no race", "[supervisor]") {
    Bench bench("--couldnt-bind");
    Supervisor supervisor(bench.spec);
    supervisor.start();
    const auto end = Clock::now() + 10s;
    const auto result = supervisor.wait_started([&] { return Clock::now() > end; });
    REQUIRE(std::holds_alternative<Error>(result));
    CHECK(std::get<Error>(result).fault() == Fault::busy);
    CHECK(std::string(std::get<Error>(result).what()).find("couldn't bind HTTP server socket") !=
          std::string::npos);
    CHECK(bench.history().size() == 3);
}

TEST_CASE("supervisor: two models that run out of memory at one time", "[supervisor]") {
    Bench bench("--load-ms 500", 2048);
    const auto placed = bench.scratch / "placed";
    bench.spec.environment.back() += " --device-full-without " + placed.string();
    FixedSetups setups({{"tiny", {2048, {}}}, {"heavy", {2048, {}}}});
    for (const char* model : {"tiny", "heavy"})
        setups.lower[model] = {{2048, k_half}};
    setups.on_set = [&](const memory::Setup& setup) {
        if (setup.placement == k_half) std::ofstream(placed) << "x";
    };
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    const auto serving = started(supervisor);
    const auto failed = chat(serving, "tiny"); // reported while the other one is being proved
    REQUIRE(failed.status == 500);
    auto first = std::async(std::launch::async, [&] { return ask(supervisor, "heavy"); });
    REQUIRE(comes_true([&] { return supervisor.current().oom_steps == 1; }));
    const auto tiny =
        supervisor.report({serving.generation, "tiny", failed.status, failed.body}, {});
    CHECK(std::holds_alternative<Replay>(tiny));
    CHECK(first.get().status == 200);
    CHECK(setups.all_held() == FixedSetups::Held{{"heavy", 2048}, {"tiny", 2048}});
}

TEST_CASE("supervisor: a long proof keeps nobody from being asked", "[supervisor]") {
    Bench bench("--load-ms 1000", 2048);
    bench.spec.environment.back() += " --device-full-without " + (bench.scratch / "no").string();
    bench.spec.limits.health_every = 50ms;
    bench.spec.limits.health_answer = 100ms;
    bench.spec.limits.hung_after = 300ms;
    FixedSetups setups({{"heavy", {2048, {}}}});
    setups.lower["heavy"] = {{2048, k_half}};
    bench.spec.setups = &setups;
    Supervisor supervisor(bench.spec);
    const auto before = started(supervisor);
    auto asking = std::async(std::launch::async, [&] { return ask(supervisor, "heavy"); });
    // It stands still while the model is proved: that is seen before the proof is given up.
    CHECK(comes_true([&] { return bench.history().size() >= 3; }));
    ::kill(static_cast<pid_t>(before.pid), SIGSTOP);
    CHECK(comes_true([&] { return supervisor.current().restarts == 1; }, 15s));
    ::kill(static_cast<pid_t>(before.pid), SIGCONT);
    (void)asking.get();
}

TEST_CASE("supervisor: stopping takes the grace that it was given", "[supervisor]") {
    Bench bench("--ignore-term");
    bench.spec.limits.stop_grace = 100ms;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    const auto began = Clock::now();
    supervisor.stop();
    CHECK(Clock::now() - began < 5s);
}

#ifdef __linux__
TEST_CASE("supervisor: a GPU that is lost is found again by another process", "[supervisor]") {
    Scratch scratch;
    const auto* late = GENERATE("0", "20"); // its words come by another way than its answer
    Bench bench("--lost-device --late-words " + std::string(late) + " --once " +
                (scratch / "once").string());
    std::vector<std::string> said;
    bench.spec.notice = [&](const std::string& sentence) { said.push_back(sentence); };
    Supervisor supervisor(bench.spec);
    const auto first = started(supervisor);
    CHECK(ask(supervisor, "tiny").status == 200);
    const auto now = supervisor.current();
    CHECK(now.generation == first.generation + 1);
    CHECK(now.context == 32768);
    CHECK(now.oom_steps == 0);
    supervisor.stop(5s);
    REQUIRE(said.size() == 1);
    CHECK(said.front().find("ErrorDeviceLost") != std::string::npos);
}

TEST_CASE("supervisor: a GPU that stays lost is told to the client", "[supervisor]") {
    Bench bench("--lost-device");
    Supervisor supervisor(bench.spec);
    const auto serving = started(supervisor);
    const auto answer = chat(serving, "tiny");
    REQUIRE(answer.status == 500);
    Failure failure{serving.generation, "tiny", answer.status, answer.body};
    failure.stage = Failure::Stage::again;
    const auto verdict = supervisor.report(failure, {});
    REQUIRE(std::holds_alternative<GiveUp>(verdict));
    CHECK(std::get<GiveUp>(verdict).message.find("ErrorDeviceLost") != std::string::npos);
    CHECK(comes_true([&] { return supervisor.current().generation > serving.generation; }));
}

TEST_CASE("supervisor: memory that is not yet free is waited for, and nothing steps",
          "[supervisor]") {
    Bench bench("--no-free-memory 1");
    std::atomic<int> looks = 0;
    bench.spec.has_free_memory = [&] { return ++looks > 2; };
    bench.spec.limits.free_memory_every = 20ms;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(supervisor.current().context == 32768);
    CHECK(looks == 3);
    supervisor.stop(5s);
    CHECK(bench.history() == std::vector<std::string>{"start 32768", "load heavy 32768",
                                                      "start 32768", "load heavy 32768"});
}

TEST_CASE("supervisor: memory that never comes free is not waited for without end",
          "[supervisor]") {
    Bench bench("--no-free-memory 2");
    bench.spec.has_free_memory = [] { return false; };
    bench.spec.limits.free_memory = 200ms;
    bench.spec.limits.free_memory_every = 20ms;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(ask(supervisor, "heavy").status == 200);
    CHECK(supervisor.current().context == 24576);
    supervisor.stop(5s);
    CHECK(bench.history() == std::vector<std::string>{"start 32768", "load heavy 32768",
                                                      "start 32768", "load heavy 32768",
                                                      "start 24576", "load heavy 24576"});
}

TEST_CASE("supervisor: a crash is told by the process's own last error", "[supervisor]") {
    Bench bench("--crash tiny --last-words");
    Supervisor supervisor(bench.spec);
    const auto serving = started(supervisor);
    const auto answer = chat(serving, "tiny");
    Failure failure{serving.generation, "tiny", answer.status, answer.body};
    CHECK(std::holds_alternative<Replay>(supervisor.report(failure, {})));
    for (const auto stage : {Failure::Stage::again, Failure::Stage::begun}) {
        const auto second = chat(serving, "tiny");
        failure.body = second.body;
        failure.stage = stage;
        const auto verdict = supervisor.report(failure, {});
        REQUIRE(std::holds_alternative<GiveUp>(verdict));
        const auto& message = std::get<GiveUp>(verdict).message;
        INFO(message);
        CHECK(message.find("CUDA error: an illegal memory access") != std::string::npos);
        CHECK((message.find("in the middle") != std::string::npos) ==
              (stage == Failure::Stage::begun));
    }
}

TEST_CASE("supervisor: a GPU that was asked for and is not used is told", "[supervisor]") {
    const bool asked = GENERATE(true, false);
    Scratch scratch;
    std::ofstream(scratch / "lines") << "ggml_vulkan: No devices found.\n";
    Bench bench("--print " + (scratch / "lines").string());
    bench.spec.uses_gpu = asked;
    Supervisor supervisor(bench.spec);
    (void)started(supervisor);
    CHECK(chat(supervisor.current(), "tiny").status == 200);
    CHECK(supervisor.current().gpu_unused == (asked ? "ggml_vulkan: No devices found." : ""));
}

TEST_CASE("process info: only the kills of our own control group are ours", "[process_info]") {
    const Scratch root;
    const auto write = [&](const std::string& name, const char* text) {
        std::filesystem::create_directories((root / name).parent_path());
        std::ofstream(root / name) << text;
    };
    write("proc/vmstat", "pgfault 1\noom_kill 9\n");
    write("proc/meminfo", "MemTotal: 1000 kB\nSwapTotal: 0 kB\n");
    CHECK_FALSE(system::memory_kills(root.path()));
    CHECK(system::memory_ceiling(root.path()) == 1'024'000);
    write("proc/self/cgroup", "0::/user.slice/app.scope\n");
    write("sys/fs/cgroup/user.slice/memory.events", "oom 9\noom_kill 9\n");
    write("sys/fs/cgroup/user.slice/memory.max", "500000\n");
    write("sys/fs/cgroup/user.slice/app.scope/memory.events",
          "oom 1\noom_kill 2\noom_group_kill 0\n");
    write("sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n");
    CHECK(system::memory_kills(root.path()) == 2);
    CHECK(system::memory_ceiling(root.path()) == 500'000);
}
#endif
