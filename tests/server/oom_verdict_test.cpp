#include "odysseus/server/oom_verdict.hpp"
#include "server/line_splitter.hpp"

#include "odysseus/base/text.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>

using namespace odysseus;
using namespace odysseus::server;

namespace {

// What the router really answers when a load fails, whatever the reason (b11669).
std::string load_failed(const std::string& model) {
    return R"({"error":{"code":500,"message":"model name=)" + model +
           R"( failed to load","type":"server_error"}})";
}
constexpr const char* k_broken = "proxy error: Failed to read connection";

std::string file_text(const std::string& name) {
    std::ifstream in(std::string(ODYSSEUS_TEST_DATA) + "/llama-logs/" + name, std::ios::binary);
    REQUIRE(in);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void feed(ModelProcesses& book, const std::string& text) {
    LineSplitter splitter;
    for (const auto& line : splitter.feed(text))
        book.note(classify(line));
}

ModelProcesses book_of(const std::string& text) {
    ModelProcesses book;
    feed(book, text);
    return book;
}

OomVerdict judged(const ModelProcesses& book, int status, const std::string& body,
                  const std::string& model) {
    Symptoms symptoms;
    symptoms.status = status;
    symptoms.body = body;
    symptoms.model = model;
    symptoms.process = book.newest(model);
    return judge(symptoms);
}

const std::string k_spawn = "0.0.0.0 I srv load: spawning server instance with name=m on port 7\n";
const std::string k_end = "0.0.0.0 I srv run: instance name=m exited with status 1\n";

} // namespace

TEST_CASE("verdict: real failures of memory", "[verdict]") {
    struct Row {
        const char* file;
        std::int64_t bytes;
        int status = 500;
    };
    for (const auto& row : std::vector<Row>{{"b11669-kv-buffer.log", 1073741824},
                                            {"b11669-compute-buffer.log", 17451040},
                                            {"b11669-assert-silent-size.log", 0},
                                            {"b11669-assert-with-size.log", 47070576},
                                            {"b11669-assert-node-allocs.log", 0}}) {
        INFO(row.file);
        const auto verdict =
            judged(book_of(file_text(row.file)), row.status, load_failed("heavy"), "heavy");
        REQUIRE(std::holds_alternative<OutOfMemory>(verdict));
        const auto bytes = std::get<OutOfMemory>(verdict).bytes.value_or(0);
        // "44.89 MB" is rounded to two digits.
        CHECK(std::abs(bytes - row.bytes) < 10'000);
    }
}

TEST_CASE("verdict: the two streams of a router, in any order", "[verdict]") {
    const auto out = file_text("b11669-router-oom.stdout.log");
    const auto err = file_text("b11669-router-oom.stderr.log");
    for (const auto& book : {book_of(out + err), book_of(err + out)}) {
        CHECK(std::holds_alternative<OtherCause>(judged(book, 0, "", "tiny")));
        if (book.newest("heavy") == nullptr) continue;
        CHECK(book.newest("heavy")->exit_status == 1);
    }
    // As the pump feeds them: a model's lines before the router's of the same moment.
    const auto verdict = judged(book_of(out + err), 500, load_failed("heavy"), "heavy");
    REQUIRE(std::holds_alternative<OutOfMemory>(verdict));
    CHECK(std::get<OutOfMemory>(verdict).bytes == 4294967296);
    CHECK(std::get<OutOfMemory>(verdict).device == "CPU");
}

TEST_CASE("verdict: threads that could not be made are a suspicion", "[verdict]") {
    for (const char* file : {"b11669-thread-at-load.log", "b11669-libgomp-thread.log"}) {
        INFO(file);
        CHECK(std::holds_alternative<Suspicion>(
            judged(book_of(file_text(file)), 500, load_failed("heavy"), "heavy")));
    }
    // The same after "model loaded", during the request: the connection broke.
    CHECK(std::holds_alternative<Suspicion>(
        judged(book_of(file_text("b11669-thread-after-load.log")), 500, k_broken, "heavy")));
}

TEST_CASE("verdict: real failures that are not memory", "[verdict]") {
    for (const auto& [file, model, word] : std::vector<std::array<std::string, 3>>{
             {{"b11669-corrupt.log", "corrupt", "invalid magic"}},
             {{"b11669-cut.log", "cut", "not within the file bounds"}},
             {{"b11669-strange.log", "strange", "unknown model architecture"}}}) {
        INFO(file);
        const auto verdict = judged(book_of(file_text(file)), 500, load_failed(model), model);
        REQUIRE(std::holds_alternative<OtherCause>(verdict));
        CHECK(std::get<OtherCause>(verdict).reason.find(word) != std::string::npos);
    }
}

TEST_CASE("verdict: the documented words in a 5xx answer are a suspicion", "[verdict]") {
    const auto ended = book_of(k_spawn + "[7] 0.0.0.0 I srv llama_server: model loaded\n" + k_end);
    for (const char* body : {"out of memory", "CUDA error 2", "Failed to allocate",
                             "failed to create context", "failed to initialize the context: x"}) {
        INFO(body);
        CHECK(speaks_of_memory(500, body, "m"));
        CHECK(std::holds_alternative<OtherCause>(judged(ModelProcesses(), 500, body, "m")));
        CHECK(std::holds_alternative<OutOfMemory>(judged(ended, 500, body, "m")));
        CHECK(std::holds_alternative<OutOfMemory>(judged(ended, 503, body, "m")));
        CHECK(std::holds_alternative<OtherCause>(judged(ended, 400, body, "m"))); // not 5xx
        CHECK(std::holds_alternative<OtherCause>(judged(ended, 0, body, "m")));
    }
    CHECK(std::holds_alternative<OtherCause>(judged(ended, 500, "parse error at line 1", "m")));
}

TEST_CASE("verdict: a model's name is no evidence", "[verdict]") {
    const ModelProcesses nothing;
    for (const char* name : {"cuda-7b", "My-CUDA-model", "out of memory", "failed to allocate"}) {
        INFO(name);
        CHECK(std::holds_alternative<OtherCause>(judged(nothing, 500, load_failed(name), name)));
        // Whatever name was asked for: the router echoes its own.
        CHECK(std::holds_alternative<OtherCause>(
            judged(nothing, 500, load_failed(name), "an-alias")));
    }
    for (const char* name : {"cuda-7b", "My-CUDA-model", "out of memory", "failed to allocate"})
        CHECK_FALSE(speaks_of_memory(500, load_failed(name), "an-alias"));
    // And still found beside the name.
    CHECK(speaks_of_memory(500, "model cuda-7b: CUDA error: out of memory", "cuda-7b"));
}

TEST_CASE("verdict: memory that was refused and done without", "[verdict]") {
    // Pinned memory failed, the load went on and failed for another reason.
    const auto book = book_of(
        k_spawn +
        "[7] 0.0.0.0 W ggml_cuda_host_malloc: failed to allocate 9.00 MiB of pinned memory: out of "
        "memory\n[7] 0.0.0.0 E llama_model_load: error loading model: unknown model architecture: "
        "'x'\n" +
        k_end);
    CHECK(std::holds_alternative<OtherCause>(judged(book, 500, load_failed("m"), "m")));
    // The dry run complained; the load itself found no file.
    const auto dry =
        book_of(k_spawn +
                "[7] 0.0.0.0 E alloc: failed to allocate CUDA0 buffer of size 5\n"
                "[7] 0.0.0.0 W common_fit_params: failed to fit params to free device memory: x\n"
                "[7] 0.0.0.0 E gguf_init_from_file: failed to open GGUF file 'x'\n" +
                k_end);
    CHECK(std::holds_alternative<OtherCause>(judged(dry, 500, load_failed("m"), "m")));
    // A refused allocation on the way to "model loaded" is no reason for a later crash.
    const auto later = book_of(k_spawn +
                               "[7] 0.0.0.0 E alloc: failed to allocate CUDA0 buffer of size 5\n"
                               "[7] 0.0.0.0 I srv llama_server: model loaded\n" +
                               k_end);
    CHECK(std::holds_alternative<OtherCause>(judged(later, 500, k_broken, "m")));
}

TEST_CASE("verdict: after the load", "[verdict]") {
    const std::string loaded = k_spawn + "[7] 0.0.0.0 I srv llama_server: model loaded\n";
    // CUDA aborts the process.
    CHECK(std::holds_alternative<OutOfMemory>(
        judged(book_of(loaded + "[7] 0.0.0.0 E CUDA error: out of memory\n" + k_end), 500, k_broken,
               "m")));
    // Metal keeps it, and every answer is an error (llama.cpp#27309).
    const auto metal = book_of(loaded + "[7] ggml_metal: error: Insufficient Memory "
                                        "(00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)\n");
    CHECK(std::holds_alternative<OutOfMemory>(judged(metal, 500, "Compute error.", "m")));
    CHECK(std::holds_alternative<OtherCause>(judged(metal, 400, "bad request", "m")));
    // A crash without a word, after the load: not memory, as far as anyone can tell.
    CHECK(std::holds_alternative<OtherCause>(judged(book_of(loaded + k_end), 500, k_broken, "m")));
}

TEST_CASE("verdict: silence", "[verdict]") {
    const auto silent =
        book_of(k_spawn + "[7] 0.0.0.0 I srv load_model: loading model 'x'\n" + k_end);
    CHECK(std::holds_alternative<Suspicion>(judged(silent, 500, load_failed("m"), "m")));
    // The kernel's own count of kills for want of memory settles it.
    Symptoms symptoms;
    symptoms.status = 500;
    const auto body = load_failed("m");
    symptoms.body = body;
    symptoms.model = "m";
    symptoms.process = silent.newest("m");
    symptoms.killed_for_memory = true;
    CHECK(std::holds_alternative<OutOfMemory>(judge(symptoms)));
    // A load that failed with a reason that we do not know is no suspicion.
    const auto reason = book_of(
        k_spawn + "[7] 0.0.0.0 E srv llama_server: exiting due to model loading error\n" + k_end);
    CHECK(std::holds_alternative<OtherCause>(judged(reason, 500, load_failed("m"), "m")));
}

TEST_CASE("a death after the load is a crash, and no failure to load", "[verdict]") {
    const std::string loaded = "[7] 0.0.0.0 I srv llama_server: model loaded\n";
    const std::string aborted = "[7] ggml.c:1: GGML_ASSERT(a == b) failed\n";
    const auto crashed = [&](const std::string& text) {
        const auto verdict = judged(book_of(k_spawn + text + k_end), 500, load_failed("m"), "m");
        return std::get<OtherCause>(verdict).crash;
    };
    CHECK(crashed(loaded));
    CHECK(crashed(loaded + aborted));
    CHECK_FALSE(crashed(aborted));
}

TEST_CASE("process book: ports are used again, processes are not mixed up", "[verdict]") {
    ModelProcesses book;
    feed(book, k_spawn + "[7] 0.0.0.0 E alloc: failed to allocate CPU buffer of size 5\n" + k_end);
    CHECK(book.ends("m") == 1);
    feed(book,
         "[7] 0.0.0.0 I srv load_model: loading model 'x'\n" + k_spawn); // the other stream first
    REQUIRE(book.newest("m") != nullptr);
    CHECK_FALSE(book.newest("m")->exit_status);
    CHECK(book.newest("m")->facts.empty());
    CHECK(book.newest_ended("m")->facts.size() == 1);
    CHECK(book.is_loading());
    feed(book, "[7] 0.0.0.0 I srv llama_server: model loaded\n");
    CHECK_FALSE(book.is_loading());
    // A process whose end nobody told gives way to the next on its port.
    feed(book, "0.0.0.0 I srv load: spawning server instance with name=other on port 7\n");
    CHECK(book.newest("m")->exit_status == 1);
    CHECK(book.newest("other") != nullptr);
    CHECK(book.newest("nobody") == nullptr);
}

TEST_CASE("process book: bounded", "[verdict]") {
    ModelProcesses book;
    for (int i = 0; i < 1000; ++i) {
        feed(book, concat("0.0.0.0 I srv load: spawning server instance with name=m", i,
                          " on port ", i + 1, "\n"));
        feed(book, concat("[", i + 1, "] 0.0.0.0 E failed to allocate CPU buffer of size 5\n"));
    }
    for (int i = 0; i < 1000; ++i)
        feed(book, "[1000] 0.0.0.0 E out of memory\n");
    CHECK(book.newest("m0") == nullptr);
    CHECK(book.newest("m999")->facts.size() == ModelProcesses::k_facts_max);
    CHECK(book.newest("m999")->last_lines.size() == ModelProcesses::k_lines_kept);
}

TEST_CASE("a model's port where nobody listens is told from other broken connections",
          "[verdict]") {
    // What b11669 answered for a model's process that had been sent TERM, and for one that died.
    CHECK(is_refused_connection(500, "proxy error: Could not establish connection"));
    CHECK_FALSE(is_refused_connection(500, "proxy error: Failed to read connection"));
    CHECK_FALSE(is_refused_connection(0, ""));
    CHECK_FALSE(is_refused_connection(200, "proxy error: Could not establish connection"));
    CHECK_FALSE(is_refused_connection(500, "Could not establish connection"));
}

TEST_CASE("process book: who ends without having been told by the router", "[model_processes]") {
    const std::string spawned =
        "I srv load: spawning server instance with name=toy on port 41001\n";
    const std::string says = "[41001] 0.00.1.1 I srv    operator(): ";
    const auto leaves = says + "operator(): cleaning up before exit...\n";
    CHECK(book_of(spawned).leaver() == nullptr);
    const auto loaded = spawned + "[41001] I srv x: model loaded\n";
    REQUIRE(book_of(loaded).serving().size() == 1);
    CHECK(book_of(loaded).serving()[0].port == 41001);
    CHECK(book_of(spawned).serving().empty());
    CHECK(book_of(loaded + leaves).serving().empty());
    CHECK(
        book_of(loaded + "I srv run: instance name=toy exited with status 0\n").serving().empty());
    CHECK(book_of(spawned + leaves).leaver() == nullptr); // its load fails
    REQUIRE(book_of(loaded + leaves).leaver() != nullptr);
    CHECK(book_of(loaded + leaves).leaver()->model == "toy");
    CHECK(book_of(loaded + says + "exit command received, exiting...\n" + leaves).leaver() ==
          nullptr);
    CHECK(
        book_of(loaded + leaves + "I srv run: instance name=toy exited with status 0\n").leaver() ==
        nullptr);
}

TEST_CASE("process book: a process that could not be started never was", "[model_processes]") {
    const std::string spawned =
        "I srv load: spawning server instance with name=toy on port 41001\n";
    const std::string in_vain =
        "W srv  ensure_model: queued load of name=toy did not go through: failed to spawn server "
        "instance\n";
    CHECK(book_of(spawned).is_loading());
    CHECK_FALSE(book_of(spawned + in_vain).is_loading());
    CHECK(book_of(spawned + in_vain).newest("toy") == nullptr);
    CHECK(book_of(spawned + "[41001] I srv x: model loaded\n" + in_vain).newest("toy")->loaded);
}

TEST_CASE("verdict: a GPU that this build has no code for", "[verdict]") {
    for (const char* line : {"[7] 0.0.0.0 E CUDA error: no kernel image is available for execution "
                             "on the device\n",
                             "[7] ROCm error: invalid device function\n"}) {
        for (const bool loaded : {false, true}) {
            INFO(line << loaded);
            const std::string load =
                loaded ? "[7] 0.0.0.0 I srv  llama_server: model loaded\n" : "";
            const auto verdict = judged(book_of(k_spawn + load + line + k_end), 500,
                                        loaded ? k_broken : load_failed("m"), "m");
            const auto* other = std::get_if<OtherCause>(&verdict);
            REQUIRE(other != nullptr);
            CHECK(other->lasting);
            CHECK(other->reason.find("--device vulkan") != std::string::npos);
            CHECK(other->reason.find("older release") != std::string::npos);
        }
    }
}

TEST_CASE("verdict: another machine that is lost is no matter of memory", "[verdict]") {
    // ... also where its end leaves words of memory behind, in a load and in an answer.
    for (const bool loaded : {false, true}) {
        const auto book = book_of(
            k_spawn + (loaded ? "[7] 0.0.0.1 I srv llama_server: model loaded\n" : "") +
            "[7] /b/ggml-rpc.cpp:682: Remote RPC server crashed or returned malformed response\n" +
            k_end);
        const auto verdict = judged(book, 500, loaded ? k_broken : load_failed("m"), "m");
        const auto* other = std::get_if<OtherCause>(&verdict);
        REQUIRE(other != nullptr);
        CHECK(other->remote);
        CHECK(other->crash);
        CHECK(other->reason.find("Remote RPC server crashed") != std::string::npos);
    }
}

TEST_CASE("verdict: a GPU that is lost for a process that lives", "[verdict]") {
    const auto lived = k_spawn + "[7] 0.0.0.0 I srv  llama_server: model loaded\n";
    const std::string lost = "[7] 0.0.0.0 E ggml_vulkan: vk::Queue::submit: ErrorDeviceLost\n";
    const std::string compute = R"({"error":{"code":500,"message":"Compute error."}})";
    CHECK(is_compute_failure(500, compute));
    CHECK_FALSE(is_compute_failure(400, compute));
    CHECK_FALSE(is_compute_failure(500, R"({"error":{"message":"no Compute error."}})"));
    CHECK(std::holds_alternative<DeviceLost>(judged(book_of(lived + lost), 500, compute, "m")));
    CHECK(std::holds_alternative<OtherCause>(judged(book_of(lived), 500, compute, "m")));
    // A model that cannot do this at all says so with the device as without it.
    CHECK(std::holds_alternative<OtherCause>(judged(book_of(lived + lost), 501, compute, "m")));
    // The next process may find the device again.
    const auto dead = judged(book_of(lived + lost + k_end), 500, k_broken, "m");
    REQUIRE(std::holds_alternative<OtherCause>(dead));
    CHECK(std::get<OtherCause>(dead).crash);
    // What a client wrote is none of it.
    const std::string quoted = "[7] 0.0.0.0 E srv  x: got exception: ErrorDeviceLost\n";
    CHECK(std::holds_alternative<OtherCause>(judged(book_of(lived + quoted), 500, compute, "m")));
}

TEST_CASE("verdict: a device without free memory is a class of its own", "[verdict]") {
    for (const char* what :
         {"vector::_M_range_check: __n (which is 1) >= this->size() (which is 1)",
          "invalid vector subscript", "vector"}) {
        const auto lines = std::string("[7] 0.0.0.0 E llama_model_load: error loading model: ") +
                           what +
                           "\n[7] 0.0.0.0 E srv  llama_server: exiting due to model loading "
                           "error\n";
        CHECK(std::holds_alternative<NoFreeMemory>(
            judged(book_of(k_spawn + lines + k_end), 500, load_failed("m"), "m")));
    }
}

TEST_CASE("verdict: a crash tells the process's own last error", "[verdict]") {
    const auto lived = k_spawn + "[7] 0.0.0.0 E init: early trouble\n"
                                 "[7] 0.0.0.0 I srv  llama_server: model loaded\n";
    struct Row {
        const char* lines;
        const char* reason;
    };
    const Row rows[] = {
        {"", "the model's process ended without a reason"},
        {"[7] 0.0.0.0 I srv  x: error in a prompt\n", "the model's process ended without a reason"},
        {"[7] 0.0.0.0 E CUDA error: an illegal memory access was encountered\n"
         "[7] 0.0.0.0 E   current device: 0, in function f at x.cu:1\n"
         "[7] ggml-cuda.cu:98: CUDA error\n",
         "CUDA error: an illegal memory access was encountered"},
        {"[7] terminate called after throwing an instance of 'std::runtime_error'\n"
         "[7]   what():  unexpected end\n",
         "terminate called after throwing an instance of 'std::runtime_error'"},
        {"[7] Segmentation fault (core dumped)\n", "Segmentation fault (core dumped)"},
        {"[7] 0.0.0.0 W srv x: got exception: {\n[7] an error of a client\n",
         "the model's process ended without a reason"},
    };
    for (const auto& row : rows) {
        INFO(row.lines);
        const auto verdict = judged(book_of(lived + row.lines + k_end), 500, k_broken, "m");
        REQUIRE(std::holds_alternative<OtherCause>(verdict));
        CHECK(std::get<OtherCause>(verdict).reason == row.reason);
        CHECK(reason_of(verdict) == row.reason);
    }
}

TEST_CASE("verdict: a reason is short, and ends with a whole character", "[verdict]") {
    std::string text(399, 'a');
    text += "\u00e9\u00e9";
    CHECK(reason_of(OtherCause{text}) == std::string(399, 'a') + " ...");
    CHECK(reason_of(Suspicion{std::string(400, 'b')}) == std::string(400, 'b'));
}
TEST_CASE("model processes: ends are counted on when old processes are forgotten") {
    ModelProcesses processes;
    const int starts = static_cast<int>(ModelProcesses::k_processes_max) + 10;
    for (int port = 1; port <= starts; ++port) {
        processes.note(classify(concat("0.02.014.454 I srv          load: spawning server instance "
                                       "with name=alpha on port ",
                                       port)));
        processes.note(
            classify("0.02.014.454 I srv  operator(): instance name=alpha exited with status 1"));
        REQUIRE(processes.ends("alpha") == static_cast<std::size_t>(port));
    }
}

TEST_CASE("oom verdict: a broken file is told as that, with the remedy") {
    const auto text = [](const char* reason) { return load_failure_text(reason); };
    CHECK(text("gguf_init_from_reader: invalid magic characters: '<htm', expected 'GGUF'")
              .find("its file is no GGUF file, download it again (") == 0);
    CHECK(
        text("tensor 'blk.0.attn_q.weight' data is not within the file bounds, model is corrupted")
            .find("its file is cut off, download it again (") == 0);
    CHECK(text("unknown model architecture: 'x'") == "unknown model architecture: 'x'");
}
