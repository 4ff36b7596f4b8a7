// Requests of Ollama's clients as llama-server gets them. The fields are those of Ollama's
// documentation of each endpoint.
#include "proxy/ollama_request.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using nlohmann::json;

namespace {

using enum OllamaEndpoint;

OllamaCall translated(OllamaEndpoint endpoint, std::string_view body) {
    auto call = ollama_call(endpoint, body);
    if (const auto* const why = std::get_if<OllamaRefusal>(&call)) FAIL(why->message);
    return std::get<OllamaCall>(call);
}

std::string refused(OllamaEndpoint endpoint, std::string_view body) {
    const auto call = ollama_call(endpoint, body);
    const auto* const why = std::get_if<OllamaRefusal>(&call);
    if (why == nullptr) FAIL("translated: " << body);
    CHECK(why->status == 400);
    return why->message;
}

struct Row {
    const char* name;
    OllamaEndpoint endpoint;
    const char* asked;
    const char* path;
    const char* sent; // as JSON
};

const Row k_rows[] = {
    {"a chat is streamed unless it says otherwise", chat,
     R"({"model":"m","messages":[{"role":"user","content":"hi"}]})", "/v1/chat/completions",
     R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,
         "stream_options":{"include_usage":true}})"},
    {"a chat that is not streamed", chat,
     R"({"model":"m","stream":false,"tools":[],"think":null,"format":null,"options":null,
         "messages":[{"role":"user","content":"hi"}]})",
     "/v1/chat/completions",
     R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false})"},
    {"an image", chat,
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"what?",
         "images":["iVBORw0KGgoAAAA","/9j/4AAQ"]}]})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":[
         {"type":"text","text":"what?"},
         {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAA"}},
         {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4AAQ"}}]}]})"},
    {"no images is no list of them", chat,
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"a","images":[]},
         {"role":"assistant","content":"b","images":null,"tool_calls":[]}]})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"a"},
         {"role":"assistant","content":"b"}]})"},
    {"tools, their calls and their answers", chat,
     R"({"model":"m","stream":false,"tools":[{"type":"function","function":{"name":"f"}}],
         "messages":[{"role":"user","content":"q"},
         {"role":"assistant","content":"","thinking":"hm","tool_calls":[
             {"function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"g","arguments":{}}}]},
         {"role":"tool","content":"G","tool_name":"g"},{"role":"tool","content":"F"}]})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"tools":[{"type":"function","function":{"name":"f"}}],
         "messages":[{"role":"user","content":"q"},
         {"role":"assistant","content":"","reasoning_content":"hm","tool_calls":[
             {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
             {"id":"call_2","type":"function","function":{"name":"g","arguments":"{}"}}]},
         {"role":"tool","content":"G","tool_call_id":"call_2","name":"g"},
         {"role":"tool","content":"F","tool_call_id":"call_1"}]})"},
    {"ids that a client gives stay", chat,
     R"({"model":"m","stream":false,"messages":[
         {"role":"assistant","content":"","tool_calls":[{"id":"x","function":{"name":"f"}}]},
         {"role":"tool","content":"F","tool_call_id":"x"}]})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[
         {"role":"assistant","content":"","tool_calls":[{"id":"x","type":"function",
             "function":{"name":"f","arguments":"{}"}}]},
         {"role":"tool","content":"F","tool_call_id":"x"}]})"},
    {"options", chat,
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],"options":{
         "temperature":0.5,"top_p":0.9,"top_k":40.0,"min_p":0,"typical_p":0.7,"seed":42,
         "num_predict":100,"stop":["a","b"],"repeat_penalty":1.1,"repeat_last_n":33,
         "presence_penalty":1.5,"frequency_penalty":1,"mirostat":1,"mirostat_tau":0.8,
         "mirostat_eta":0.6,"num_keep":5}})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],
         "temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0,"typical_p":0.7,"seed":42,
         "max_tokens":100,"stop":["a","b"],"repeat_penalty":1.1,"repeat_last_n":33,
         "presence_penalty":1.5,"frequency_penalty":1,"mirostat":1,"mirostat_tau":0.8,
         "mirostat_eta":0.6,"n_keep":5})"},
    {"no limit of tokens", chat,
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],
         "options":{"num_predict":-1,"stop":"x","seed":null}})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],"stop":["x"]})"},
    {"JSON", chat,
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],"format":"json"})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],
         "response_format":{"type":"json_object"}})"},
    {"a schema", chat,
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],
         "format":{"type":"object"}})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],
         "response_format":{"type":"json_schema","json_schema":{"name":"answer",
         "schema":{"type":"object"}}}})"},
    {"thinking, logprobs", chat,
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],"think":false,
         "logprobs":true,"top_logprobs":2,"format":""})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],
         "chat_template_kwargs":{"enable_thinking":false},"logprobs":true,"top_logprobs":2})"},
    {"a level of thinking", generate, R"({"model":"m","stream":false,"prompt":"q","think":"low"})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"user","content":"q"}],
         "chat_template_kwargs":{"enable_thinking":true,"reasoning_effort":"low"}})"},
    {"a prompt", generate,
     R"({"model":"m","stream":false,"prompt":"q","system":"s","images":["R0lGODlh"]})",
     "/v1/chat/completions",
     R"({"model":"m","stream":false,"messages":[{"role":"system","content":"s"},
         {"role":"user","content":[{"type":"text","text":"q"},
         {"type":"image_url","image_url":{"url":"data:image/gif;base64,R0lGODlh"}}]}]})"},
    {"a raw prompt", generate,
     R"({"model":"m","prompt":"[INST] q","raw":true,"format":"json","options":{"num_predict":3}})",
     "/completion",
     R"({"model":"m","prompt":"[INST] q","stream":true,"n_predict":3,
         "json_schema":{"type":"object"}})"},
    {"what goes before a suffix", generate,
     R"({"model":"m","prompt":"a","suffix":"b","stream":false})", "/infill",
     R"({"model":"m","input_prefix":"a","input_suffix":"b","stream":false})"},
    {"embeddings of a text", embed, R"({"model":"m","input":"a","truncate":true})",
     "/v1/embeddings", R"({"model":"m","input":"a","encoding_format":"float"})"},
    {"embeddings of texts", embed, R"({"model":"m","input":["a","b"],"dimensions":4})",
     "/v1/embeddings", R"({"model":"m","input":["a","b"],"encoding_format":"float"})"},
    {"the older endpoint", embeddings, R"({"model":"m","prompt":"a"})", "/v1/embeddings",
     R"({"model":"m","input":"a","encoding_format":"float"})"},
    {"a load", chat, R"({"model":"m","messages":[]})", "/tokenize",
     R"({"model":"m","content":""})"},
    {"a load by an empty prompt", generate, R"({"model":"m","prompt":"","keep_alive":"5m"})",
     "/tokenize", R"({"model":"m","content":""})"},
    {"nothing to embed", embed, R"({"model":"m","input":[]})", "/tokenize",
     R"({"model":"m","content":""})"},
    {"an unload", chat, R"({"model":"m","messages":[],"keep_alive":0})", "/models/unload",
     R"({"model":"m"})"},
    {"an unload in words", generate, R"({"model":"m","keep_alive":"0s"})", "/models/unload",
     R"({"model":"m"})"},
    {"a name in the older field", generate, R"({"name":"m","prompt":""})", "/tokenize",
     R"({"model":"m","content":""})"},
    {"no name", generate, R"({"prompt":""})", "/tokenize", R"({"content":""})"},
};

} // namespace

TEST_CASE("Ollama's requests as llama-server gets them") {
    for (const auto& row : k_rows) {
        CAPTURE(row.name);
        const auto call = translated(row.endpoint, row.asked);
        CHECK(call.path == row.path);
        CHECK(json::parse(call.body) == json::parse(row.sent));
    }
}

TEST_CASE("What one request of Ollama's cannot change is told") {
    const auto call = translated(generate, R"({"model":"m","prompt":"q","template":"t",
        "context":[1],"options":{"num_ctx":8192,"num_gpu":1,"use_mmap":true,"temperature":1,
        "a name\r\nX: y":1,"penalize_newline":true}})");
    CHECK(call.not_applied == "template, context, num_ctx, num_gpu, use_mmap, penalize_newline");
    CHECK(translated(generate, R"({"model":"m","prompt":"q","template":"","context":[]})")
              .not_applied.empty());
    CHECK(translated(embed, R"({"model":"m","input":"q","options":{"num_ctx":1}})").not_applied ==
          "num_ctx");
    const auto whole_context =
        translated(generate, R"({"model":"m","prompt":"q","options":{"repeat_last_n":-1}})");
    CHECK(whole_context.not_applied == "repeat_last_n"); // llama-server has no such thing
    CHECK_FALSE(json::parse(whole_context.body).contains("repeat_last_n"));
    std::string many = R"({"model":"m","prompt":"q","options":{"x":1)";
    for (int i = 0; i < 100; ++i)
        many += concat(R"(,"o)", i, R"(":1)");
    CHECK(translated(generate, many + "}}").not_applied.size() < 200);
}

TEST_CASE("When a model of Ollama's is to go") {
    for (const char* const zero : {"0", "0.0", "\"0\"", "\"0s\"", "\"0m0s\""}) {
        CAPTURE(zero);
        const auto body = concat(R"({"model":"m","prompt":"q","keep_alive":)", zero, "}");
        CHECK(translated(generate, body).unload_after);
    }
    for (const char* const other : {"300", "-1", "\"5m\"", "\"-1\"", "\"10s\"", "null"}) {
        CAPTURE(other);
        const auto body = concat(R"({"model":"m","prompt":"q","keep_alive":)", other, "}");
        CHECK_FALSE(translated(generate, body).unload_after);
    }
}

TEST_CASE("Ollama's requests that cannot be translated") {
    const std::string deep(600, '[');
    const struct {
        OllamaEndpoint endpoint;
        std::string body;
        const char* words;
    } rows[] = {
        {chat, "", "a JSON object"},
        {chat, "[]", "a JSON object"},
        {chat, R"({"model":"m")", "a JSON object"},
        {chat, R"({"messages":)" + deep, "a JSON object"},
        {chat, R"({"model":1,"messages":[]})", "model must be a string"},
        {chat, R"({"model":"m","messages":"hi"})", "messages must be a list"},
        {chat, R"({"model":"m","messages":["hi"]})", "messages must be a list of objects"},
        {chat, R"({"model":"m","messages":[{"content":"hi"}]})", "with a role"},
        {chat, R"({"model":"m","messages":[{"role":"user","content":1}]})",
         "content must be a string"},
        {chat, R"({"model":"m","messages":[{"role":"user","images":[1]}]})", "base64"},
        {chat, R"({"model":"m","messages":[{"role":"user","images":"x"}]})", "base64"},
        {chat, R"({"model":"m","messages":[{"role":"assistant","tool_calls":[1]}]})", "tool_calls"},
        {chat, R"({"model":"m","messages":[{"role":"user","content":"q"}],"tools":"x"})",
         "tools must be a list"},
        {chat, R"({"model":"m","stream":"yes","messages":[]})", "stream must be true or false"},
        {generate, R"({"model":"m","prompt":["a"]})", "prompt must be a string"},
        {generate, R"({"model":"m","prompt":"a","format":"xml"})", "format must be"},
        {generate, R"({"model":"m","prompt":"a","think":"much"})", "think must be"},
        {generate, R"({"model":"m","prompt":"a","think":1})", "think must be"},
        {generate, R"({"model":"m","prompt":"a","options":[]})", "options must be an object"},
        {generate, R"({"model":"m","prompt":"a","options":{"temperature":"hot"}})",
         "options.temperature must be a number"},
        {generate, R"({"model":"m","prompt":"a","options":{"top_k":1.5}})",
         "options.top_k must be a whole number"},
        {generate, R"({"model":"m","prompt":"a","options":{"stop":[1]}})", "options.stop"},
        {generate, R"({"model":"m","prompt":"a","keep_alive":{}})", "keep_alive"},
        {generate, R"({"model":"m","prompt":"a","raw":true,"images":["x"]})", "images"},
        {generate, R"({"model":"m","prompt":"a","suffix":"b","images":["x"]})", "images"},
        {embed, R"({"model":"m","input":5})", "input must be"},
        {embed, R"({"model":"m","input":["a",5]})", "input must be"},
        {embed, R"({"model":"m","input":"a","dimensions":"4"})", "dimensions"},
        {embeddings, R"({"model":"m","prompt":["a"]})", "prompt must be a string"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.body);
        CHECK(refused(row.endpoint, row.body).find(row.words) != std::string::npos);
    }
}

TEST_CASE("A body of Ollama's that names a model") {
    const auto named = [](std::string_view body) {
        return std::get<OllamaNamed>(ollama_named(body));
    };
    CHECK(named(R"({"model":"a"})").model == "a");
    CHECK(named(R"({"model":"a"})").stream);
    CHECK(named(R"({"name":"b","stream":false})").model == "b");
    CHECK_FALSE(named(R"({"name":"b","stream":false})").stream);
    CHECK(std::get<OllamaRefusal>(ollama_named("{}")).message == "model is required");
    CHECK(std::get<OllamaRefusal>(ollama_named("x")).status == 400);
    CHECK(without_latest("a:latest") == "a");
    CHECK_FALSE(without_latest("a:8b"));
    CHECK_FALSE(without_latest(":latest"));
}
