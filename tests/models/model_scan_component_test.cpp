#include "odysseus/models/model_scan.hpp"

#include "odysseus/models/model_file.hpp"

#include "gguf_write.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <fstream>

using namespace odysseus;
using namespace odysseus::models;
namespace fs = std::filesystem;

namespace {

// A folder of its own that goes with the test.
class TempDir {
  public:
    TempDir() {
        static std::atomic<int> counter{0};
        const auto stamp = std::chrono::steady_clock::now().time_since_epoch().count();
        m_path = fs::temp_directory_path() /
                 ("odysseus-scan-" + std::to_string(stamp) + "-" + std::to_string(++counter));
        fs::create_directories(m_path);
    }
    ~TempDir() {
        std::error_code ignored;
        fs::remove_all(m_path, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] const fs::path& path() const { return m_path; }

  private:
    fs::path m_path;
};

std::string small_model() {
    GgufWriter out;
    out.add_text("general.architecture", "llama");
    out.add_u32("llama.block_count", 2);
    out.add_u32("llama.context_length", 4096);
    out.add_f32_tensor("t", {8}, {1.0F});
    return out.bytes();
}

void write(const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

std::vector<std::string> paths_of(const ScanResult& result) {
    std::vector<std::string> paths;
    for (const auto& scanned : result.files)
        paths.push_back(scanned.file.path);
    return paths;
}

} // namespace

TEST_CASE("scan: finds model files at every depth, and nothing else") {
    TempDir dir;
    for (const char* name : {"a.gguf", "B.GGUF", "x/y/z/deep.gguf", "a.gguf.part", ".hidden.gguf",
                             ".cache/c.gguf", "readme.md"}) {
        write(dir.path() / name, small_model());
    }
    ModelScan scan(dir.path());
    const auto result = scan.scan();
    CHECK(paths_of(result) == std::vector<std::string>{"B.GGUF", "a.gguf", "x/y/z/deep.gguf"});
    CHECK(result.findings.empty());
    CHECK(result.files[1].file.size_bytes == static_cast<std::int64_t>(small_model().size()));
    CHECK(std::get<GgufInfo>(result.files[1].header).trained_context() == 4096);
    const auto catalog = scan.catalog();
    REQUIRE(catalog.models.size() == 3);
    CHECK(catalog.models[1].path == (dir.path() / "a.gguf").generic_string());
}

TEST_CASE("scan: links to files count, loops and broken links end") {
    TempDir dir;
    write(dir.path() / "blobs/0123", small_model());
    fs::create_directories(dir.path() / "snapshots/abc");
    fs::create_symlink("../../blobs/0123", dir.path() / "snapshots/abc/m.gguf");
    fs::create_directory_symlink("..", dir.path() / "snapshots/loop");
    fs::create_symlink("nowhere", dir.path() / "broken.gguf");
    ModelScan scan(dir.path());
    const auto result = scan.scan();
    CHECK(paths_of(result) == std::vector<std::string>{"snapshots/abc/m.gguf"});
    REQUIRE(result.findings.size() == 1);
    CHECK(result.findings[0].find("broken.gguf cannot be read") == 0);
}

TEST_CASE("scan: the signature changes with the folder, and headers are read anew only then") {
    TempDir dir;
    const auto file = dir.path() / "a.gguf";
    write(file, small_model());
    ModelScan scan(dir.path());
    const auto before = scan.scan().signature;
    CHECK(scan.signature() == before);

    // The same size and time: what was read is remembered.
    const auto time = fs::last_write_time(file);
    write(file, std::string(small_model().size(), 'x'));
    fs::last_write_time(file, time);
    CHECK(std::holds_alternative<GgufInfo>(scan.scan().files.at(0).header));
    // Another time: it is not.
    fs::last_write_time(file, time + std::chrono::seconds(2));
    CHECK(scan.signature() != before);
    CHECK(std::holds_alternative<GgufRefused>(scan.scan().files.at(0).header));

    write(dir.path() / "sub/b.gguf", small_model());
    const auto with_two = scan.signature();
    fs::remove(dir.path() / "sub/b.gguf");
    CHECK(scan.signature() != with_two);
}

TEST_CASE("scan: a model's time is its file's, so a changed file is another model") {
    TempDir dir;
    const auto file = dir.path() / "a.gguf";
    write(file, small_model());
    ModelScan scan(dir.path());
    const auto before = scan.catalog().models.at(0).modified_s;
    fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(7));
    CHECK(scan.catalog().models.at(0).modified_s == before + 7);
}

TEST_CASE("scan: limits end a walk, and it is said") {
    TempDir dir;
    for (int i = 0; i < 9; ++i)
        write(dir.path() / (std::to_string(i) + ".gguf"), small_model());
    ModelScan few(dir.path(), {}, {12, 5});
    CHECK(few.scan().files.size() == 5);
    CHECK(few.scan().findings.size() == 1);
    write(dir.path() / "1/2/3/x.gguf", small_model());
    ModelScan shallow(dir.path(), {}, {2, 1000});
    CHECK(shallow.scan().files.size() == 9);
    CHECK(shallow.scan().findings.size() == 1);
}

TEST_CASE("scan: a missing folder is a finding, not an error") {
    TempDir dir;
    ModelScan scan(dir.path() / "none");
    CHECK(scan.scan().files.empty());
    REQUIRE(scan.catalog().findings.size() == 1);
    CHECK(scan.catalog().findings[0].find("There is no models folder") == 0);
}

TEST_CASE("scan: a header is read from a real file, and a folder is none") {
    TempDir dir;
    write(dir.path() / "a.gguf", small_model() + std::string(1 << 20, '\0'));
    CHECK(std::holds_alternative<GgufInfo>(read_model_header(dir.path() / "a.gguf")));
    CHECK(std::holds_alternative<GgufRefused>(read_model_header(dir.path())));
    CHECK(std::holds_alternative<GgufRefused>(read_model_header(dir.path() / "b.gguf")));
}

TEST_CASE("scan: several folders, each read as it lies, each file once") {
    TempDir own;
    TempDir other;
    write(own.path() / "a.gguf", small_model());
    write(other.path() / "publisher/repo-GGUF/b-Q4_0.gguf", small_model());
    ModelScan scan(own.path());
    scan.also({other.path(), own.path(), other.path() / "publisher"});
    const auto catalog = scan.catalog();
    REQUIRE(catalog.models.size() == 2);
    CHECK(catalog.models[0].listed_by_router);
    CHECK(catalog.models[1].id == "publisher/repo-GGUF");
    CHECK(catalog.models[1].path ==
          (other.path() / "publisher/repo-GGUF/b-Q4_0.gguf").generic_string());
    CHECK_FALSE(catalog.models[1].listed_by_router);
    const auto before = scan.signature();
    write(other.path() / "c.gguf", small_model());
    CHECK(scan.signature() != before);
}

TEST_CASE("scan: Ollama's store has Ollama's names, and what is missing there is told") {
    TempDir dir;
    const auto blob = [](char digit) { return "sha256-" + std::string(64, digit); };
    const auto manifest = [&](const std::string& place, char digit) {
        write(
            dir.path() / "manifests/registry.ollama.ai" / place,
            R"({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:)" +
                std::string(64, digit) + R"("}]})");
    };
    write(dir.path() / "blobs" / blob('a'), small_model());
    manifest("library/qwen3/8b", 'a');
    manifest("library/qwen3/latest", 'a');
    manifest("library/gone/1b", 'b');
    write(dir.path() / "manifests/registry.ollama.ai/library/odd/x", "no JSON");
    ModelScan scan(dir.path());
    const auto catalog = scan.catalog();
    REQUIRE(catalog.models.size() == 1);
    CHECK(catalog.models[0].id == "qwen3-8b");
    CHECK(catalog.models[0].path == (dir.path() / "blobs" / blob('a')).generic_string());
    CHECK(catalog.models[0].trained_context == 4096);
    REQUIRE(catalog.findings.size() == 1);
    CHECK(catalog.findings[0].find("gone:1b of Ollama's store is not offered") == 0);
    const auto before = scan.signature();
    manifest("library/qwen3/other", 'a');
    CHECK(scan.signature() != before);
}

TEST_CASE("scan: pieces of a file are told of, unless the file is there too") {
    TempDir dir;
    write(dir.path() / "x/X.gguf.part1of2", "GGUF");
    write(dir.path() / "x/X.gguf.part2of2", "more");
    ModelScan scan(dir.path());
    const auto told = scan.scan().findings;
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("cat X.gguf.part1of2 X.gguf.part2of2 > X.gguf") != std::string::npos);
    write(dir.path() / "x/X.gguf", small_model());
    CHECK(scan.scan().findings.empty());
}
