#include "odysseus/proxy/models_answer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

TEST_CASE("models answer: loaded models of a list, whatever the list holds") {
    struct Row {
        const char* list;
        std::vector<std::string> ids;
    };
    const Row rows[] = {
        {R"({"data":[{"id":"a","status":{"value":"loaded"}},{"id":"b","status":{"value":"x"}}]})",
         {"a"}},
        {R"({"data":[{"id":"a","status":{"value":null}},{"id":"b","status":{"value":"loaded"}}]})",
         {"b"}},
        {R"({"data":[{"id":1,"status":{"value":"loaded"}}]})", {}},
        {R"({"data":[{"id":"a","status":"loaded"},{"id":"b","status":null},{"id":"c"},7,null,[]]})",
         {}},
        {R"({"data":[{"id":"a","status":{"value":["loaded"]}},{"id":"b","status":{}}]})", {}},
        {R"({"data":{"id":"a","status":{"value":"loaded"}}})", {}},
        {R"({"data":null})", {}},
        {R"([])", {}},
        {"null", {}},
        {"", {}},
        {"{", {}},
    };
    for (const auto& row : rows) {
        INFO(row.list);
        CHECK(loaded_ids(row.list) == row.ids);
    }
}

TEST_CASE("models answer: the context in use and the kind, loaded or not") {
    models::Model chat;
    chat.id = "chat";
    chat.trained_context = 131072;
    models::Model other = chat;
    other.id = "other";
    other.kind = models::ModelKind::embedding;
    const auto context_of = [](const std::string& id) { return id == "chat" ? 4096 : 0; };
    const auto list = nlohmann::json::parse(
        models_answer(R"({"data":[{"id":"chat","meta":null},{"id":"other","meta":{"n_ctx":512}}]})",
                      {chat, other}, {}, context_of))["data"];
    CHECK(list[0]["context_length"] == 4096);
    CHECK(list[0]["meta"]["n_ctx"] == 4096);
    CHECK(list[0]["meta"]["n_ctx_train"] == 131072);
    CHECK(list[0]["kind"] == "chat");
    CHECK(list[1]["context_length"] == 512); // llama-server's own word
    CHECK(list[1]["kind"] == "embedding");
    const auto entry = model_entry("", {chat}, "CHAT", context_of);
    REQUIRE(entry);
    CHECK(nlohmann::json::parse(*entry)["context_length"] == 4096);
    CHECK(models_answer("", {other}, {}, context_of).find("context_length") == std::string::npos);
}
