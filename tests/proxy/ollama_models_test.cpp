// Ollama's lists and what it shows of a model, field by field as its documentation has them.
#include "proxy/ollama_models.hpp"

#include "proxy/ollama_endpoints.hpp"
#include "proxy/ollama_pull.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;
using nlohmann::json;

namespace {

OllamaModel a_model() {
    OllamaModel model;
    model.model.id = "Qwen3-8B-Q4_K_M";
    model.model.names = {"qwen3-8b", "Qwen3-8B-Q4_K_M"};
    model.model.size_bytes = 5'000'000'000;
    model.model.architecture = "qwen3";
    model.model.trained_context = 40960;
    model.model.file_type = 15;
    model.model.parameter_count = 8'190'735'360;
    model.modified_ns = 1'700'000'000'000'000'000;
    model.digest = std::string(64, 'a');
    return model;
}

models::GgufInfo a_header() {
    models::GgufInfo header;
    header.architecture = "qwen3";
    header.values = {{"general.architecture", std::string("qwen3")},
                     {"general.license", std::string("apache-2.0")},
                     {"general.file_type", std::int64_t{15}},
                     {"context_length", std::int64_t{40960}},
                     {"rope.freq_base", 1000000.0},
                     {"attention.head_count_kv", std::vector<std::int64_t>{8, 8}}};
    header.vocab_size = 151936;
    return header;
}

const json k_details = {{"parent_model", ""},       {"format", "gguf"},
                        {"family", "qwen3"},        {"families", {"qwen3"}},
                        {"parameter_size", "8.2B"}, {"quantization_level", "Q4_K_M"}};

const std::string k_router_list =
    R"({"data":[{"id":"Qwen3-8B-Q4_K_M","status":{"value":"loaded"},"meta":{"n_ctx":8192}},
    {"id":"org/repo:Q8_0","status":{"value":"loaded"},"meta":{"n_ctx":512,"size":77}},
    {"id":"idle","status":{"value":"unloaded"}}]})";

json capabilities(const models::GgufInfo& header, const models::Model& model = {}) {
    OllamaModel one;
    one.model = model;
    return json::parse(ollama_show(one, &header, {}))["capabilities"];
}

} // namespace

TEST_CASE("GET /api/tags, field by field") {
    const auto tags = json::parse(ollama_tags({a_model()}, {"org/repo:Q8_0"}, k_router_list));
    REQUIRE(tags["models"].size() == 2);
    CHECK(tags["models"][0] == json{{"name", "qwen3-8b:latest"},
                                    {"model", "qwen3-8b:latest"},
                                    {"modified_at", "2023-11-14T22:13:20.000000000Z"},
                                    {"size", 5'000'000'000},
                                    {"digest", std::string(64, 'a')},
                                    {"details", k_details}});
    CHECK(tags["models"][1]["name"] == "org/repo:Q8_0");
    CHECK(tags["models"][1]["size"] == 77);
    CHECK(ollama_tags({}, {}, "") == R"({"models":[]})");
}

TEST_CASE("GET /api/ps, field by field") {
    const auto ps = json::parse(ollama_ps({a_model()}, k_router_list, {4096, true}));
    REQUIRE(ps["models"].size() == 2);
    CHECK(ps["models"][0] == json{{"name", "qwen3-8b:latest"},
                                  {"model", "qwen3-8b:latest"},
                                  {"size", 5'000'000'000},
                                  {"digest", std::string(64, 'a')},
                                  {"details", k_details},
                                  {"expires_at", "2318-01-01T00:00:00Z"},
                                  {"size_vram", 5'000'000'000},
                                  {"context_length", 8192}});
    CHECK(ps["models"][1]["context_length"] == 512);
    const auto on_cpu = json::parse(
        ollama_ps({a_model()}, R"({"data":[{"id":"Qwen3-8B-Q4_K_M","status":{"value":"loaded"}}]})",
                  {4096, false}));
    CHECK(on_cpu["models"][0]["size_vram"] == 0);
    CHECK(on_cpu["models"][0]["context_length"] == 4096);
    CHECK(ollama_ps({a_model()}, "no JSON", {}) == R"({"models":[]})");
}

TEST_CASE("POST /api/show, field by field") {
    auto header = a_header();
    header.chat_template = "{% if tools %}{{ enable_thinking }}";
    header.can_insert = true;
    auto model = a_model();
    model.model.mmproj = "/models/mmproj.gguf";
    const auto shown = json::parse(ollama_show(model, &header, {8192, false}));
    CHECK(shown["template"] == header.chat_template);
    CHECK(shown["license"] == "apache-2.0");
    CHECK(shown["details"] == k_details);
    CHECK(shown["modified_at"] == "2023-11-14T22:13:20.000000000Z");
    CHECK(shown["parameters"] == "num_ctx                        8192");
    CHECK(shown["modelfile"].get<std::string>().find("FROM qwen3-8b:latest") != std::string::npos);
    CHECK(shown["capabilities"] == json{"completion", "vision", "tools", "insert", "thinking"});
    CHECK(shown["model_info"] == json{{"general.architecture", "qwen3"},
                                      {"general.license", "apache-2.0"},
                                      {"general.file_type", 15},
                                      {"general.parameter_count", 8'190'735'360},
                                      {"qwen3.context_length", 40960},
                                      {"qwen3.rope.freq_base", 1000000.0},
                                      {"qwen3.attention.head_count_kv", {8, 8}},
                                      {"qwen3.vocab_size", 151936}});
    const auto unread = json::parse(ollama_show(a_model(), nullptr, {}));
    CHECK(unread["capabilities"] == json::array({"completion"}));
    CHECK(unread["model_info"] == json::object());
    CHECK(unread["parameters"] == "");
    const auto foreign = json::parse(ollama_show_foreign("org/repo:Q8_0", {512, false}));
    CHECK(foreign["capabilities"] == json::array({"completion"}));
    CHECK(foreign["details"]["format"] == "gguf");
}

TEST_CASE("What a model of Ollama's can do") {
    auto header = a_header();
    CHECK(capabilities(header) == json::array({"completion"}));
    header.chat_template = "{{ messages }}";
    CHECK(capabilities(header) == json::array({"completion"}));
    header.chat_template = "<think>";
    CHECK(capabilities(header) == json{"completion", "thinking"});
    models::Model model;
    model.kind = models::ModelKind::embedding;
    CHECK(capabilities(header, model) == json::array({"embedding"}));
    model.kind = models::ModelKind::rerank;
    CHECK(capabilities(header, model) == json::array());
}

TEST_CASE("Names that Ollama's clients know") {
    auto model = a_model().model;
    CHECK(ollama_name(model) == "qwen3-8b:latest");
    model.names = {"org/repo:Q4"};
    CHECK(ollama_name(model) == "org/repo:Q4");
    model.names.clear();
    CHECK(ollama_name(model) == "Qwen3-8B-Q4_K_M:latest");
}

TEST_CASE("Which request is for which endpoint of Ollama's") {
    using enum OllamaEndpoint;
    const struct {
        const char* method;
        const char* path;
        std::optional<OllamaEndpoint> endpoint;
    } rows[] = {
        {"GET", "/api/version", version},
        {"HEAD", "/api/version", version},
        {"GET", "/api/tags", tags},
        {"POST", "/api/tags", wrong_method},
        {"POST", "/api/show", show},
        {"GET", "/api/show", wrong_method},
        {"GET", "/api/ps", ps},
        {"POST", "/api/chat", chat},
        {"POST", "/api/generate", generate},
        {"POST", "/api/embed", embed},
        {"POST", "/api/embeddings", embeddings},
        {"POST", "/api/pull", pull},
        {"DELETE", "/api/delete", unavailable},
        {"POST", "/api/delete", wrong_method},
        {"POST", "/api/copy", unavailable},
        {"POST", "/api/create", unavailable},
        {"POST", "/api/push", unavailable},
        {"HEAD", "/api/blobs/sha256:1", unavailable},
        {"POST", "/api/blobs/sha256:1", unavailable},
        {"GET", "/api/v0/models", unknown},
        {"GET", "/api/", unknown},
        {"GET", "/api", std::nullopt},
        {"GET", "/apis", std::nullopt},
        {"POST", "/v1/chat/completions", std::nullopt},
        {"GET", "/", std::nullopt},
    };
    for (const auto& row : rows) {
        CAPTURE(row.method, row.path);
        CHECK(ollama_endpoint_of(row.method, row.path) == row.endpoint);
        if (!row.endpoint) continue;
        const bool there = *row.endpoint != unavailable && *row.endpoint != unknown &&
                           *row.endpoint != wrong_method;
        if (there) continue;
        const auto why = ollama_unavailable(row.method, row.path, *row.endpoint);
        CHECK(why.status >= 404);
        CHECK(why.sentence.ends_with('.'));
    }
    CHECK(ollama_unavailable("HEAD", "/api/blobs/sha256:1", unavailable).status == 404);
    CHECK(ollama_unavailable("POST", "/api/create", unavailable).status == 501);
    CHECK(ollama_unavailable("GET", "/api/v0/models", unknown).sentence.find("/v1") !=
          std::string::npos);
}

TEST_CASE("Errors of Ollama's") {
    CHECK(ollama_error("a \"b\"\n") == R"({"error":"a \"b\"\n"})");
    CHECK(ollama_error("\xff") == "{\"error\":\"\xEF\xBF\xBD\"}");
    CHECK(message_of_error(R"({"error":{"message":"x"}})") == "x");
    CHECK(message_of_error(R"({"error":"x"})") == "x");
    CHECK(message_of_error(" plain\r\n") == "plain");
    CHECK(message_of_error(std::string(9000, 'x')).size() == 4096);
    CHECK(ollama_unknown_model("nope", {"a", "b"}) ==
          "model 'nope' not found; did you mean: a, b?");
    CHECK(ollama_unknown_model("nope", {}).find("model 'nope' not found") == 0);
}

TEST_CASE("What POST /api/pull fetches") {
    const struct {
        const char* asked;
        const char* name;
    } rows[] = {
        {"org/repo", "org/repo"},
        {"org/repo:latest", "org/repo"},
        {"org/repo:Q4_K_M", "org/repo:Q4_K_M"},
        {"hf.co/org/repo:Q4_K_M", "org/repo:Q4_K_M"},
        {"HF.co/org/repo", "org/repo"},
        {"huggingface.co/org/repo", "org/repo"},
        {"https://huggingface.co/org/repo", "https://huggingface.co/org/repo"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.asked);
        CHECK(std::get<std::string>(ollama_pull_name(row.asked)) == row.name);
    }
    const auto library = std::get<OllamaRefusal>(ollama_pull_name("llama3.2:latest"));
    CHECK(library.status == 404);
    CHECK(library.message.find("hf.co/") != std::string::npos);
}

TEST_CASE("The lines of POST /api/pull") {
    CHECK(ollama_pull_line({"success", "", {}, {}}) == "{\"status\":\"success\"}\n");
    auto file = ollama_pull_file("6a0746a1ec1a" + std::string(52, '0'), "x.gguf", 100);
    file.completed = 5;
    CHECK(json::parse(ollama_pull_line(file)) ==
          json{{"status", "pulling 6a0746a1ec1a"},
               {"digest", "sha256:6a0746a1ec1a" + std::string(52, '0')},
               {"total", 100},
               {"completed", 5}});
    CHECK(json::parse(ollama_pull_line(ollama_pull_file({}, "x.gguf", {}))) ==
          json{{"status", "pulling x.gguf"}, {"digest", "x.gguf"}});
}

TEST_CASE("ollama: a model of Ollama's store is listed under the name that it has there") {
    models::Model model;
    model.id = "qwen3-8b";
    model.names = {"qwen3", "qwen3:8b", "qwen3-8b"};
    model.path = "/o/blobs/sha256-aa";
    CHECK(ollama_name(model) == "qwen3:8b");
    model.path = "/m/qwen3.gguf";
    CHECK(ollama_name(model) == "qwen3:latest");
}
