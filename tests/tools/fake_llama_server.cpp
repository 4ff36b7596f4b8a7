// A llama-server for tests: enough of router mode to be supervised and proxied, and it misbehaves
// on demand. Flags come after llama-server's own on the command line, or in the environment
// variable FAKE_LLAMA, separated by spaces:
//
//   --oom-above N             a model does not load with more context than N; says so as CPU builds
//   do
//   --silent-above N          ... dies without a word
//   --oom-at-use-above N      loads, and runs out of memory at the first request (CUDA's words)
//   --corrupt NAME            this model's file is none
//   --crash NAME              this model's process dies at every request, for no reason
//   --load-ms N               how long a load takes
//   --ready-after MS          binds its port later
//   --never-ready             never binds
//   --couldnt-bind            says so and ends, as with a taken port
//   --exit-after MS           ends with status 3
//   --exit-on-chat            ends with status 3 when it is asked something
//   --ignore-term             only KILL ends it
//   --stubborn-model          the models' processes outlive the end of the router and TERM
//   --grandchild-holds-pipe   a process in a session of its own keeps stdout open
//   --not-router              /props without a role
//   --print FILE              writes the file to stdout at the start
//   --hang-mid-stream         a streamed answer stops after its second event
//   --term-model              the model's process says that it ends, when it is asked something,
//   and stays
//   --cannot-spawn            no process can be started: tried for ever, and never answered
//   --dies-loaded             the model's process dies when it has loaded; the load failed, says
//   the router
//   --no-free-memory N        the first N loads find a device without free memory (llama.cpp
//   #27717)
//   --lost-device             from the first request on the GPU is lost for this process
//   --late-words MS           ... and says so only when the answer is out
//   --last-words              what dies says why before (an illegal memory access)
//   --deaf-model              the model's process takes connections and answers none
//   --quotes                  a request with "quote" is answered 500, which quotes it, and logged,
//   as the real server does ("got exception: ..."); one that is no JSON is answered 400 in the same
//   way
//   --once FILE               the three before: only where FILE is not there yet
//   --context-file FILE       the context is read from there at /models?reload=1, as from a preset
//   --device-full-without FILE  a model does not fit the GPU (Vulkan's words) unless FILE was there
//   at
//                             the start or at the last /models?reload=1, as what a preset says
//   --only NAME               --oom-above is for this model
//   --count FILE              appends one line for each start and each load
//
// As a build that is installed: --version tells the number in the file build.txt beside it, and
// --list-devices no device. The same program takes the guard role for the tests.
#include "fake_process.hpp"
#include "odysseus/system/guard.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <httplib.h>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using nlohmann::json;
using odysseus::testing::end_now;
using odysseus::testing::WaitingProcess;
using Milliseconds = std::chrono::milliseconds;

struct Flags {
    std::map<std::string, std::string> values;
    std::set<std::string> switches;

    [[nodiscard]] bool has(const std::string& name) const { return switches.count(name) != 0; }
    [[nodiscard]] std::string text(const std::string& name) const {
        const auto found = values.find(name);
        return found == values.end() ? std::string() : found->second;
    }
    [[nodiscard]] long number(const std::string& name, long otherwise) const {
        const auto value = text(name);
        return value.empty() ? otherwise : std::strtol(value.c_str(), nullptr, 10);
    }
};

Flags read_flags(int argc, char** argv) {
    static const std::set<std::string> k_switches = {
        "--never-ready",    "--couldnt-bind",          "--exit-on-chat", "--ignore-term",
        "--stubborn-model", "--grandchild-holds-pipe", "--not-router",   "--hang-mid-stream",
        "--kv-unified",     "--model-process",         "--term-model",   "--dies-loaded",
        "--deaf-model",     "--cannot-spawn",          "--quotes",       "--lost-device",
        "--last-words"};
    std::vector<std::string> words(argv + 1, argv + argc);
    if (const char* more = std::getenv("FAKE_LLAMA")) {
        std::istringstream in(more);
        for (std::string word; in >> word;)
            words.push_back(word);
    }
    Flags flags;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (k_switches.count(words[i]) != 0) {
            flags.switches.insert(words[i]);
        } else if (i + 1 < words.size()) {
            flags.values[words[i]] = words[i + 1];
            ++i;
        }
    }
    return flags;
}

class Router {
  public:
    explicit Router(Flags flags) : m_flags(std::move(flags)) {
        m_port = static_cast<int>(m_flags.number("--port", 9931));
        m_context = m_flags.number("--ctx-size", 4096);
        m_key = std::getenv("LLAMA_API_KEY") != nullptr ? std::getenv("LLAMA_API_KEY") : "";
    }

    int run();
    void quit() {
        m_server.stop();
        unload();
    }

  private:
    void routes();
    void count(const std::string& what) const {
        const auto file = m_flags.text("--count");
        if (!file.empty()) std::ofstream(file, std::ios::app) << what << std::endl;
    }
    // The router's own line, on stderr.
    static void say(const std::string& text) {
        std::fprintf(stderr, "0.00.100.000 I srv  %s\n", text.c_str());
        std::fflush(stderr);
    }
    static void complain(const std::string& text) {
        std::fprintf(stderr, "0.00.100.000 %s\n", text.c_str());
        std::fflush(stderr);
    }
    // A model's line, as the router passes it on.
    void model_says(char level, const std::string& text) const {
        std::printf("[%5d] 0.00.050.000 %c %s\n", m_model_port, level, text.c_str());
        std::fflush(stdout);
    }
    // Over all starts, by the file of --count.
    [[nodiscard]] long loads_so_far() const {
        long loads = 0;
        std::ifstream in(m_flags.text("--count"));
        for (std::string line; std::getline(in, line);)
            loads += line.starts_with("load ") ? 1 : 0;
        return loads;
    }
    void read_preset() {
        const auto file = m_flags.text("--device-full-without");
        m_device_full = !file.empty() && !std::ifstream(file).good();
    }
    void unload();
    void spawn_model(const std::string& name);
    void model_ended(int status);
    bool load(const std::string& name, httplib::Response& response);
    void fail_of_memory() const;
    void fail_of_device_memory() const;
    void answer(const httplib::Request& request, httplib::Response& response);
    void stream(httplib::Response& response) const;
    bool is_due(const std::string& misbehaviour) const;
    void spawn_in_vain(const httplib::Request& request, const std::string& name) const;

    Flags m_flags;
    int m_port;
    long m_context;
    bool m_device_full = false;
    std::string m_key;
    httplib::Server m_server;
    std::mutex m_loading;
    std::string m_model;
    int m_model_port = 40000;
    bool m_lost = false;
    std::unique_ptr<WaitingProcess> m_process;
};

void send_error(httplib::Response& response, int status, const std::string& message,
                const std::string& type = "server_error") {
    response.status = status;
    response.set_content(
        json{{"error", {{"code", status}, {"message", message}, {"type", type}}}}.dump(),
        "application/json; charset=utf-8");
}

void Router::spawn_model(const std::string& name) {
    ++m_model_port;
    say("        load: spawning server instance with name=" + name + " on port " +
        std::to_string(m_model_port));
    count("load " + name + " " + std::to_string(m_context));
    m_process = std::make_unique<WaitingProcess>(m_flags.has("--stubborn-model"));
    m_model = name;
    model_says('I', "srv  llama_server: initializing ...");
    model_says('I', "srv    load_model: loading model 'models/" + name + ".gguf'");
}

void Router::model_ended(int status) {
    const auto name = m_model;
    m_process.reset();
    m_model.clear();
    say("         run: instance name=" + name + " exited with status " + std::to_string(status));
}

void Router::unload() {
    const std::lock_guard lock(m_loading);
    if (!m_process || m_flags.has("--stubborn-model")) return;
    model_ended(0);
}

// The real lines of a CPU build (tests/data/llama-logs).
void Router::fail_of_memory() const {
    const auto bytes = std::to_string(m_context * 131072);
    model_says('E', "ggml_aligned_malloc: insufficient memory (attempted to allocate " +
                        std::to_string(m_context / 8) + ".00 MB)");
    model_says('E',
               "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size " +
                   bytes);
    model_says('E', "llama_init_from_model: failed to initialize the context: failed to allocate "
                    "buffer for kv cache");
    model_says('E', "srv  llama_server: exiting due to model loading error");
}

// The real lines of a Vulkan build.
void Router::fail_of_device_memory() const {
    model_says('E', "ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory");
    model_says('E', "alloc_tensor_range: failed to allocate Vulkan0 buffer of size 268945408");
    model_says('E', "llama_model_load: error loading model: unable to allocate Vulkan0 buffer");
    model_says('E', "srv  llama_server: exiting due to model loading error");
}

bool Router::load(const std::string& name, httplib::Response& response) {
    const std::lock_guard lock(m_loading);
    if (m_model == name) return true;
    if (m_process) model_ended(0);
    spawn_model(name);
    std::this_thread::sleep_for(Milliseconds(m_flags.number("--load-ms", 0)));
    const long refused = m_flags.number("--no-free-memory", 0);
    if (refused > 0 && loads_so_far() <= refused) {
        model_says('E', "llama_model_load: error loading model: vector::_M_range_check: __n (which "
                        "is 1) >= this->size() (which is 1)");
        model_says('E', "llama_model_load_from_file_impl: failed to load model");
        model_says('E', "srv  llama_server: exiting due to model loading error");
        model_ended(1);
        send_error(response, 500, "model name=" + name + " failed to load");
        return false;
    }
    const auto only = m_flags.text("--only");
    const bool spared = !only.empty() && only != name;
    const long most = spared ? m_context : m_flags.number("--oom-above", m_context);
    const long silent = m_flags.number("--silent-above", m_context);
    const bool corrupt = m_flags.text("--corrupt") == name;
    if (m_context > most || m_context > silent || corrupt || m_device_full) {
        if (corrupt) {
            model_says('E', "gguf_init_from_reader: invalid magic characters: '\?\?\?\?', expected "
                            "'GGUF'");
            model_says('E', "srv  llama_server: exiting due to model loading error");
        } else if (m_context > most) {
            fail_of_memory();
        } else if (m_device_full) {
            fail_of_device_memory();
        }
        model_ended(1);
        send_error(response, 500, "model name=" + name + " failed to load");
        return false;
    }
    model_says('I', "srv  llama_server: model loaded");
    if (m_flags.has("--deaf-model")) odysseus::testing::listen_deaf(m_model_port);
    if (is_due("--dies-loaded")) {
        model_ended(1);
        send_error(response, 500, "model name=" + name + " failed to load");
        return false;
    }
    return true;
}

void Router::stream(httplib::Response& response) const {
    const bool hang = m_flags.has("--hang-mid-stream");
    response.set_chunked_content_provider(
        "text/event-stream", [hang](std::size_t, httplib::DataSink& sink) {
            for (int i = 0; i < 5; ++i) {
                const auto event = "data: {\"choices\":[{\"finish_reason\":" +
                                   std::string(i == 4 ? "\"stop\"" : "null") +
                                   ",\"delta\":{\"content\":\"" + std::to_string(i) + "\"}}]}\n\n";
                if (!sink.write(event.data(), event.size())) return false;
                while (hang && i == 1 && sink.is_writable()) {
                    std::this_thread::sleep_for(Milliseconds(5));
                }
                std::this_thread::sleep_for(Milliseconds(1));
            }
            const std::string last = "data: [DONE]\n\n";
            sink.write(last.data(), last.size());
            sink.done();
            return true;
        });
}

bool Router::is_due(const std::string& misbehaviour) const {
    if (!m_flags.has(misbehaviour)) return false;
    const auto file = m_flags.text("--once");
    if (file.empty()) return true;
    if (std::ifstream(file)) return false;
    std::ofstream(file) << "done";
    return true;
}

// The real lines of b11669, which come without a pause.
void Router::spawn_in_vain(const httplib::Request& request, const std::string& name) const {
    while (!request.is_connection_closed()) {
        say("        load: spawning server instance with name=" + name + " on port 45961");
        say("ensure_model: queued load of name=" + name +
            " did not go through: failed to spawn server instance");
        say("ensure_model: slot available, loading queued model name=" + name);
    }
}

void Router::answer(const httplib::Request& request, httplib::Response& response) {
    const auto body = json::parse(request.body, nullptr, false);
    if (m_flags.has("--quotes") && body.is_discarded()) {
        send_error(response, 400, "parse error near: " + request.body, "invalid_request_error");
        complain("W srv    operator(): got exception: " + response.body);
        return;
    }
    if (!body.is_object() || !body.contains("model")) {
        return send_error(response, 400, "model name is missing from the request",
                          "invalid_request_error");
    }
    if (m_flags.has("--exit-on-chat")) end_now(3);
    const auto name = body["model"].get<std::string>();
    if (name == "nope") {
        return send_error(response, 400, "model 'nope' not found", "invalid_request_error");
    }
    if (is_due("--cannot-spawn")) return spawn_in_vain(request, name);
    if (!load(name, response)) return;
    if (is_due("--term-model")) {
        model_says('I', "srv    operator(): operator(): cleaning up before exit...");
        while (!request.is_connection_closed())
            std::this_thread::sleep_for(Milliseconds(5));
        return;
    }
    m_lost = m_lost || is_due("--lost-device");
    if (m_lost) {
        const auto late = Milliseconds(m_flags.number("--late-words", 0));
        std::thread([this, late] {
            std::this_thread::sleep_for(late);
            model_says('E', "ggml_vulkan: vk::Queue::submit: ErrorDeviceLost");
        }).detach();
        return send_error(response, 500, "Invalid input batch.");
    }
    const bool of_memory = m_context > m_flags.number("--oom-at-use-above", m_context);
    if (of_memory || m_flags.text("--crash") == name) {
        const std::lock_guard lock(m_loading);
        if (of_memory) model_says('E', "CUDA error: out of memory");
        if (m_flags.has("--last-words")) {
            model_says('E', "CUDA error: an illegal memory access was encountered");
            model_says('E', "  current device: 0, in function ggml_cuda_op at ggml-cuda.cu:1");
        }
        if (m_process) model_ended(1);
        response.status = 500;
        response.set_content("proxy error: Failed to read connection", "application/json");
        return;
    }
    if (m_flags.has("--quotes") && body.contains("quote")) {
        send_error(response, 500, "Failed to parse tools: " + body["quote"].get<std::string>());
        model_says('W', "srv    operator(): got exception: " + response.body);
        complain("W srv    operator(): got exception: " + response.body);
        return;
    }
    if (body.value("stream", false)) return stream(response);
    response.set_content(json{{"model", name},
                              {"context", m_context},
                              {"choices", {{{"message", {{"content", "hello"}}}}}}}
                             .dump(),
                         "application/json; charset=utf-8");
}

void Router::routes() {
    m_server.set_pre_routing_handler([this](const auto& request, auto& response) {
        const bool open = request.path == "/health" || request.path == "/models";
        if (m_key.empty() || open ||
            request.get_header_value("Authorization") == "Bearer " + m_key) {
            return httplib::Server::HandlerResponse::Unhandled;
        }
        send_error(response, 401, "Invalid API Key", "authentication_error");
        return httplib::Server::HandlerResponse::Handled;
    });
    m_server.Get("/health", [](const auto&, auto& response) {
        response.set_content("{\"status\":\"ok\"}", "application/json");
    });
    m_server.Get("/props", [this](const auto&, auto& response) {
        json props = {{"build_info", "b1-fake"}, {"models_autoload", true}};
        if (!m_flags.has("--not-router")) props["role"] = "router";
        response.set_content(props.dump(), "application/json");
    });
    const auto models = [this](const auto& request, auto& response) {
        if (request.has_param("reload")) {
            const std::lock_guard lock(m_loading);
            read_preset();
        }
        json list = json::array();
        for (const char* name : {"tiny", "heavy"}) {
            list.push_back({{"id", name},
                            {"object", "model"},
                            {"status", {{"value", m_model == name ? "loaded" : "unloaded"}}}});
        }
        response.set_content(json{{"object", "list"}, {"data", list}}.dump(), "application/json");
    };
    m_server.Get("/models", models);
    m_server.Get("/v1/models", models);
    const auto ask = [this](const auto& request, auto& response) { answer(request, response); };
    m_server.Post("/v1/chat/completions", ask);
    m_server.Post("/v1/completions", ask);
    m_server.Post("/completion", ask);
}

int Router::run() {
    count("start " + std::to_string(m_context));
    read_preset();
    if (const auto file = m_flags.text("--print"); !file.empty()) {
        std::ifstream in(file, std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        std::fwrite(text.str().data(), 1, text.str().size(), stdout);
        std::fflush(stdout);
    }
    if (m_flags.has("--grandchild-holds-pipe")) odysseus::testing::leave_a_grandchild();
    if (const long after = m_flags.number("--exit-after", -1); after >= 0) {
        std::thread([after] {
            std::this_thread::sleep_for(Milliseconds(after));
            end_now(3);
        }).detach();
    }
    std::this_thread::sleep_for(Milliseconds(m_flags.number("--ready-after", 0)));
    while (m_flags.has("--never-ready"))
        std::this_thread::sleep_for(Milliseconds(100));
    routes();
    m_server.set_tcp_nodelay(true);
    m_server.set_socket_options([](socket_t socket) { // as llama-server does
        const int yes = 1;
        ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<const char*>(&yes),
                     sizeof yes);
    });
    m_server.set_keep_alive_timeout(1);
    if (m_flags.has("--couldnt-bind") || !m_server.bind_to_port("127.0.0.1", m_port)) {
        say("llama_server: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: " +
            std::to_string(m_port));
        return 1;
    }
    std::thread([this] {
        m_server.wait_until_ready();
        say("llama_server: listening on http://127.0.0.1:" + std::to_string(m_port));
    }).detach();
    m_server.listen_after_bind();
    unload();
    return 0;
}

// What an installer asks.
std::optional<int> installer_main(int argc, char** argv) {
    const std::string question = argc > 1 ? argv[1] : "";
    if (question == "--list-devices") {
        std::puts("Available devices:");
        return 0;
    }
    if (question != "--version") return std::nullopt;
    std::string number = "1";
    std::ifstream(std::filesystem::path(argv[0]).parent_path() / "build.txt") >> number;
    std::fprintf(stderr, "version: 0.5.0 (build %s, commit abc)\n", number.c_str());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (const auto code = odysseus::system::guard_main(argc, argv)) return *code;
    if (const auto code = odysseus::testing::waiting_process_main(argc, argv)) return *code;
    if (const auto code = installer_main(argc, argv)) return *code;
    const auto flags = read_flags(argc, argv);
    Router router(flags);
    odysseus::testing::on_stop([&] {
        if (!flags.has("--ignore-term")) router.quit();
    });
    const int code = router.run();
    std::fflush(nullptr);
    end_now(code); // the waiting threads are detached
}
