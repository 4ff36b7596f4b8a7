// llama-server's answers as Ollama's clients get them. What llama-server says was taken from
// b11669; what clients get is what Ollama's documentation says of each field.
#include "proxy/ollama_answer.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using nlohmann::json;

namespace {

constexpr OllamaTimes k_times{1'795'720'680'123'456'789, 5'000'000'000};
const std::string k_made = "2026-11-26T19:18:00.123456789Z";

std::string framed(std::string_view event) {
    return concat("data: ", event, "\n\n");
}

std::string delta(std::string_view fields, std::string_view finish = "null") {
    return framed(concat(R"({"choices":[{"finish_reason":)", finish, R"(,"index":0,"delta":{)",
                         fields, R"(}}],"created":1,"id":"c","model":"f","object":"x"})"));
}

const std::string k_counts =
    framed(R"({"choices":[],"usage":{"completion_tokens":3,"prompt_tokens":26,"total_tokens":29},
            "timings":{"cache_n":25,"prompt_n":1,"prompt_ms":368.066,"predicted_n":3,
            "predicted_ms":536.5}})");
// A real event has one line of data.
std::string one_line(std::string text) {
    for (auto at = text.find("\n "); at != std::string::npos; at = text.find("\n "))
        text.erase(at, 1);
    return text;
}

OllamaCall call_of(OllamaEndpoint endpoint, OllamaForm form = OllamaForm::chat) {
    OllamaCall call;
    call.endpoint = endpoint;
    call.form = form;
    return call;
}

// In pieces of every size, which must make no difference.
std::string streamed(const OllamaCall& call, const std::string& stream, bool whole = true) {
    std::string first;
    for (std::size_t size = 1; size <= stream.size(); size = size < 40 ? size + 1 : size * 2) {
        OllamaStream lines(call, "asked:latest");
        std::string out;
        for (std::size_t at = 0; at < stream.size(); at += size)
            out += lines.feed(std::string_view(stream).substr(at, size), k_times);
        out += lines.finish(whole, k_times);
        CHECK(lines.ended());
        if (size == 1) first = out;
        REQUIRE(out == first);
    }
    return first;
}

std::vector<json> objects(const std::string& lines) {
    std::vector<json> all;
    REQUIRE(lines.ends_with('\n'));
    for (const auto line : split(std::string_view(lines).substr(0, lines.size() - 1), '\n')) {
        all.push_back(json::parse(line));
        REQUIRE(all.back().is_object());
    }
    return all;
}

const std::string k_done = "data: [DONE]\n\n";

} // namespace

TEST_CASE("A streamed chat of Ollama's, field by field") {
    const auto stream = delta(R"("role":"assistant","content":null)") +
                        delta(R"("content":" one")") + ": loading...\n\n" +
                        delta(R"("content":" two")") + delta("", "\"length\"") +
                        one_line(k_counts) + k_done;
    const auto lines = objects(streamed(call_of(OllamaEndpoint::chat), stream));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == json{{"model", "asked:latest"},
                           {"created_at", k_made},
                           {"message", {{"role", "assistant"}, {"content", " one"}}},
                           {"done", false}});
    CHECK(lines[1]["message"]["content"] == " two");
    CHECK(lines[2] == json{{"model", "asked:latest"},
                           {"created_at", k_made},
                           {"message", {{"role", "assistant"}, {"content", ""}}},
                           {"done", true},
                           {"done_reason", "length"},
                           {"total_duration", 5'000'000'000},
                           {"load_duration", 5'000'000'000 - 368'066'000},
                           {"prompt_eval_count", 26},
                           {"prompt_eval_duration", 368'066'000},
                           {"eval_count", 3},
                           {"eval_duration", 536'500'000}});
}

TEST_CASE("A streamed prompt of Ollama's, field by field") {
    const auto stream = delta(R"("reasoning_content":"hm")") + delta(R"("content":"a")") +
                        delta("", "\"stop\"") + k_done;
    const auto lines = objects(streamed(call_of(OllamaEndpoint::generate), stream));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == json{{"model", "asked:latest"},
                           {"created_at", k_made},
                           {"response", ""},
                           {"thinking", "hm"},
                           {"done", false}});
    CHECK(lines[1]["response"] == "a");
    CHECK(lines[2]["response"] == "");
    CHECK(lines[2]["done_reason"] == "stop");
    for (const char* const name : {"total_duration", "load_duration", "prompt_eval_count",
                                   "prompt_eval_duration", "eval_count", "eval_duration"})
        CHECK(lines[2][name].is_number_integer());
}

TEST_CASE("A raw prompt of Ollama's") {
    const auto call = call_of(OllamaEndpoint::generate, OllamaForm::completion);
    const auto piece = framed(R"({"index":0,"content":" one","tokens":[354],"stop":false})");
    const auto last =
        framed(R"({"index":0,"content":"","stop":true,"model":"f","stop_type":"limit",)"
               R"("tokens_predicted":2,"tokens_evaluated":3,)"
               R"("timings":{"cache_n":2,"prompt_n":1,"prompt_ms":0.59,)"
               R"("predicted_n":2,"predicted_ms":0.95}})");
    const auto lines = objects(streamed(call, piece + last));
    REQUIRE(lines.size() == 2);
    CHECK(lines[0]["response"] == " one");
    CHECK(lines[1]["done_reason"] == "length");
    CHECK(lines[1]["prompt_eval_count"] == 3);
    CHECK(lines[1]["eval_count"] == 2);
    CHECK(lines[1]["eval_duration"] == 950'000);
}

TEST_CASE("Calls of tools have an object as arguments") {
    const auto begun = [](int index, std::string_view name) {
        return delta(concat(R"("tool_calls":[{"index":)", index,
                            R"(,"id":"i","type":"function","function":{"name":")", name,
                            R"(","arguments":""}}])"));
    };
    const auto piece = [](int index, std::string_view text) {
        return delta(concat(R"("tool_calls":[{"index":)", index, R"(,"function":{"arguments":)",
                            json(text).dump(), "}}]"));
    };
    const auto call = call_of(OllamaEndpoint::chat);
    const auto calls = begun(0, "f") + piece(0, R"({"a":)") + piece(0, "1}") + begun(1, "g");
    const auto lines =
        objects(streamed(call, calls + delta("", "\"tool_calls\"") + one_line(k_counts) + k_done));
    REQUIRE(lines.size() == 2);
    CHECK(lines[0]["message"] == json::parse(R"({"role":"assistant","content":"","tool_calls":[
              {"function":{"name":"f","arguments":{"a":1}}},
              {"function":{"name":"g","arguments":{}}}]})"));
    CHECK(lines[0]["done"] == false);
    CHECK(lines[1]["done_reason"] == "stop");

    const auto broken = begun(0, "f") + piece(0, R"({"a":)");
    const auto cut = objects(streamed(call, broken + delta("", "\"length\"") + k_done));
    REQUIRE(cut.size() == 1); // the limit of tokens cut it off
    CHECK(cut[0]["done_reason"] == "length");
    const auto bad = objects(streamed(call, broken + delta("", "\"tool_calls\"") + k_done));
    REQUIRE(bad.size() == 1);
    CHECK(bad[0].contains("error"));
    const auto deep = begun(0, "f") + piece(0, std::string(100'000, '['));
    CHECK(objects(streamed(call, deep + delta("", "\"stop\"") + k_done))[0].contains("error"));
    CHECK(objects(streamed(call, begun(7, "f")))[0].contains("error"));
}

TEST_CASE("A stream of Ollama's that goes wrong ends with one line that says so") {
    const auto one = delta(R"("content":"a")");
    const auto end = delta("", "\"stop\"");
    const struct {
        const char* name;
        std::string stream;
        const char* words;
        bool whole;
    } rows[] = {
        {"an error as an event",
         one + framed(R"({"error":{"code":500,"message":"no memory"}})") + one, "no memory", true},
        {"an error of older builds", one + "error: {\"error\":{\"message\":\"no memory\"}}\n\n",
         "no memory", true},
        {"an error that is a text", one + framed(R"({"error":"no memory"})"), "no memory", true},
        {"no JSON", one + framed("{\"choices\""), "cannot be read", true},
        {"no object", one + framed("[]"), "cannot be read", true},
        {"no choices", one + framed("{}"), "cannot be read", true},
        {"what the router puts behind", one + "proxy error: Failed to read connection",
         "ended in the", true},
        {"the same as a line", one + "proxy error: Failed\n\n", "ended in the", true},
        {"an end in the middle", one, "ended in the", true},
        {"an end inside an event", one + end + "data: {", "ended in the", true},
        {"a break", one + end, "ended in the", false},
        {"an end that came too early", one + k_done, "ended in the", true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name);
        const auto lines = objects(streamed(call_of(OllamaEndpoint::chat), row.stream, row.whole));
        REQUIRE(lines.size() == 2);
        CHECK(lines[0]["message"]["content"] == "a");
        CHECK(lines[1].size() == 1);
        CHECK(lines[1]["error"].get<std::string>().find(row.words) != std::string::npos);
    }
    OllamaStream endless(call_of(OllamaEndpoint::chat), "m");
    const std::string piece(std::size_t{1} << 20, 'x');
    std::string lines = endless.feed("data: ", k_times);
    for (int i = 0; i < 5 && !endless.ended(); ++i)
        lines += endless.feed(piece, k_times);
    CHECK(endless.failed());
    CHECK(objects(lines).size() == 1);
}

TEST_CASE("Without [DONE] a stream that has its reason is whole") {
    const auto stream = delta(R"("content":"a")") + delta("", "\"stop\"");
    const auto lines = objects(streamed(call_of(OllamaEndpoint::chat), stream));
    REQUIRE(lines.size() == 2);
    CHECK(lines[1]["done"] == true);
}

TEST_CASE("Whole answers of Ollama's") {
    const auto call = call_of(OllamaEndpoint::chat);
    const std::string body =
        R"({"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant",
        "content":"hello","reasoning_content":"hm","tool_calls":[{"type":"function","id":"x",
        "function":{"name":"f","arguments":"{\"a\":[1]}"}}]},"logprobs":{"content":[{"id":354,
        "token":" one","bytes":[32],"logprob":-0.5,"top_logprobs":[{"id":1,"token":"a",
        "bytes":[97],"logprob":-1}]}]}}],"usage":{"completion_tokens":3,"prompt_tokens":26},
        "timings":{"prompt_ms":1000,"predicted_ms":2000}})";
    const auto whole = ollama_answer(call, "m", 200, body, k_times);
    CHECK(whole.status == 200);
    CHECK(json::parse(whole.body) ==
          json::parse(concat(R"({"model":"m","created_at":")", k_made, R"(","message":{
          "role":"assistant","content":"hello","thinking":"hm","tool_calls":[{"function":{
          "name":"f","arguments":{"a":[1]}}}]},"logprobs":[{"token":" one","bytes":[32],
          "logprob":-0.5,"top_logprobs":[{"token":"a","bytes":[97],"logprob":-1}]}],
          "done":true,"done_reason":"stop","total_duration":5000000000,
          "load_duration":2000000000,"prompt_eval_count":26,"prompt_eval_duration":1000000000,
          "eval_count":3,"eval_duration":2000000000})")));

    const auto prompt =
        ollama_answer(call_of(OllamaEndpoint::generate, OllamaForm::completion), "m", 200,
                      R"({"content":" one two","stop":true,"stop_type":"eos","tokens_predicted":2,
        "tokens_evaluated":3})",
                      k_times);
    const auto said = json::parse(prompt.body);
    CHECK(said["response"] == " one two");
    CHECK(said["done_reason"] == "stop");
    CHECK_FALSE(said.contains("message"));
    CHECK_FALSE(said.contains("thinking"));
}

TEST_CASE("Vectors of Ollama's") {
    const std::string body = R"({"object":"list","data":[{"embedding":[0.0,1.0],"index":1},
        {"embedding":[0.6,0.8],"index":0}],"usage":{"prompt_tokens":8,"total_tokens":8}})";
    auto call = call_of(OllamaEndpoint::embed, OllamaForm::embeddings);
    const auto answer = json::parse(ollama_answer(call, "m", 200, body, k_times).body);
    CHECK(answer == json{{"model", "m"},
                         {"embeddings", {{0.6, 0.8}, {0.0, 1.0}}},
                         {"total_duration", 5'000'000'000},
                         {"load_duration", 0},
                         {"prompt_eval_count", 8}});
    call.dimensions = 1;
    CHECK(json::parse(ollama_answer(call, "m", 200, body, k_times).body)["embeddings"] ==
          json{{1.0}, {0.0}});
    const auto older = call_of(OllamaEndpoint::embeddings, OllamaForm::embeddings);
    CHECK(json::parse(ollama_answer(older, "m", 200, body, k_times).body) ==
          json{{"embedding", {0.6, 0.8}}});
    for (const char* const bad :
         {"{}", R"({"data":[]})", R"({"data":[{"embedding":"x","index":0}]})",
          R"({"data":[{"embedding":[1],"index":99}]})", R"({"data":[5]})"}) {
        CAPTURE(bad);
        CHECK(ollama_answer(older, "m", 200, bad, k_times).status == 502);
    }
}

TEST_CASE("Loads and unloads of Ollama's") {
    const auto load = call_of(OllamaEndpoint::chat, OllamaForm::load);
    CHECK(json::parse(ollama_answer(load, "m", 200, R"({"tokens":[]})", k_times).body) ==
          json{{"model", "m"},
               {"created_at", k_made},
               {"message", {{"role", "assistant"}, {"content", ""}}},
               {"done", true},
               {"done_reason", "load"}});
    const auto unload = call_of(OllamaEndpoint::generate, OllamaForm::unload);
    const json gone{{"model", "m"},
                    {"created_at", k_made},
                    {"response", ""},
                    {"done", true},
                    {"done_reason", "unload"}};
    CHECK(json::parse(ollama_answer(unload, "m", 200, R"({"success":true})", k_times).body) ==
          gone);
    const auto idle = ollama_answer(
        unload, "m", 400, R"({"error":{"code":400,"message":"model is not running"}})", k_times);
    CHECK(idle.status == 200);
    CHECK(json::parse(idle.body) == gone);
    const auto nothing = call_of(OllamaEndpoint::embed, OllamaForm::load);
    const auto empty = json::parse(ollama_answer(nothing, "m", 200, "{}", k_times).body);
    CHECK(empty["embeddings"] == json::array());
    const auto older = call_of(OllamaEndpoint::embeddings, OllamaForm::load);
    CHECK(json::parse(ollama_answer(older, "m", 200, "{}", k_times).body) ==
          json{{"embedding", json::array()}});
}

TEST_CASE("Errors of Ollama's have their status and one text") {
    const auto call = call_of(OllamaEndpoint::chat);
    const auto error = ollama_answer(
        call, "m", 400, R"({"error":{"code":400,"message":"too long","type":"x"}})", k_times);
    CHECK(error.status == 400);
    CHECK(error.body == R"({"error":"too long"})");
    CHECK(ollama_answer(call, "m", 500, "plain words\n", k_times).body ==
          R"({"error":"plain words"})");
    CHECK(ollama_answer(call, "m", 200, R"({"error":{"message":"x"}})", k_times).status == 500);
    CHECK(ollama_answer(call, "m", 200, "<html>", k_times).status == 502);
    CHECK(ollama_answer(call, "m", 200, "{}", k_times).status == 502);
}

TEST_CASE("A line that says nothing is an object like the others") {
    CHECK(json::parse(ollama_sign(call_of(OllamaEndpoint::chat), "m", k_times.now_ns)) ==
          json{{"model", "m"},
               {"created_at", k_made},
               {"message", {{"role", "assistant"}, {"content", ""}}},
               {"done", false}});
    CHECK(json::parse(ollama_sign(call_of(OllamaEndpoint::generate), "m", 0)) ==
          json{{"model", "m"},
               {"created_at", "1970-01-01T00:00:00.000000000Z"},
               {"response", ""},
               {"done", false}});
}
