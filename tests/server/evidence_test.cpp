// What a client can write is no evidence, wherever it is quoted.
#include "odysseus/base/text.hpp"
#include "odysseus/server/oom_verdict.hpp"
#include "server/line_splitter.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::server;
using Kind = LogFact::Kind;

namespace {

const std::string k_spawn = "0.0.0.0 I srv load: spawning server instance with name=m on port 7\n";
const std::string k_loaded = "[7] 0.0.0.0 I srv llama_server: model loaded\n";
const std::string k_end = "0.0.0.0 I srv run: instance name=m exited with status 1\n";
constexpr const char* k_broken = "proxy error: Failed to read connection";

ModelProcesses book_of(const std::string& text) {
    ModelProcesses book;
    LineSplitter splitter;
    for (const auto& line : splitter.feed(text))
        book.note(classify(line));
    return book;
}

OomVerdict judged(const ModelProcesses& book, int status, const std::string& body) {
    Symptoms symptoms;
    symptoms.status = status;
    symptoms.body = body;
    symptoms.model = "m";
    symptoms.process = book.newest("m");
    return judge(symptoms);
}

bool is_memory(const OomVerdict& verdict) {
    return std::holds_alternative<OutOfMemory>(verdict);
}

} // namespace

TEST_CASE("evidence: an answer that quotes the request is none", "[evidence]") {
    const auto book = book_of(k_spawn + k_loaded);
    for (
        const char* body :
        {R"({"error":{"code":500,"message":"Failed to parse tools: Unsupported tool type: {\"description\":\"profiles CUDA kernels\"}","type":"server_error"}})",
         R"({"error":{"code":500,"message":"Unknown reasoning format: out of memory"}})",
         R"({"error":{"code":500,"message":"[json.exception.parse_error.101] parse error at line 1: failed to allocate"}})",
         "out of memory", "CUDA error", "failed to initialize the context"}) {
        INFO(body);
        CHECK_FALSE(is_memory(judged(book, 500, body)));
        CHECK_FALSE(is_memory(judged(ModelProcesses(), 500, body)));
    }
    // The same words are borne out by a refusal, and by the end of the process.
    CHECK(
        is_memory(judged(book_of(k_spawn + k_loaded + "[7] 0.0.0.0 E CUDA error: out of memory\n"),
                         500, "CUDA error")));
    CHECK(is_memory(judged(book_of(k_spawn + k_loaded + k_end), 500, "CUDA error")));
}

TEST_CASE("evidence: a quoted request is none of the router's own answers", "[evidence]") {
    for (const char* said :
         {"proxy error: Could not establish connection", "model name=m failed to load",
          "model limit reached, try again later", "request cancelled while waiting"}) {
        const auto body =
            concat(R"({"error":{"code":500,"message":"Unsupported tool type: )", said, R"("}})");
        INFO(body);
        CHECK_FALSE(is_load_failure(500, body));
        CHECK_FALSE(is_broken_connection(500, body));
        CHECK_FALSE(is_refused_connection(500, body));
        CHECK_FALSE(is_retryable_race(500, body));
    }
    CHECK(
        is_load_failure(500, R"({"error":{"code":500,"message":"model name=m failed to load"}})"));
    CHECK(is_retryable_race(
        500, R"({"error":{"code":500,"message":"model limit reached, try again later"}})"));
    CHECK(is_broken_connection(500, R"({"error":{"message":"proxy error: Connection timeout"}})"));
}

TEST_CASE("evidence: log lines that quote a request", "[evidence]") {
    for (
        const char* line : {
            R"(0.1.1.1 W srv    operator(): got exception: {"error":{"message":"parse error: ': failed to spawn server instance"}})",
            "0.1.1.1 W srv    operator(): got exception: x: failed to spawn server instance",
            "0.1.1.1 W srv    operator(): got exception: couldn't bind HTTP server socket",
            "0.1.1.1 W srv    operator(): got exception: instance name=m exited with status 1",
            "0.1.1.1 I srv  log_server_r: done request: GET /couldn't bind 127.0.0.1 404",
            "0.1.1.1 I srv  log_server_r: done request: GET /instance name=m exited with status 1",
            "[7] 0.1.1.1 W srv    operator(): got exception: Invalid tool_choice: out of memory",
            "[7] 0.1.1.1 E srv    operator(): got exception: CUDA error: out of memory",
            "[7] srv    operator(): got exception: CUDA error: out of memory",
            "[7] 0.1.1.1 E srv    send_error: task id = 3, error: CUDA error: out of memory",
            "[7] 0.1.1.1 E slot update_slots: id 0 | prompt: cudaMalloc failed: out of memory",
            "[7] slot launch_slot_: prompt = 'failed to allocate CUDA0 buffer of size 5'",
            "[7] 0.1.1.1 W cmn  whoever: CUDA error: out of memory",
            "[7] 0.1.1.1 E llama_grammar_init: error parsing grammar: expecting name at CUDA "
            "error: out of memory",
            "[7] 0.1.1.1 E srv   prompt_save: failed to allocate memory for prompt cache state: "
            "std::bad_alloc",
            "[7] 0.1.1.1 E llama_model_load: unknown key 'CUDA error: out of memory'",
            "[7] 0.1.1.1 I srv  log_server_r: done request: GET /model loaded 404",
        }) {
        INFO(line);
        CHECK(static_cast<int>(classify(line).kind) == static_cast<int>(Kind::noise));
    }
}

TEST_CASE("evidence: the second line of what was quoted", "[evidence]") {
    const std::string forged = "[7] CUDA error: out of memory\n";
    for (const char* before :
         {"[7] 0.1.1.1 E llama_grammar_init: error parsing grammar: expecting ::=\n",
          "[7] 0.1.1.1 D srv  params_from_: prompt: hello\n"}) {
        INFO(before);
        CHECK_FALSE(is_memory(
            judged(book_of(k_spawn + k_loaded + before + forged + k_end), 500, k_broken)));
    }
    // ... where nothing is quoted the libraries speak without a time.
    CHECK(is_memory(judged(book_of(k_spawn + k_loaded + forged + k_end), 500, k_broken)));
}

TEST_CASE("evidence: wordings of refused memory", "[evidence]") {
    for (const char* line :
         {"E graph allocation: failed to reserve memory", "E failed to allocate graph",
          "E failed to reserve graph buffers", "E failed to allocate the MoE cache buffers",
          "E failed to reserve initial output buffer", "E insufficient memory",
          "E CUDA error: the resource allocation failed",
          "CUDA error: the resource allocation failed",
          "E CUDA error: CUBLAS_STATUS_NOT_INITIALIZED",
          "E CUDA error: the library was not initialized",
          "E Native API failed. Native API returns: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)",
          "E Native API failed. Native API returns: -5 (PI_ERROR_OUT_OF_RESOURCES)",
          "E :0:rocdevice.cpp:2726: Callback: Queue aborting with error : "
          "HSA_STATUS_ERROR_OUT_OF_RESOURCES: The runtime failed to allocate the necessary "
          "resources.",
          "E llama_model_load: error loading model: MapViewOfFile failed: Not enough memory "
          "resources are available to process this command.",
          "E llama_model_load: error loading model: CreateFileMappingA failed: The paging file is "
          "too small for this operation to complete.",
          "E llama_model_load: error loading model: CreateFileMappingA failed: Fehler 1455",
          "E llama_context: failed to reserve graph for pp", "E x: failed to allocate 4096.00 MB",
          "E llama_context: failed to allocate Hadamard buffers"}) {
        INFO(line);
        for (const char* port : {"[40001] ", "[40001] 0.01.02.003 "}) {
            CHECK(static_cast<int>(classify(std::string(port) + line).kind) ==
                  static_cast<int>(Kind::memory));
        }
    }
    CHECK(static_cast<int>(classify("[1] E failed to reload model after sleeping").kind) ==
          static_cast<int>(Kind::load_failed));
}

TEST_CASE("evidence: what can be dropped of a flood of lines", "[evidence]") {
    std::vector<LogFact> facts;
    for (const char* line :
         {"[7] 0.1.1.1 I slot update_slots: nothing", "[7] 0.1.1.1 E CUDA error: out of memory",
          "0.1.1.1 I srv run: instance name=m exited with status 1", "[7] 0.1.1.1 I nothing"})
        facts.push_back(classify(line));
    drop_noise(facts);
    REQUIRE(facts.size() == 2);
    CHECK(facts[0].kind == Kind::memory);
    CHECK(facts[1].kind == Kind::exited);
}
