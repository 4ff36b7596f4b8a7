#include "commands/redact.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::commands;

namespace {

std::string line(std::string_view text, const RedactRules& rules = {}) {
    auto out = redacted(text, rules);
    if (!out.empty()) out.pop_back();
    return out;
}

} // namespace

TEST_CASE("redact: what must go") {
    struct Row {
        const char* text;
        const char* left;
    };
    const Row rows[] = {
        {"Authorization: Bearer abc.def-123", "Authorization: [removed]"},
        {"> authorization: Basic dXNlcjpw", "> authorization: [removed]"},
        {"x-api-key: k1 and more", "x-api-key: [removed]"},
        {"{\"api_key\":\"k1x\",\"n\":1}", "{\"api_key\":\"[removed]\",\"n\":1}"},
        {"api_keys = [\"a-key\"]", "api_keys = [\"[removed]\"]"},
        {"args: --api-key sesame --port 1", "args: --api-key [removed] --port 1"},
        {"HF_TOKEN=short", "HF_TOKEN=[removed]"},
        {"password=p&x=1", "password=[removed]&x=1"},
        {"got hf_abcdefghijklmnopqrstuvwxyz0123 here", "got [removed] here"},
        {"key ghp_0123456789abcdef0123.", "key [removed]"},
        {"see sk-proj-0123456789abcdef", "see [removed]"},
        {"proxy http://me:hush@proxy.example:3128/", "proxy http://[removed]@proxy.example:3128/"},
        {"GET https://cdn.example/f.gguf?X-Amz-Signature=77 done",
         "GET https://cdn.example/f.gguf?[removed] done"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"my diary\"}]}",
         "{\"messages\": [removed]"},
        {"prompt: my diary", "prompt: [removed]"},
        {"slot 0 | prompt = 'my diary'", "slot 0 | prompt = [removed]"},
        {"{\\\"content\\\": \\\"my diary\\\"}", "{\\\"content\\\": [removed]"},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        CHECK(line(row.text) == row.left);
    }
}

TEST_CASE("redact: what may stay") {
    for (const char* text :
         {"prompt eval time =    5.00 ms /    12 tokens (    0.42 ms per token)",
          "slot update_slots: id 0 | task 1 | new prompt, n_ctx_slot = 4096, n_tokens = 12",
          "load: special tokens cache size = 25", "n_tokens = 512", "the basic idea",
          "model token count 5", "https://huggingface.co/org/repo", "alloc failed: out of memory",
          "sk-short", "hf_short", "context: 4096 tokens", "general.name str = Qwen",
          "listening on http://127.0.0.1:8080"}) {
        INFO(text);
        CHECK(line(text) == text);
    }
}

TEST_CASE("redact: known secrets and the user's folder") {
    RedactRules rules;
    rules.secrets = {"open", "open-sesame", "abc", ""};
    rules.home_folder = "/home/anna";
    CHECK(line("said open-sesame to /home/anna/models, abc", rules) ==
          "said [removed] to ~/models, abc");
    rules.home_folder = "/";
    CHECK(line("/home/anna", rules) == "/home/anna");
    CHECK(redacted("a\r\nb", {}) == "a\nb\n");
    CHECK(redacted("", {}).empty());
}

TEST_CASE("redact: what was said over several lines goes as a whole") {
    RedactRules inside;
    inside.begins_inside = true;
    CHECK(redacted("the end of a letter\n[1] 0.1 I srv: ready\n", inside) ==
          "[1] 0.1 I srv: ready\n");
    CHECK(redacted("[33583] 0.00.1 D srv: prompt: Dear\n"
                   "diary, today\n"
                   "\n"
                   "I was not well.\n"
                   "[33583] 0.00.2 I slot print_timing: id  0 | done\n"
                   "content = 'x\ny'\n"
                   "ggml_cuda_init: found 1 CUDA devices:\n"
                   "  Device 0: RTX\n",
                   {}) == "[33583] 0.00.1 D srv: prompt: [removed]\n"
                          "[33583] 0.00.2 I slot print_timing: id  0 | done\n"
                          "content = [removed]\n"
                          "ggml_cuda_init: found 1 CUDA devices:\n"
                          "  Device 0: RTX\n");
}

TEST_CASE("redact: an argument on the line after its flag") {
    CHECK(redacted("0.02.0 I srv  load:   --api-key\n"
                   "0.02.0 I srv  load:   sesame\n"
                   "0.02.0 I srv  load:   --port\n"
                   "0.02.0 I srv  load:   10086\n",
                   {}) == "0.02.0 I srv  load:   --api-key\n"
                          "0.02.0 I srv  load:   [removed]\n"
                          "0.02.0 I srv  load:   --port\n"
                          "0.02.0 I srv  load:   10086\n");
}
