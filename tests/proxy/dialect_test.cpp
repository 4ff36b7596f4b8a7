#include "proxy/dialect.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using Json = nlohmann::json;

TEST_CASE("Dialects: by the path, also of a request that was never read in full") {
    CHECK(dialect_of("/v1/messages") == Dialect::anthropic);
    CHECK(dialect_of("/v1/messages/count_tokens") == Dialect::anthropic);
    CHECK(dialect_of("/v1/chat/completions") == Dialect::openai);
    CHECK(dialect_of("/v1/messagesx") == Dialect::openai);
    CHECK(dialect_of_beginning("POST /v1/messages?beta=true HTTP/1.1\r\nHost: x") ==
          Dialect::anthropic);
    CHECK(dialect_of_beginning("POST /v1/v1/messages HTTP/1.1\r\n") == Dialect::anthropic);
    CHECK(dialect_of_beginning("GET /v1/models HTTP/1.1\r\n") == Dialect::openai);
    for (const char* bytes : {"", "POST", "POST ", "POST /v1/mess", "\x16\x03\x01", "GET x y\r\n"})
        CHECK(dialect_of_beginning(bytes) == Dialect::unknown);
}

TEST_CASE("Dialects: an error in the client's own shape") {
    const ErrorFacts error{503, "server_busy", "say \"why\"", "model"};
    const auto openai = Json::parse(error_body(Dialect::openai, error));
    CHECK(openai == Json({{"error",
                           {{"message", "say \"why\""},
                            {"type", "server_error"},
                            {"param", "model"},
                            {"code", "server_busy"}}}}));
    const auto anthropic = Json::parse(error_body(Dialect::anthropic, error));
    CHECK(anthropic ==
          Json({{"type", "error"},
                {"error", {{"type", "overloaded_error"}, {"message", "say \"why\""}}}}));
    const auto both = Json::parse(error_body(Dialect::unknown, error));
    CHECK(both["type"] == "error");
    CHECK(both["error"]["type"] == "overloaded_error");
    CHECK(both["error"]["message"] == "say \"why\"");
    CHECK(both["error"]["code"] == "server_busy");
    struct Row {
        int status;
        const char* type;
    };
    for (const auto& row :
         {Row{400, "invalid_request_error"}, Row{401, "authentication_error"},
          Row{403, "permission_error"}, Row{404, "not_found_error"}, Row{413, "request_too_large"},
          Row{415, "invalid_request_error"}, Row{429, "rate_limit_error"}, Row{500, "api_error"},
          Row{501, "api_error"}, Row{504, "api_error"}}) {
        CAPTURE(row.status);
        CHECK(Json::parse(error_body(Dialect::anthropic, {row.status, "", ""}))["error"]["type"] ==
              row.type);
    }
}

TEST_CASE("Dialects: events of a stream") {
    CHECK(error_event(Dialect::openai, "{\n}\r\n") == "data: { }  \n\n");
    CHECK(error_event(Dialect::anthropic, "{}") == "event: error\ndata: {}\n\n");
    CHECK(ping_event(Dialect::openai).starts_with(": "));
    CHECK(ping_event(Dialect::anthropic) == "event: ping\ndata: {\"type\": \"ping\"}\n\n");
}

TEST_CASE("Dialects: llama-server's errors get Anthropic's shape, and others stay as they are") {
    const auto plain = R"({"error":{"code":400,"message":"'messages' is required","type":"x"}})";
    const auto told = translated_error(Dialect::anthropic, 400, plain, {});
    REQUIRE(told);
    CHECK(Json::parse(*told) ==
          Json({{"type", "error"},
                {"error",
                 {{"type", "invalid_request_error"}, {"message", "'messages' is required"}}}}));
    CHECK_FALSE(translated_error(Dialect::openai, 400, plain, {}));
    CHECK_FALSE(translated_error(Dialect::anthropic, 400,
                                 R"({"type":"error","error":{"type":"a","message":"b"}})", {}));
    for (const char* body :
         {"", "Not Found", "<html>", "[]", R"({"error":"words"})", R"({"a":1})"}) {
        CAPTURE(body);
        const auto made = translated_error(Dialect::anthropic, 500, body, {});
        REQUIRE(made);
        const auto json = Json::parse(*made);
        CHECK(json["type"] == "error");
        CHECK(json["error"]["type"] == "api_error");
        CHECK(json["error"]["message"].is_string());
        CHECK_FALSE(translated_error(Dialect::openai, 500, body, {}));
    }
}

TEST_CASE("Dialects: a prompt that is too long is told with the context and the flag") {
    const auto body =
        R"({"error":{"code":400,"message":"request (6012 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":6012,"n_ctx":4096}})";
    const auto openai = translated_error(Dialect::openai, 400, body, {.context = 8192});
    REQUIRE(openai);
    const auto error = Json::parse(*openai)["error"];
    CHECK(error["n_ctx"] == 4096);
    CHECK(error["type"] == "exceed_context_size_error");
    const auto message = error["message"].get<std::string>();
    for (const char* part : {"prompt is too long: 6012 tokens > 4096 maximum",
                             "context_length_exceeded", "4096 tokens", "--ctx"})
        CHECK(message.find(part) != std::string::npos);
    const auto anthropic = translated_error(Dialect::anthropic, 400, body, {.context = 8192});
    REQUIRE(anthropic);
    CHECK(Json::parse(*anthropic)["error"]["message"] == message);
    const auto without =
        translated_error(Dialect::openai, 400,
                         R"({"error":{"message":"too long","type":"exceed_context_size_error"}})",
                         {.context = 8192});
    REQUIRE(without);
    CHECK(without->find("a context of 8192 tokens") != std::string::npos);
}

TEST_CASE("Dialects: who asks a model for what it is not for is told which one is") {
    using models::ModelKind;
    const auto body =
        R"({"error":{"code":501,"message":"This server does not support embeddings. Start it with `--embeddings`","type":"not_supported_error"}})";
    struct Row {
        ModelKind kind;
        ModelKind needed;
        std::vector<std::string> fitting;
        const char* says;
    };
    const Row rows[] = {
        {ModelKind::chat,
         ModelKind::embedding,
         {"nomic"},
         "'gemma' is for chat; this request needs one for embeddings. There is: nomic."},
        {ModelKind::chat, ModelKind::embedding, {}, "odysseus pull nomic-ai/"},
        {ModelKind::chat, ModelKind::rerank, {}, "ranking. Get one: odysseus pull"},
        {ModelKind::embedding, ModelKind::chat, {"a", "b"}, "There is: a, b."},
        {ModelKind::rerank, ModelKind::chat, {}, "is for ranking; this request needs one for chat"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.says);
        const AskedModel asked{0, "gemma", row.kind, row.needed, row.fitting};
        for (const auto dialect : {Dialect::openai, Dialect::anthropic, Dialect::ollama}) {
            const auto told = translated_error(dialect, 501, body, asked);
            REQUIRE(told);
            CHECK(told->find(row.says) != std::string::npos);
            CHECK(told->find("This server") == std::string::npos);
        }
        const auto openai = Json::parse(*translated_error(Dialect::openai, 501, body, asked));
        CHECK(openai["error"]["type"] == "not_supported_error");
        CHECK_FALSE(translated_error(Dialect::openai, 500, body, asked));
    }
    CHECK_FALSE(translated_error(Dialect::openai, 501, body, {}));
    const AskedModel encoder{0, "nomic", ModelKind::embedding, ModelKind::chat, {"gemma"}};
    const auto told = translated_error(
        Dialect::openai, 500,
        R"({"error":{"code":500,"message":"the current context does not support logits computation. skipping","type":"server_error"}})",
        encoder);
    REQUIRE(told);
    CHECK(told->find("'nomic' is for embeddings; this request needs one for chat. There is: "
                     "gemma.") != std::string::npos);
}

TEST_CASE("Dialects: a body that is no JSON is told where, and what a shell has done to it") {
    struct Row {
        const char* body;
        const char* says;
        const char* never;
    };
    const Row rows[] = {
        {"", "no body", "shell"},
        {" \r\n", "no body", "shell"},
        {"'{model:a}'", "line 1, column 1. The shell has changed", "double"},
        {"'{\"model\":", "The shell has changed its quotation marks", "double"},
        {"{model:a,messages:[]}", "-d @FILE", "double"},
        {"{ model :a}", "{\\\"model\\\": ...}", "double"},
        {"{'model':'a'}", "JSON wants double quotation marks", "shell"},
        {"{\"model\":\n\"a\",}", "line 2, column 5", "shell"},
        {"[1", "column 2", "shell"},
        {"{", "column 1", "shell"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.body);
        const auto told = broken_json_message(row.body);
        REQUIRE(told);
        INFO(*told);
        CHECK(told->find("must be a JSON object") != std::string::npos);
        CHECK(told->find(row.says) != std::string::npos);
        CHECK(told->find(row.never) == std::string::npos);
    }
    for (const char* body : {"{}", "[]", "1", R"({"model":"a"})"})
        CHECK_FALSE(broken_json_message(body));
}

TEST_CASE("Dialects: a body that is not UTF-8 is told, with the cure for Windows PowerShell") {
    const std::string utf_16("\xff\xfe{\0}\0", 6);
    for (const std::string& body : {std::string("{\"a\":\"caf\xe9\"}"), utf_16}) {
        const auto told = broken_json_message(body);
        REQUIRE(told);
        CHECK(told->starts_with("The body must be UTF-8; "));
        CHECK(told->find("-ContentType 'application/json; charset=utf-8'") != std::string::npos);
    }
}

TEST_CASE("Dialects: the name of llama-server's JSON library is left out") {
    const struct {
        const char* said;
        const char* told;
    } rows[] = {
        {"[json.exception.out_of_range.403] key 'prompt' not found", "'prompt' is required"},
        {"Field 'temperature': [json.exception.type_error.302] type must be number, but is string",
         "Field 'temperature': type must be number, but is string"},
        {"[json.exception.without an end", "[json.exception.without an end"},
    };
    for (const auto& row : rows) {
        const auto body = Json({{"error", {{"code", 400}, {"message", row.said}}}}).dump();
        for (const auto dialect : {Dialect::openai, Dialect::anthropic, Dialect::ollama}) {
            const auto told = translated_error(dialect, 400, body, {});
            const auto error = Json::parse(told.value_or(body))["error"];
            CHECK((error.is_string() ? error : error["message"]) == row.told);
        }
    }
}

TEST_CASE("Dialects: a text that is too long for an embedding model is told in plain words") {
    const auto told = long_input_message(
        "input (20002 tokens) is too large to process. increase the physical batch size "
        "(current batch size: 2048)");
    REQUIRE(told);
    CHECK(told->find("20002 tokens > 2048 maximum") != std::string::npos);
    CHECK(told->find("batch") == std::string::npos);
    for (const char* other : {"", "input (", "input is wrong", "x (current batch size: 1)"})
        CHECK_FALSE(long_input_message(other));
}

TEST_CASE("Dialects: who shows a picture to a model that sees none is told of one that does") {
    CHECK(no_pictures_message("a", {"b", "c"}) ==
          "The model 'a' sees no pictures. There is: b, c.");
    CHECK(no_pictures_message("a", {}).find("odysseus pull ") != std::string::npos);
}
