// What other programs' folders look like, and files that are none yet.
#include "models/file_pieces.hpp"
#include "models/ollama_store.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::models;

namespace {

const std::string k_digits(64, 'a');

std::string layer(const std::string& type, const std::string& digest) {
    return R"({"mediaType": ")" + type + R"(", "digest": ")" + digest + R"(", "size": 1})";
}

} // namespace

// The form that Ollama 0.12 writes.
TEST_CASE("ollama's store: a manifest names the model's file and its projector") {
    const std::string model = "application/vnd.ollama.image.model";
    const std::string projector = "application/vnd.ollama.image.projector";
    const auto manifest = [&](const std::string& layers) {
        return store_manifest(R"({"schemaVersion": 2, "layers": [)" + layers + "]}");
    };
    const auto plain = manifest(layer("application/vnd.ollama.image.template", "sha256:x") + "," +
                                layer(model, "sha256:" + k_digits));
    REQUIRE(plain);
    CHECK(plain->model == "sha256-" + k_digits);
    CHECK(plain->projector.empty());
    const auto sees = manifest(layer(model, "sha256:" + k_digits) + "," +
                               layer(projector, "sha256:" + std::string(64, 'b')));
    REQUIRE(sees);
    CHECK(sees->projector == "sha256-" + std::string(64, 'b'));
    // Nothing else may name a file.
    CHECK_FALSE(manifest(layer(model, "sha256:../../etc/passwd")));
    CHECK_FALSE(manifest(layer(model, "md5:" + k_digits)));
    CHECK_FALSE(manifest(layer(model, "sha256:" + std::string(64, 'A'))));
    CHECK_FALSE(manifest(layer(projector, "sha256:" + k_digits)));
    CHECK_FALSE(manifest(""));
    for (const char* text : {"", "[]", "{}", R"({"layers": 3})", R"({"layers": [3, null]})"})
        CHECK_FALSE(store_manifest(text));
}

TEST_CASE("ollama's store: a manifest's place is the model's name") {
    CHECK(store_name("registry.ollama.ai/library/qwen3/8b") == "qwen3:8b");
    CHECK(store_name("registry.ollama.ai/library/llama3.2/latest") == "llama3.2:latest");
    CHECK(store_name("registry.ollama.ai/user/model/tag") == "user/model:tag");
    CHECK(store_name("hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF/Q4_K_M") ==
          "hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M");
    for (const char* path : {"", "qwen3", "qwen3/8b", "a//b/c", "a/b/c/d/e/f", "a/b/.c/d"})
        CHECK_FALSE(store_name(path));
}

TEST_CASE("pieces: a file that was cut is told with the command that joins it") {
    const auto piece = piece_name("X.i1-Q6_K.gguf.part1of2");
    REQUIRE(piece);
    CHECK(piece->whole == "X.i1-Q6_K.gguf");
    CHECK(piece->number == 1);
    CHECK(piece->count == 2);
    const auto letter = piece_name("falcon-180B.Q4_K_M.gguf-split-b");
    REQUIRE(letter);
    CHECK(letter->whole == "falcon-180B.Q4_K_M.gguf");
    CHECK(letter->number == 2);
    CHECK(letter->count == 0);
    for (const char* name :
         {"X.gguf", "X.gguf.part", "X.gguf.part3of2", "X.gguf.part0of2", "X.bin.part1of2",
          "X.gguf.partonetwo", ".X.gguf.part1of2", "X.gguf.part1of", "X.gguf-split-", ""})
        CHECK_FALSE(piece_name(name));

    const auto whole = join_remark("big", "X.gguf", 2, {"X.gguf.part1of2", "X.gguf.part2of2"});
    CHECK(whole.find("cat X.gguf.part1of2 X.gguf.part2of2 > X.gguf") != std::string::npos);
    CHECK(whole.find("big/X.gguf") == 0);
    const auto part = join_remark("", "X.gguf", 3, {"X.gguf.part1of3"});
    CHECK(part.find("2 are missing") != std::string::npos);
    // Names are data.
    const auto odd = join_remark("", "a b;rm.gguf", 1, {"-a b'c;rm.gguf.part1of1"});
    CHECK(odd.find("cat './-a b'\\''c;rm.gguf.part1of1' > 'a b;rm.gguf'") != std::string::npos);
}
