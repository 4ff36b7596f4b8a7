// What a process had said before the request began, it survived.
#include "odysseus/server/oom_verdict.hpp"

#include <catch2/catch_test_macros.hpp>
#include <tuple>

using namespace odysseus;
using namespace odysseus::server;

namespace {

using Moment = std::chrono::steady_clock::time_point;

Moment second(int number) {
    return Moment(std::chrono::seconds(number));
}

void note(ModelProcesses& book, int when, const char* line) {
    auto fact = classify(line);
    fact.at = second(when);
    book.note(fact);
}

ModelProcesses loaded() {
    ModelProcesses book;
    note(book, 1, "I srv load: spawning server instance with name=m on port 7");
    note(book, 2, "[7] 0.0.0.0 I srv llama_server: model loaded");
    return book;
}

OomVerdict judged(const ModelProcesses& book, int since, int status, const char* body) {
    Symptoms symptoms;
    symptoms.status = status;
    symptoms.body = body;
    symptoms.model = "m";
    symptoms.process = book.newest("m");
    symptoms.since = second(since);
    return judge(symptoms);
}

} // namespace

TEST_CASE("evidence: only what was said since the request began", "[evidence]") {
    auto book = loaded();
    note(book, 10,
         "[7] 0.0.0.0 E ggml_cuda: allocating 5.00 MiB on device 0: cudaMalloc failed: "
         "out of memory");
    for (const auto& [status, body] : {std::pair{500, "Compute error."}, {500, "CUDA"}}) {
        CHECK(std::holds_alternative<OutOfMemory>(judged(book, 9, status, body)));
        CHECK(std::holds_alternative<OtherCause>(judged(book, 11, status, body)));
    }
    CHECK(std::holds_alternative<OtherCause>(judged(book, 9, 501, "no embeddings")));
    // Nor is it the reason of a later crash.
    note(book, 20, "I srv run: instance name=m exited with status 1");
    const char* broken = "proxy error: Failed to read connection";
    CHECK(std::holds_alternative<OtherCause>(judged(book, 19, 500, broken)));
    CHECK(std::holds_alternative<OutOfMemory>(judged(book, 9, 500, broken)));
}

TEST_CASE("evidence: a load is judged by all its lines, whoever waits for it", "[evidence]") {
    ModelProcesses book;
    note(book, 1, "I srv load: spawning server instance with name=m on port 7");
    note(book, 2, "[7] 0.0.0.0 E ggml: failed to allocate CPU buffer of size 5");
    note(book, 9, "I srv run: instance name=m exited with status 1");
    const char* failed = R"({"error":{"message":"model name=m failed to load"}})";
    CHECK(std::holds_alternative<OutOfMemory>(judged(book, 5, 500, failed)));
}

TEST_CASE("evidence: a killed process elsewhere makes no file whole", "[evidence]") {
    ModelProcesses book;
    note(book, 1, "I srv load: spawning server instance with name=m on port 7");
    note(book, 2, "[7] 0.0.0.0 E gguf_init_from_reader: invalid magic characters: '?D?'");
    note(book, 3, "I srv run: instance name=m exited with status 1");
    Symptoms symptoms;
    symptoms.status = 500;
    symptoms.body = R"({"error":{"message":"model name=m failed to load"}})";
    symptoms.model = "m";
    symptoms.process = book.newest("m");
    symptoms.killed_for_memory = true;
    CHECK(std::holds_alternative<OtherCause>(judge(symptoms)));
}
