#include "proxy/endpoints.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

TEST_CASE("Paths: what was meant, where that is known") {
    struct Row {
        const char* path;
        const char* meant;
    };
    const Row rows[] = {
        {"/v1/chat/completions", "/v1/chat/completions"},
        {"/v1/chat/completions/", "/v1/chat/completions"},
        {"//v1/chat/completions", "/v1/chat/completions"},
        {"/v1//chat///completions//", "/v1/chat/completions"},
        {"/v1/v1/chat/completions", "/v1/chat/completions"},
        {"/v1/v1/v1/messages", "/v1/messages"},
        {"/v1/v1", "/v1"},
        {"/v1/", "/v1"},
        {"/chat/completions", "/chat/completions"},
        {"/messages", "/v1/messages"},
        {"/v1/v1/messages/count_tokens/", "/v1/messages/count_tokens"},
        {"/audio/transcriptions", "/v1/audio/transcriptions"},
        {"/v1/completion", "/completion"},
        {"/v1/tokenize", "/tokenize"},
        {"/v1/models/", "/v1/models"},
        {"/v1/v1/models/org/repo", "/v1/models/org/repo"},
        {"/health/", "/health"},
        {"/odysseus/", "/odysseus"},
        // What is not known stays as it came, byte for byte.
        {"/", "/"},
        {"//", "//"},
        {"/index.html", "/index.html"},
        {"/assets//a.js", "/assets//a.js"},
        {"/v1/v1x", "/v1/v1x"},
        {"/v1/v1/nothing", "/v1/v1/nothing"},
        {"*", "*"},
        {"", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.path);
        CHECK(meant_path(row.path) == row.meant);
    }
}
