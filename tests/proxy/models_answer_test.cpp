#include "odysseus/proxy/models_answer.hpp"

#include <catch2/catch_test_macros.hpp>

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
