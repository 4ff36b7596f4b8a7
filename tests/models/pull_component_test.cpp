#include "odysseus/models/pull.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/system/file_lock.hpp"
#include "odysseus/system/files.hpp"
#include "release_host.hpp"
#include "scratch.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

using namespace odysseus;
using namespace odysseus::models;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = HostFault::Kind;
namespace fs = std::filesystem;

namespace {

constexpr const char* k_tree = "/api/models/org/Tiny-GGUF/tree/main";
const std::string k_token = "hf_planted0secret0of0the0test0000000000";

std::string gguf_bytes(std::size_t size, char seed) {
    std::string text = "GGUF";
    for (std::size_t i = 4; i < size; ++i)
        text += static_cast<char>(static_cast<unsigned char>(i * 7 + i / 251) ^
                                  static_cast<unsigned char>(seed));
    return text;
}

void put(const fs::path& file, const std::string& content) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
}

// A hub with one repository, org/Tiny-GGUF, and an empty models folder.
struct Fixture {
    ReleaseHost host;
    Scratch scratch;
    std::map<std::string, std::string> files; // by their paths in the repository
    PullOptions options;
    int progress_calls = 0;
    std::vector<std::string> fetched;

    Fixture() {
        options.models_dir = scratch / "models";
        options.lock_file = scratch / "data/pull.lock";
        options.hub = host.base();
        options.room.fast = std::int64_t{64} << 30;
        options.http.connect_limit = 2s;
        options.http.stall_limit = 300ms;
        options.http.back_off = 1ms;
        options.http.wait_max = 50ms;
        options.http.tries_max = 3;
    }

    void add(const std::string& path, std::string content) {
        host.serve("/org/Tiny-GGUF/resolve/main/" + path, content);
        files[path] = std::move(content);
    }

    void publish(bool with_digests = true) {
        auto tree = nlohmann::json::array();
        for (const auto& [path, content] : files) {
            nlohmann::json entry{{"type", "file"},
                                 {"oid", std::string(40, '1')},
                                 {"size", content.size()},
                                 {"path", path}};
            entry["lfs"] = {
                {"oid", with_digests ? download::sha256_of(content) : std::string(64, '*')},
                {"size", content.size()},
                {"pointerSize", 133}};
            tree.push_back(entry);
        }
        host.serve(k_tree, tree.dump(), "application/json");
    }

    PullPlan pull(const std::string& name) {
        auto plan = plan_pull(name, options);
        PullEvents events;
        events.on_file = [&](const PullFile& file) {
            fetched.push_back(system::utf8(file.to.filename()));
        };
        events.on_progress = [&](const download::FetchProgress&) { ++progress_calls; };
        run_pull(plan, options, events);
        return plan;
    }

    std::pair<Fault, std::string> refused(const std::string& name) {
        try {
            pull(name);
        } catch (const Error& error) {
            const std::string sentence = error.what();
            CHECK(sentence.find('\n') == std::string::npos);
            CHECK(sentence.find(k_token) == std::string::npos);
            return {error.fault(), sentence};
        }
        FAIL("was not refused");
        return {Fault::bug, ""};
    }

    // Everything below the models folder, as relative paths.
    std::set<std::string> there() const {
        std::set<std::string> names;
        if (!fs::exists(options.models_dir)) return names;
        for (const auto& entry : fs::recursive_directory_iterator(options.models_dir)) {
            if (entry.is_regular_file()) {
                names.insert(fs::relative(entry.path(), options.models_dir).generic_string());
            }
        }
        return names;
    }

    std::string content(const std::string& path) const {
        return system::read_file(options.models_dir / path, 1U << 24).value_or("(none)");
    }

    void with_two_quants() {
        add("Tiny-Q4_K_M.gguf", gguf_bytes(200'000, 1));
        add("Tiny-Q8_0.gguf", gguf_bytes(400'000, 2));
        publish();
    }
};

} // namespace

TEST_CASE("pull: the best quantisation that fits, whole and checked") {
    Fixture f;
    f.with_two_quants();
    const auto plan = f.pull("org/Tiny-GGUF");
    CHECK(plan.title == "org/Tiny-GGUF:Q8_0");
    CHECK_THAT(plan.reason, ContainsSubstring("the best of 2 that fits"));
    CHECK(plan.with_digests);
    CHECK(f.there() == std::set<std::string>{"Tiny-Q8_0/Tiny-Q8_0.gguf"});
    CHECK(f.content("Tiny-Q8_0/Tiny-Q8_0.gguf") == f.files["Tiny-Q8_0.gguf"]);
    CHECK(f.progress_calls > 0);

    SECTION("a second pull fetches nothing") {
        f.host.forget_seen();
        CHECK(f.pull("org/Tiny-GGUF").complete());
        CHECK(f.host.seen("/resolve/").empty());
    }
    SECTION("another quantisation stands beside it") {
        f.pull("org/Tiny-GGUF:q4_k_m");
        CHECK(f.there() ==
              std::set<std::string>{"Tiny-Q4_K_M/Tiny-Q4_K_M.gguf", "Tiny-Q8_0/Tiny-Q8_0.gguf"});
    }
}

TEST_CASE("pull: a model that lies in the models folder itself is not fetched again") {
    Fixture f;
    f.with_two_quants();
    put(f.options.models_dir / "Tiny-Q4_K_M.gguf", f.files["Tiny-Q4_K_M.gguf"]);
    CHECK(f.pull("org/Tiny-GGUF:Q4_K_M").complete());
    CHECK(f.there() == std::set<std::string>{"Tiny-Q4_K_M.gguf"});
}

TEST_CASE("pull: a split model with its projector appears all at once") {
    Fixture f;
    f.add("Q8_0/Tiny-Q8_0-00001-of-00002.gguf", gguf_bytes(300'000, 1));
    f.add("Q8_0/Tiny-Q8_0-00002-of-00002.gguf", gguf_bytes(300'000, 2));
    f.add("mmproj-F16.gguf", gguf_bytes(50'000, 3));
    f.add("mmproj-F32.gguf", gguf_bytes(60'000, 4));
    f.publish();
    const std::set<std::string> all{"Tiny-Q8_0/Tiny-Q8_0-00001-of-00002.gguf",
                                    "Tiny-Q8_0/Tiny-Q8_0-00002-of-00002.gguf",
                                    "Tiny-Q8_0/mmproj-F16.gguf"};

    SECTION("in one go") {
        f.pull("org/Tiny-GGUF");
        CHECK(f.there() == all);
        CHECK(f.content("Tiny-Q8_0/mmproj-F16.gguf") == f.files["mmproj-F16.gguf"]);
    }
    SECTION("interrupted: until then there is no model, and what is there is not fetched again") {
        f.host.fault("00002-of-00002",
                     {.kind = Kind::cut, .value = 100'000, .target = "", .headers = {}});
        f.options.http.tries_max = 1;
        CHECK(f.refused("org/Tiny-GGUF").first == Fault::network);
        for (const auto& name : f.there()) {
            INFO(name);
            CHECK_FALSE(name.ends_with(".gguf"));
        }
        f.host.clear_faults();
        f.host.forget_seen();
        f.fetched.clear();
        f.pull("org/Tiny-GGUF");
        CHECK(f.there() == all);
        CHECK(f.fetched ==
              std::vector<std::string>{"Tiny-Q8_0-00002-of-00002.gguf", "mmproj-F16.gguf"});
        CHECK(f.content("Tiny-Q8_0/Tiny-Q8_0-00002-of-00002.gguf") ==
              f.files["Q8_0/Tiny-Q8_0-00002-of-00002.gguf"]);
        const auto again = f.host.seen("00002-of-00002");
        REQUIRE_FALSE(again.empty());
        CHECK(again.back().headers.at("range").starts_with("bytes=1"));
    }
}

TEST_CASE("pull: an interrupted download goes on where it was") {
    Fixture f;
    f.with_two_quants();
    f.host.fault("Q8_0.gguf", {.kind = Kind::cut, .value = 150'000, .target = "", .headers = {}});
    f.options.http.tries_max = 1;
    const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
    CHECK(fault == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("the next try goes on there"));
    CHECK(f.there().count("Tiny-Q8_0/Tiny-Q8_0.gguf.part") == 1);
    CHECK(f.there().count("Tiny-Q8_0/Tiny-Q8_0.gguf") == 0);
    f.host.clear_faults();
    f.pull("org/Tiny-GGUF");
    CHECK(f.there() == std::set<std::string>{"Tiny-Q8_0/Tiny-Q8_0.gguf"});
    CHECK(f.content("Tiny-Q8_0/Tiny-Q8_0.gguf") == f.files["Tiny-Q8_0.gguf"]);
}

TEST_CASE("pull: what is damaged is not kept") {
    Fixture f;
    f.with_two_quants();
    SECTION("a wrong digest") {
        f.host.fault("Q8_0.gguf", {.kind = Kind::flip, .value = 1000, .target = "", .headers = {}});
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
        CHECK(fault == Fault::integrity);
        CHECK_THAT(sentence, ContainsSubstring("SHA-256"));
    }
    SECTION("a web page instead") {
        f.host.fault("/resolve/", {.kind = Kind::html, .target = "", .headers = {}});
        CHECK(f.refused("org/Tiny-GGUF").first == Fault::integrity);
    }
    SECTION("a web page of a host that gives no digest, as long as the model") {
        std::string page = "<!DOCTYPE html>" + std::string(399'985, ' ');
        f.host.serve("/org/Tiny-GGUF/resolve/main/Tiny-Q8_0.gguf", page);
        f.publish(false);
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
        CHECK(fault == Fault::integrity);
        CHECK_THAT(sentence, ContainsSubstring("web page"));
    }
    SECTION("something else of a host that gives no digest") {
        f.host.serve("/org/Tiny-GGUF/resolve/main/Tiny-Q8_0.gguf", std::string(400'000, 'x'));
        f.publish(false);
        CHECK_THAT(f.refused("org/Tiny-GGUF").second, ContainsSubstring("no GGUF file"));
    }
    CHECK(f.there().empty());
}

TEST_CASE("pull: nothing of the user's is overwritten") {
    Fixture f;
    f.with_two_quants();
    SECTION("another file of that name: the organisation's name goes before the folder's") {
        put(f.options.models_dir / "Tiny-Q8_0/Tiny-Q8_0.gguf", "GGUF mine");
        f.pull("org/Tiny-GGUF");
        CHECK(f.content("Tiny-Q8_0/Tiny-Q8_0.gguf") == "GGUF mine");
        CHECK(f.content("org_Tiny-Q8_0/Tiny-Q8_0.gguf") == f.files["Tiny-Q8_0.gguf"]);
    }
    SECTION("as long as the other, but different") {
        put(f.options.models_dir / "Tiny-Q8_0/Tiny-Q8_0.gguf", gguf_bytes(400'000, 9));
        f.pull("org/Tiny-GGUF");
        CHECK(f.content("Tiny-Q8_0/Tiny-Q8_0.gguf") == gguf_bytes(400'000, 9));
        CHECK(f.there().count("org_Tiny-Q8_0/Tiny-Q8_0.gguf") == 1);
    }
    SECTION("another model in that folder") {
        put(f.options.models_dir / "Tiny-Q8_0/other.gguf", "GGUF");
        f.pull("org/Tiny-GGUF");
        CHECK(f.there() ==
              std::set<std::string>{"Tiny-Q8_0/other.gguf", "org_Tiny-Q8_0/Tiny-Q8_0.gguf"});
    }
    SECTION("both names taken") {
        put(f.options.models_dir / "Tiny-Q8_0/other.gguf", "GGUF");
        put(f.options.models_dir / "org_Tiny-Q8_0/other.gguf", "GGUF");
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
        CHECK(fault == Fault::usage);
        CHECK_THAT(sentence, ContainsSubstring("nothing of yours is overwritten"));
    }
}

TEST_CASE("pull: the token goes to the hub and nowhere else") {
    Fixture f;
    ReleaseHost cdn;
    f.options.token = k_token;
    f.with_two_quants();
    cdn.serve("/blob", f.files["Tiny-Q8_0.gguf"]);
    f.host.fault("Q8_0.gguf",
                 {.kind = Kind::redirect, .target = cdn.base() + "/blob", .headers = {}});
    f.pull("org/Tiny-GGUF");
    CHECK(f.content("Tiny-Q8_0/Tiny-Q8_0.gguf") == f.files["Tiny-Q8_0.gguf"]);
    REQUIRE_FALSE(f.host.seen().empty());
    for (const auto& request : f.host.seen())
        CHECK(request.headers.at("authorization") == "Bearer " + k_token);
    REQUIRE_FALSE(cdn.seen().empty());
    for (const auto& request : cdn.seen())
        CHECK(request.headers.count("authorization") == 0);
}

TEST_CASE("pull: a file by its address is fetched without the token") {
    Fixture f;
    f.options.token = k_token;
    ReleaseHost other;
    other.serve("/files/m-Q4_0.gguf", gguf_bytes(5000, 5));
    const auto plan = f.pull(other.base() + "/files/m-Q4_0.gguf");
    CHECK_FALSE(plan.with_digests);
    CHECK(f.there() == std::set<std::string>{"m-Q4_0/m-Q4_0.gguf"});
    for (const auto& request : other.seen())
        CHECK(request.headers.count("authorization") == 0);

    other.forget_seen();
    CHECK(f.pull(other.base() + "/files/m-Q4_0.gguf").complete());
    CHECK(other.seen().empty());

    other.serve("/files/s-00001-of-00002.gguf", gguf_bytes(3000, 1));
    other.serve("/files/s-00002-of-00002.gguf", gguf_bytes(3000, 2));
    f.pull(other.base() + "/files/s-00002-of-00002.gguf");
    CHECK(f.there().count("s/s-00001-of-00002.gguf") == 1);
    CHECK(f.there().count("s/s-00002-of-00002.gguf") == 1);
}

TEST_CASE("pull: what the hub refuses, and what helps") {
    Fixture f;
    f.with_two_quants();
    SECTION("a gated model: its list is open, its files are not") {
        f.host.fault("/resolve/", {.value = 401, .target = "", .headers = {}});
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
        CHECK(fault == Fault::network);
        CHECK_THAT(sentence, ContainsSubstring("HF_TOKEN"));
        CHECK_THAT(sentence, ContainsSubstring(f.host.base() + "/org/Tiny-GGUF"));
    }
    SECTION("with a token that may not") {
        f.options.token = k_token;
        f.host.fault("/resolve/", {.value = 403, .target = "", .headers = {}});
        CHECK_THAT(f.refused("org/Tiny-GGUF").second,
                   ContainsSubstring("accept the model's licence"));
    }
    SECTION("no such repository") {
        const auto [fault, sentence] = f.refused("org/Tinny-GGUF");
        CHECK(fault == Fault::usage);
        CHECK_THAT(sentence, ContainsSubstring(f.host.base() + "/org lists"));
    }
    SECTION("no such quantisation") {
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF:Q4_K_L");
        CHECK(fault == Fault::usage);
        CHECK_THAT(sentence, ContainsSubstring("did you mean Q4_K_M?"));
        CHECK_THAT(sentence, ContainsSubstring("it has Q8_0, Q4_K_M"));
    }
    SECTION("nothing fits") {
        f.options.room.fast = 1000;
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
        CHECK(fault == Fault::usage);
        CHECK_THAT(sentence, ContainsSubstring("odysseus pull org/Tiny-GGUF:Q4_K_M"));
    }
    SECTION("a login page instead of the list") {
        f.host.fault("/api/", {.kind = Kind::html, .target = "", .headers = {}});
        CHECK_THAT(f.refused("org/Tiny-GGUF").second, ContainsSubstring("ask for a login"));
    }
    SECTION("offline by wish") {
        f.options.offline = true;
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
        CHECK(fault == Fault::network);
        CHECK_THAT(sentence, ContainsSubstring("--offline"));
        CHECK(f.host.seen().empty());
    }
    SECTION("a name that is none") {
        CHECK(f.refused("../Tiny").first == Fault::usage);
    }
    SECTION("another pull") {
        const auto held = system::FileLock::try_lock(f.options.lock_file);
        REQUIRE(held);
        const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
        CHECK(fault == Fault::busy);
        CHECK_THAT(sentence, ContainsSubstring("another odysseus is downloading"));
    }
    CHECK(f.there().empty());
}

TEST_CASE("pull: a hub that cannot be reached") {
    Fixture f;
    {
        const ReleaseHost gone;
        f.options.hub = gone.base();
    }
    f.options.http.tries_max = 1;
    const auto [fault, sentence] = f.refused("org/Tiny-GGUF");
    CHECK(fault == Fault::network);
    CHECK_THAT(sentence, ContainsSubstring("127.0.0.1:"));
    CHECK_THAT(sentence, ContainsSubstring("cannot be reached"));
}

TEST_CASE("pull: a list on several pages") {
    Fixture f;
    f.with_two_quants();
    const std::string first = R"([{"type":"file","path":"Tiny-Q8_0.gguf","size":400000}])";
    const std::string second = R"([{"type":"file","path":"Tiny-Q4_K_M.gguf","size":200000}])";
    f.host.serve(k_tree, first, "application/json");
    f.host.serve("/page2", second, "application/json");
    SECTION("on this host") {
        f.host.header(k_tree, "Link", concat("<", f.host.base(), "/page2>; rel=\"next\""));
        f.pull("org/Tiny-GGUF:Q4_K_M");
        CHECK(f.there().size() == 1);
    }
    SECTION("a mirror that hands on the hub's links") {
        f.host.header(k_tree, "Link", "<https://huggingface.co/page2>; rel=\"next\"");
        f.pull("org/Tiny-GGUF:Q4_K_M");
        CHECK(f.there().size() == 1);
    }
    SECTION("another host is not asked") {
        ReleaseHost other;
        other.serve("/page2", second, "application/json");
        f.host.header(k_tree, "Link", concat("<", other.base(), "/page2>; rel=\"next\""));
        CHECK_THAT(f.refused("org/Tiny-GGUF").second, ContainsSubstring("another host"));
        CHECK(other.seen().empty());
    }
}

TEST_CASE("pull: a stop is a stop") {
    Fixture f;
    f.with_two_quants();
    f.host.fault("Q8_0.gguf", {.kind = Kind::stall, .value = 100'000, .target = "", .headers = {}});
    f.options.http.stall_limit = 20s;
    const auto part = f.options.models_dir / "Tiny-Q8_0/Tiny-Q8_0.gguf.part";
    f.options.http.stopped = [&] {
        std::error_code error;
        return fs::exists(part, error) && fs::file_size(part, error) >= 100'000;
    };
    CHECK_THROWS_AS(f.pull("org/Tiny-GGUF"), Stopped);
    CHECK(f.there().count("Tiny-Q8_0/Tiny-Q8_0.gguf") == 0);
    CHECK(fs::file_size(part) >= 100'000);
}
