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
        {"/api/chat/", "/api/chat"},
        {"//api//tags/", "/api/tags"},
        {"/v1/api/chat", "/api/chat"},
        {"/v1/v1/api/ps/", "/api/ps"},
        {"/api/v1/chat/completions", "/v1/chat/completions"},
        {"/api/v1/messages/", "/v1/messages"},
        {"/api/blobs/sha256:0", "/api/blobs/sha256:0"},
        {"/api/nothing/", "/api/nothing/"},
        {"/v1/api/nothing", "/v1/api/nothing"},
        {"/health/", "/health"},
        {"/odysseus/", "/odysseus"},
        {"//api//chat", "/api/chat"},
        {"/api/tags/", "/api/tags"},
        {"/api/blobs//sha256:1", "/api/blobs/sha256:1"},
        // The base URL of the client ends in, or begins with, what is not of it.
        {"/api/api/chat", "/api/chat"},
        {"/ollama/api/tags", "/api/tags"},
        {"/openai/v1/chat/completions", "/v1/chat/completions"},
        {"/api/v1/models", "/v1/models"},
        {"/v1/chat/completions/chat/completions", "/chat/completions"},
        {"/v1/chat/completions/v1/chat/completions", "/v1/chat/completions"},
        {"/v1/chat/completions/models", "/models"},
        {"/v1/messages/v1/messages", "/v1/messages"},
        {"/v1/messages/v1/messages/count_tokens", "/v1/messages/count_tokens"},
        // What is not known stays as it came, byte for byte.
        {"/", "/"},
        {"//", "//"},
        {"/index.html", "/index.html"},
        {"/assets//a.js", "/assets//a.js"},
        {"/v1/v1x", "/v1/v1x"},
        {"/v1/v1/nothing", "/v1/v1/nothing"},
        {"/api//nothing", "/api//nothing"},
        {"/api/", "/api/"},
        {"/static/models", "/static/models"},
        {"/a/health", "/a/health"},
        {"/v1/models/org/chat/completions", "/v1/models/org/chat/completions"},
        {"*", "*"},
        {"", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.path);
        CHECK(meant_path(row.path) == row.meant);
    }
}

TEST_CASE("Paths: what there is not is answered with what was meant") {
    struct Row {
        const char* method;
        const char* path;
        const char* says;
    };
    const Row rows[] = {
        {"GET", "/v1/chat/completions", "/v1/chat/completions takes POST, not GET."},
        {"DELETE", "/v1/models/alpha", "odysseus deletes no models"},
        {"PUT", "/completion", "/completion takes POST, not PUT."},
        {"POST", "/v1/chat/completion", "did you mean /v1/chat/completions?"},
        {"POST", "/v1/chat", "did you mean /v1/chat/completions?"},
        {"POST", "/v1/message", "did you mean /v1/messages?"},
        {"POST", "/v1/embedings", "did you mean /v1/embeddings?"},
        {"GET", "/v1/model", "did you mean /models?"},
        {"POST", "/v1/moderations", "There is no /v1/moderations here; OpenAI's interface"},
        {"GET", "/healthz", "did you mean /health?"},
        {"GET", "/odyseus", "did you mean /odysseus?"},
        {"GET", "/wp-login.php", "There is no /wp-login.php here; OpenAI's interface is at /v1"},
    };
    for (const auto& row : rows) {
        const auto told = unknown_path_message(row.method, row.path);
        CAPTURE(row.path, told);
        CHECK(told.find(row.says) != std::string::npos);
    }
    CHECK(unknown_path_message("GET", "/" + std::string(5000, 'x')).size() < 300);
}
