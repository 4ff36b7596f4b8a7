#include "odysseus/settings/settings.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>

using namespace odysseus;
using namespace odysseus::settings;

namespace {

RawSettings one(const std::string& id, const std::string& text, Origin origin = Origin::environment,
                const std::string& where = "THE_VARIABLE") {
    return {{id, {text, origin, where}}};
}

std::string fault_of(const RawSettings& flags) {
    const auto parsed = parsed_settings(merged(flags, {}, {}), "/h");
    const auto* why = std::get_if<std::string>(&parsed);
    return why != nullptr ? *why : "";
}

Settings values_of(const RawSettings& flags) {
    const auto parsed = parsed_settings(merged(flags, {}, {}), "/h");
    REQUIRE(std::holds_alternative<Settings>(parsed));
    return std::get<Settings>(parsed);
}

} // namespace

TEST_CASE("settings: the defaults are the contract's") {
    const auto s = values_of({});
    CHECK_FALSE(s.ctx.has_value());
    CHECK(s.parallel == 1);
    CHECK(s.threads == 4);
    CHECK(s.models_dir == "/h/models");
    CHECK(s.host == "127.0.0.1");
    CHECK(s.port == 8080);
    CHECK(s.llama_port == 10086);
    CHECK(s.ollama_port == 0);
    CHECK_FALSE(s.port_asked_for);
    CHECK(s.release == "stable");
    CHECK_FALSE(s.device.has_value());
    CHECK(s.github_api == "https://api.github.com");
    CHECK(s.github_download == "https://github.com");
    CHECK(s.hf_endpoint == "https://huggingface.co");
    CHECK_FALSE(s.offline);
    CHECK(s.api_keys.empty());
}

TEST_CASE("settings: flag, environment, file, default, in this order") {
    const auto flag = one("ctx", "1", Origin::flag);
    const auto environment = one("ctx", "2", Origin::environment);
    const auto file = one("ctx", "3", Origin::file);
    CHECK(merged(flag, environment, file).at("ctx").text == "1");
    CHECK(merged({}, environment, file).at("ctx").text == "2");
    CHECK(merged({}, {}, file).at("ctx").text == "3");
    CHECK(merged({}, {}, {}).at("ctx").text == "auto");
    CHECK(merged({}, {}, {}).at("ctx").origin == Origin::fallback);
}

TEST_CASE(
    "settings: a value that does not parse names itself, its origin and what would be right") {
    struct Row {
        const char* id;
        const char* bad;
        const char* right;
    };
    const Row rows[] = {
        {"ctx", "abc", "auto or a whole number"},
        {"ctx", "0", "auto or a whole number"},
        {"ctx", "8kb", "auto or a whole number"},
        {"ctx", "k", "auto or a whole number"},
        {"ctx", "99999999k", "auto or a whole number"},
        {"threads", "8k", "whole number"},
        {"ctx", "maximum", "max, auto or a whole number"},
        {"kv", "q9", "one of f16, q8_0"},
        {"ctx", "99999999999999999999", "auto or a whole number"},
        {"parallel", "0", "from 1 to 256"},
        {"parallel", "two", "from 1 to 256"},
        {"threads", "-1", "auto or a whole number"},
        {"proxy_port", "99999", "from 1 to 65535"},
        {"proxy_port", "0", "from 1 to 65535"},
        {"llama_port", "http", "from 1 to 65535"},
        {"llama_port", "8080", "another port than odysseus's own"},
        {"ollama_port", "-1", "from 0 to 65535"},
        {"ollama_port", "8080", "another port than odysseus's own"},
        {"ollama_port", "10086", "another port than odysseus's own"},
        {"backend", "ollama", "llama"},
        {"device", "gpu", "auto, cuda, rocm, sycl, vulkan, metal, cpu"},
        {"release", "../b1", "stable, nightly or a tag"},
        {"github_api", "ftp://x", "https://"},
        {"github_download", "https://", "https://"},
        {"hf_endpoint", "https://a b", "https://"},
        {"offline", "maybe", "1 or 0"},
        {"log_level", "loud", "debug, info"},
        {"log_format", "xml", "text, json"},
        {"host", "a b", "an address"},
        {"sse_ping_s", "-1", "from 0"},
    };
    for (const auto& row : rows) {
        const auto why = fault_of(one(row.id, row.bad));
        INFO(row.id << "=" << row.bad << ": " << why);
        CHECK(why.find("THE_VARIABLE is '" + std::string(row.bad) + "' (environment)") == 0);
        CHECK(why.find(row.right) != std::string::npos);
    }
}

TEST_CASE("settings: look-alikes of bad values are good") {
    CHECK(values_of(one("ctx", "AUTO")).ctx == std::nullopt);
    CHECK(values_of(one("ctx", "40000")).ctx == 40000);
    CHECK(values_of(one("ctx", "Max")).ctx_max);
    CHECK_FALSE(values_of(one("ctx", "max")).ctx);
    CHECK_FALSE(values_of(one("ctx", "auto")).ctx_max);
    CHECK(values_of(one("kv", "Q8_0")).kv == "q8_0");
    CHECK(values_of({}).kv == "f16");
    CHECK(values_of(one("threads", "auto")).threads == std::nullopt);
    CHECK(values_of(one("device", "CPU")).device == Backend::cpu);
    CHECK(values_of(one("device", "sycl")).device == Backend::sycl);
    CHECK(values_of(one("device", "auto")).device == std::nullopt);
    CHECK(values_of(one("github_api", "http://127.0.0.1:9/api//")).github_api ==
          "http://127.0.0.1:9/api");
    CHECK(values_of(one("offline", "Yes")).offline);
    CHECK(values_of(one("proxy_port", "8080")).port_asked_for);
    CHECK(values_of(one("api_keys", "a, b,,c")).api_keys ==
          std::vector<std::string>{"a", "b", "c"});
    CHECK(values_of(one("models_dir", "shelf")).models_dir == "/h/shelf");
    CHECK(values_of(one("models_dir", "C:\\m")).models_dir == "C:\\m");
}

TEST_CASE("settings: the file gives numbers, texts, truth values and lists") {
    const auto read = settings_from_file(
        R"({"ctx": 8192, "offline": true, "api_keys": ["a", "b"], "host": null, "theme": "dark"})",
        "F");
    REQUIRE(std::holds_alternative<FileSettings>(read));
    const auto& file = std::get<FileSettings>(read);
    CHECK(file.values.at("ctx").text == "8192");
    CHECK(file.values.at("ctx").where == "ctx in F");
    CHECK(file.values.at("offline").text == "1");
    CHECK(file.values.at("api_keys").text == "a,b");
    CHECK(file.values.count("host") == 0);
    CHECK(file.unknown_keys == std::vector<std::string>{"theme"});
}

TEST_CASE("settings: a file that is none is refused with its name") {
    for (const char* bad :
         {"", "[]", "{", "{\"ctx\": {}}", "{\"ctx\": [1]}", "{\"api_keys\": [{}]}"}) {
        const auto read = settings_from_file(bad, "F.json");
        INFO(bad);
        REQUIRE(std::holds_alternative<std::string>(read));
        CHECK(std::get<std::string>(read).find("F.json") != std::string::npos);
    }
}

TEST_CASE("settings: a file that is no JSON says where, a value of another kind what it must be") {
    const auto why = [](const char* text) {
        return std::get<std::string>(settings_from_file(text, "F"));
    };
    CHECK(why("{\n  \"ctx\": 1,,\n}").find("line 2, column 12") != std::string::npos);
    CHECK(why("{\"ctx\": [1]}").find("ctx in F is [1]; it must be a text or a number") == 0);
    CHECK(why("{\"offline\": [true]}").find("true or false") != std::string::npos);
    CHECK(why("{\"api_keys\": [\"\"]}").find("a list of texts") != std::string::npos);
    CHECK(why("{\"api_keys\": {\"k\": \"hush\"}}").find("hush") == std::string::npos);
    const auto taken = std::get<FileSettings>(settings_from_file("{\"ctx\": true}", "F"));
    CHECK(taken.values.at("ctx").text == "true"); // and no number, which 1 would be
}

TEST_CASE("settings: a key that is set and holds none is refused") {
    CHECK(fault_of(one("api_keys", " , ")).find("must be a key") != std::string::npos);
    CHECK(fault_of(one("api_keys", "")).empty());
    CHECK(values_of(one("peers", "http://a:1#k, https://b")).peers ==
          std::vector<std::string>{"http://a:1#k", "https://b"});
    CHECK(fault_of(one("peers", "box:8080#hush")).find("must be URL or URL#KEY") !=
          std::string::npos);
    CHECK(fault_of(one("peers", "box:8080#hush")).find("hush") == std::string::npos);
}

TEST_CASE("settings: a worker is a host, with or without a port") {
    CHECK(values_of(one("worker", "")).worker.empty());
    for (const char* worker : {"box", "box:7443", "[::1]:9"})
        CHECK(values_of(one("worker", worker)).worker == worker);
    for (const char* worker : {"https://box", "box/x", "box#key", "me@box", "a b"})
        CHECK(fault_of(one("worker", worker)).find("must be HOST or HOST:PORT") !=
              std::string::npos);
}

TEST_CASE("settings: every row of the table is whole and unique") {
    std::set<std::string> seen;
    for (const auto& spec : setting_specs()) {
        INFO(spec.id);
        CHECK(seen.insert(spec.id).second);
        CHECK(seen.insert(spec.flag).second);
        CHECK(seen.insert(spec.environment).second);
        CHECK(std::string(spec.flag).substr(0, 2) == "--");
        CHECK(std::string(spec.help).size() > 5);
    }
}

TEST_CASE("settings: aliases, any name, how many models and when they are unloaded") {
    const auto s = values_of({{"alias", {"gpt-4o=qwen3,claude-*=qwen3", Origin::flag, "--alias"}},
                              {"any_name", {"1", Origin::flag, "--any-name"}},
                              {"models_max", {"3", Origin::flag, "--models-max"}},
                              {"idle_unload_min", {"30", Origin::flag, "--idle-unload"}}});
    CHECK(s.aliases == std::vector<std::string>{"gpt-4o=qwen3", "claude-*=qwen3"});
    CHECK(s.any_name);
    CHECK(s.models_max == 3);
    CHECK(s.idle_unload_min == 30);
    CHECK_FALSE(values_of({}).models_max.has_value());
    CHECK_FALSE(values_of({}).host_asked_for);
    CHECK(values_of(one("host", "127.0.0.1")).host_asked_for);
    for (const char* text : {"gpt-4o", "=x", "x=", "a*b=x", "a=b,c"}) {
        CAPTURE(text);
        CHECK(fault_of(one("alias", text)).find("NAME=MODEL") != std::string::npos);
    }
    for (const char* text : {"0", "-1", "65", "many"})
        CHECK_FALSE(fault_of(one("models_max", text)).empty());
    for (const char* text : {"-1", "x", "10081"})
        CHECK_FALSE(fault_of(one("idle_unload_min", text)).empty());
}

TEST_CASE("settings: several models folders, the first of them pull's") {
    const auto s = values_of(one("models_dir", "/a\n/b\nc\n/a\n"));
    CHECK(s.models_dir == "/a");
    CHECK(s.more_models_dirs == std::vector<std::string>{"/b", "/h/c"});
    CHECK(s.models_dirs() == std::vector<std::string>{"/a", "/b", "/h/c"});
    const auto file = settings_from_file(R"({"models_dir": ["/a", "/with,comma"]})", "F");
    CHECK(std::get<FileSettings>(file).values.at("models_dir").text == "/a\n/with,comma");
}

TEST_CASE("settings: another launcher's file and names of llama.cpp are taken") {
    const auto file = settings_from_file(
        R"({"webPort": 3000, "proxyPort": 9001, "llamaPort": "9002", "backend": "llamacpp"})", "F");
    const auto& read = std::get<FileSettings>(file);
    CHECK(read.unknown_keys == std::vector<std::string>{"webPort"});
    const auto parsed = parsed_settings(merged({}, {}, read.values), "/h");
    REQUIRE(std::holds_alternative<Settings>(parsed));
    CHECK(std::get<Settings>(parsed).port == 9001);
    CHECK(std::get<Settings>(parsed).llama_port == 9002);
    CHECK(read.values.at("proxy_port").where == "proxyPort in F");
    // Odysseus's own name of a key counts.
    const auto both = settings_from_file(R"({"proxyPort": 1, "proxy_port": 2})", "F");
    CHECK(std::get<FileSettings>(both).values.at("proxy_port").text == "2");
    for (const char* name : {"llama", "llamacpp", "llama.cpp", "LLAMA.CPP", "llama-server"})
        CHECK(fault_of(one("backend", name)).empty());
    for (const char* name : {"vllm", "ollama", ""})
        CHECK_FALSE(fault_of(one("backend", name)).empty());
}

TEST_CASE("settings: the page is opened by itself, always or never; drafts only when asked for") {
    CHECK_FALSE(values_of({}).open.has_value());
    CHECK(values_of(one("open", "1")).open == true);
    CHECK(values_of(one("open", "no")).open == false);
    CHECK_FALSE(fault_of(one("open", "perhaps")).empty());
    CHECK_FALSE(values_of({}).draft);
    CHECK(values_of(one("draft", "auto")).draft);
    CHECK_FALSE(fault_of(one("draft", "yes")).empty());
}
