#include "proxy/request_line.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::proxy;

namespace {

RequestLine chat(int status, double total_ms) {
    RequestLine line;
    line.method = "POST";
    line.path = "/v1/chat/completions";
    line.model = "smollm2-135m";
    line.status = status;
    line.total_ms = total_ms;
    return line;
}

} // namespace

TEST_CASE("request line: an answer is told by its tokens, its time and its speed", "[request]") {
    auto line = chat(200, 8123);
    line.count = {60, 20.4};
    CHECK(request_words(line) == "200  smollm2-135m  60 tokens  8.1 s  20 tok/s");
    line.count = {1, 3.0};
    line.total_ms = 125'000;
    CHECK(request_words(line) == "200  smollm2-135m  1 token  2 min 5 s");
    line.count = {7, 3.456};
    line.total_ms = 999.7;
    line.end = "complete, sent twice";
    CHECK(request_words(line) == "200  smollm2-135m  sent twice  7 tokens  1000 ms  3.5 tok/s");
    line.count = {12, std::nullopt};
    line.total_ms = 40;
    line.end = "client left";
    CHECK(request_words(line) == "200  smollm2-135m  client left  12 tokens  40 ms");
}

TEST_CASE("request line: what is no answer is told by its path or its error", "[request]") {
    auto line = chat(404, 1.2);
    line.model = "gemma";
    line.code = "model_not_found";
    line.end = "own answer";
    CHECK(request_words(line) == "404  gemma  unknown model  1 ms");
    line = chat(200, 3);
    line.path = "/v1/embeddings";
    CHECK(request_words(line) == "200  smollm2-135m  POST /v1/embeddings  3 ms");
    line = chat(400, 3);
    CHECK(request_words(line) ==
          "400  smollm2-135m  POST /v1/chat/completions  llama-server's error  3 ms");
    line = chat(200, 3000);
    line.end = "llama-server left";
    CHECK(request_words(line) ==
          "200  smollm2-135m  POST /v1/chat/completions  the answer broke off  3.0 s");
    line = chat(403, 0.2);
    line.model.clear();
    line.code = "host_not_allowed";
    line.end = "The host is not allowed: --allow-host box.lan";
    CHECK(request_words(line) ==
          "403  POST /v1/chat/completions  The host is not allowed: --allow-host box.lan  0 ms");
    line = chat(503, 0.2);
    line.code = "out_of_memory";
    line.end = "own answer";
    CHECK(request_words(line) == "503  smollm2-135m  out of memory  0 ms");
}

TEST_CASE("request line: a name that a client chose is printable and not long", "[request]") {
    auto line = chat(404, 1);
    line.code = "model_not_found";
    line.model = "a\x1b[2Jb\n" + std::string(500, 'x');
    const auto words = request_words(line);
    CHECK(words.find("a\\u001b[2Jb\\u000axxx") != std::string::npos);
    CHECK(words.size() < 100);
}

TEST_CASE("request line: the counts stand at the end of an answer", "[request]") {
    const auto of = [](std::string_view tail) { return count_in(tail); };
    const auto timed =
        of(R"(data: {"timings":{"prompt_n":5,"predicted_n":60,"predicted_per_second":20.43}}

data: [DONE])");
    CHECK(timed.tokens == 60);
    CHECK(timed.tokens_per_s == 20.43);
    CHECK(of(R"("usage":{"completion_tokens":12,"prompt_tokens":3})").tokens == 12);
    CHECK(of(R"("usage":{"output_tokens": 7}})").tokens == 7);
    CHECK_FALSE(of(R"({"text":"\"predicted_n\":5"})").tokens);
    CHECK_FALSE(of(R"("predicted_n":"many")").tokens);
    CHECK_FALSE(of(R"("predicted_n":-1)").tokens);
    CHECK_FALSE(of(R"("predicted_n":1e300)").tokens);
    CHECK_FALSE(of("").tokens);
}
