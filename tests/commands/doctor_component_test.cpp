#include "builds/unpack.hpp"
#include "commands/doctor_facts.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/models/toy_model.hpp"
#include "odysseus/system/file_lock.hpp"
#include "odysseus/system/files.hpp"

#include "gguf_write.hpp"
#include "release_host.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#ifndef _WIN32
#include <unistd.h>

using namespace odysseus;
using namespace odysseus::commands;
namespace fs = std::filesystem;

namespace {

void put(const fs::path& file, const std::string& content) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
}

std::string content_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// Sets a variable and puts back what was there.
class Variable {
  public:
    Variable(const char* name, const std::string& value) : m_name(name) {
        if (const char* there = std::getenv(name)) m_before = there;
        ::setenv(name, value.c_str(), 1);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() {
        if (m_before) {
            ::setenv(m_name, m_before->c_str(), 1);
        } else {
            ::unsetenv(m_name);
        }
    }

  private:
    const char* m_name;
    std::optional<std::string> m_before;
};

// A HOME with two reachable hosts, on ports that are free.
struct Fixture {
    Scratch scratch;
    ReleaseHost host;
    settings::ResolvedSettings settings;
    hardware::Machine machine;

    Fixture() {
        auto& values = settings.values;
        values.home = (scratch / "home").string();
        values.models_dir = (scratch / "home/models").string();
        values.host = "127.0.0.1";
        values.port = free_port();
        values.llama_port = free_port();
        values.github_api = host.base();
        values.hf_endpoint = host.base();
        host.serve("/rate_limit", "{}");
        fs::create_directories(values.models_dir);
        machine.ram_mib = 8192;
    }

    static int free_port() {
        const ReleaseHost gone;
        return gone.port();
    }

    [[nodiscard]] fs::path home() const { return settings.values.home; }

    [[nodiscard]] std::optional<Finding> find(const std::string& code) const {
        for (const auto& finding : findings_of(doctor_facts(settings.values, machine))) {
            if (finding.code == code) return finding;
        }
        return std::nullopt;
    }
};

} // namespace

TEST_CASE("doctor: a fresh HOME blocks nothing, and nothing is left in it") {
    const Fixture f;
    const auto findings = findings_of(doctor_facts(f.settings.values, f.machine));
    INFO(findings_text(findings));
    CHECK(doctor_exit_code(findings) == 0);
    CHECK(f.find("no_build"));
    CHECK(f.find("no_model"));
    CHECK_FALSE(f.find("host_unreachable"));
    CHECK_FALSE(f.find("port_taken"));
    CHECK_FALSE(f.find("clock"));
    std::size_t entries = 0;
    for (const auto& entry : fs::recursive_directory_iterator(f.home())) {
        INFO(entry.path());
        CHECK(entry.is_directory());
        ++entries;
    }
    CHECK(entries == 1); // models/
}

TEST_CASE("doctor: a port, and who has it") {
    Fixture f;
    const ReleaseHost other;
    f.settings.values.port = other.port();
    f.settings.values.port_asked_for = true;
    const auto finding = f.find("port_taken");
    REQUIRE(finding);
    CHECK(finding->exit_code == 7);
    CHECK(finding->what.find(concat("(process ", ::getpid(), ")")) != std::string::npos);

    // The same port of an odysseus that runs in this HOME (this test plays it).
    const auto lock = system::FileLock::try_lock(f.home() / "data/odysseus.lock");
    REQUIRE(lock);
    CHECK(f.find("already_running"));
    CHECK_FALSE(f.find("port_taken"));
}

TEST_CASE("doctor: hosts, their clock, and --offline") {
    Fixture f;
    f.host.header("/rate_limit", "Date", "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(f.find("clock"));
    f.settings.values.hf_endpoint = concat("http://127.0.0.1:", Fixture::free_port());
    const auto finding = f.find("host_unreachable");
    REQUIRE(finding);
    CHECK(finding->what.find("the model host") != std::string::npos);

    f.host.forget_seen();
    f.settings.values.offline = true;
    CHECK_FALSE(f.find("host_unreachable"));
    CHECK(f.find("no_build")->exit_code == 3);
    CHECK(f.host.seen().empty());
}

TEST_CASE("doctor: HOME, settings, models and leftovers as they lie on the disk") {
    Fixture f;
    SECTION("nothing can be written") {
        f.settings.values.home = "/proc/odysseus";
        CHECK(f.find("home_read_only"));
    }
    SECTION("a key that is almost one") {
        put(f.home() / "data/launcher_config.json", "{\"proxy_prot\": 1, \"theme\": \"dark\"}");
        CHECK(f.find("unknown_setting")->remedy == "Did you mean proxy_port?");
    }
    SECTION("a projector without its model, and a header that cannot be read") {
        put(f.home() / "models/v/mmproj-F16.gguf", std::string(models::toy_model_gguf()));
        CHECK(f.find("models_folder")->what.find("mmproj") != std::string::npos);
        put(f.home() / "models/v/mmproj-F16.gguf", "<html>");
        CHECK(f.find("models_folder"));
    }
    SECTION("a shard is missing") {
        put(f.home() / "models/s/m-00001-of-00002.gguf", std::string(models::toy_model_gguf()));
        CHECK(f.find("models_folder")->what.find("missing") != std::string::npos);
    }
    SECTION("an unfinished download, and an installation that was cut off") {
        put(f.home() / "models/m/m.gguf.part", "GGUF");
        fs::create_directories(f.home() / "bin/llama-linux-x64/.staging-1");
        CHECK(f.find("leftover_download")->what.find("m.gguf.part") != std::string::npos);
        CHECK(f.find("leftover_installation"));
    }
    SECTION("a llama-server that does not run") {
        put(f.home() / "server.sh",
            "#!/bin/sh\necho \"version \\`GLIBC_2.99' not found\" >&2\nexit 1\n");
        system::make_executable(f.home() / "server.sh");
        f.settings.values.llama_server = (f.home() / "server.sh").string();
        const auto finding = f.find("build_does_not_run");
        REQUIRE(finding);
        CHECK(finding->exit_code == 5);
        CHECK(finding->what.find("GLIBC_2.99") != std::string::npos);
        CHECK(finding->remedy.find("newer system") != std::string::npos);
    }
}

TEST_CASE("doctor: no planted secret is in the support archive, and what helps is") {
    Fixture f;
    const std::string api_key = "planted-api-key-1";
    const std::string hf_token = "planted-hf-token-2";
    const std::string proxy_password = "planted-proxy-password-3";
    const std::string llama_key = "planted-llama-key-4";
    const std::string stray_token = "ghp_planted5planted5planted5";
    const std::string prompt = "planted prompt six about a diary";
    const std::string header = "planted-header-7";
    const Variable token("HF_TOKEN", hf_token);
    const Variable proxy("HTTPS_PROXY", "http://me:" + proxy_password + "@127.0.0.1:9");
    const Variable user_home("HOME", "/home/planted-name-8");
    auto& settings = f.settings;
    settings.values.offline = true;
    settings.values.api_keys = {api_key};
    settings.raw["api_keys"] = {api_key, settings::Origin::environment, "ODYSSEUS_API_KEY"};
    settings.raw["hf_endpoint"] = {"https://me:" + proxy_password + "@mirror.example",
                                   settings::Origin::file, "f"};
    settings.raw["models_dir"] = {"/home/planted-name-8/models", settings::Origin::flag,
                                  "--models-dir"};
    put(f.home() / "logs/odysseus.log",
        concat("11:00:00.000 I started for /home/planted-name-8/odysseus\n", "argv --api-key ",
               llama_key, "\n", "used ", stray_token, " and ", hf_token, "\n",
               "Authorization: Bearer ", header, "\n", "[1] 0.3 E alloc failed: out of memory\n"));
    put(f.home() / "logs/llama-server.log",
        concat("{\"messages\": [{\"role\": \"user\", \"content\": \"", prompt, "\"}]}\n",
               std::string(300'000, 'x'), "\n[1] 0.1 D srv: prompt = '", prompt, "\n", prompt,
               "'\n[1] 0.2 I GET /v1/models 200\n"));

    const auto facts = doctor_facts(settings.values, f.machine);
    const std::vector<std::string> llama_args{"--api-key", llama_key, "-c", "4096"};
    const auto file = f.home() / "data/support.tar.gz";
    fs::create_directories(file.parent_path());
    write_tar_gz(file, bundle_members(settings, llama_args, facts, findings_of(facts)));

    const auto out = f.scratch / "unpacked";
    fs::create_directories(out);
    (void)builds::unpack(file, out, {});
    std::string everything;
    for (const auto& entry : fs::recursive_directory_iterator(out)) {
        if (entry.is_regular_file()) everything += content_of(entry.path());
    }
    for (const auto& secret : {api_key, hf_token, proxy_password, llama_key, stray_token, prompt,
                               header, std::string("planted")}) {
        INFO(secret);
        CHECK(everything.find(secret) == std::string::npos);
    }
    for (const char* useful :
         {"alloc failed: out of memory", "GET /v1/models 200", "\"ram_mib\": 8192",
          "No llama.cpp build is installed", "~/models", "\"(set)\""}) {
        INFO(useful);
        CHECK(everything.find(useful) != std::string::npos);
    }
    CHECK(everything.find(std::string(1000, 'x')) == std::string::npos); // only the end of a log
    CHECK((fs::status(file).permissions() & fs::perms::others_read) == fs::perms::none);
}
#endif
