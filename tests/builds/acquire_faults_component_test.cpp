// What can go wrong on the way from the release API to an installed build is made to go wrong, with
// nothing installed before and with a build in use. After each fault the store must hold whole
// builds only, and what was in use must be in use; after the next good run, the new build is, and
// nothing is left over. The counts are reported in docs/reliability.md.
#include "odysseus/builds/acquire.hpp"

#include "fake_build.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/system/run_tool.hpp"
#include "release_json.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <csignal>
#include <cstdio>
#include <future>
#include <set>
#ifdef __linux__
#include <sys/mount.h>
#include <sys/resource.h>
#endif

using namespace odysseus;
using namespace odysseus::builds;
using namespace std::chrono_literals;
using Kind = HostFault::Kind;
namespace fs = std::filesystem;

namespace {

constexpr const char* k_repo = "/repos/ggml-org/llama.cpp/releases";
constexpr const char* k_downloads = "/ggml-org/llama.cpp/releases";

struct World {
    ReleaseHost host;
    Scratch scratch;
    fs::path home;
    InstallOptions options;
    BuildFile archive;

    explicit World(const fs::path& where = {}, FakeBuild build = {})
        : home(where.empty() ? scratch / "home" : where) {
        options.http.back_off = 1ms;
        options.http.stall_limit = 300ms;
        options.http.wait_max = 50ms;
        options.http.tries_max = 2;
        build.tag = "b20002";
        archive = serve_fake(host, scratch.path(), "b20002", "llama-b20002-bin-ubuntu-x64.tar.gz",
                             fake_build_members(build));
        archive.url = concat("https://github.com", k_downloads, "/download/b20002/", archive.name);
        host.serve(concat(k_repo, "/latest"),
                   release_json("v0.5.0",
                                {{FileRole::primary,
                                  "nightly-tag.txt",
                                  concat("https://github.com", k_downloads,
                                         "/download/v0.5.0/nightly-tag.txt"),
                                  3,
                                  {}}},
                                false));
        host.serve(concat(k_downloads, "/download/v0.5.0/nightly-tag.txt"), "b20002\n");
        host.serve(concat(k_downloads, "/latest/download/nightly-tag.txt"), "b20002\n");
        host.serve(concat(k_repo, "/tags/b20002"), release_json("b20002", {archive}));
    }

    BuildStore store() const { return {home, hardware::Os::linux, hardware::Arch::x64}; }

    void install_first() {
        FakeBuild build;
        build.tag = "b20001";
        auto place = store();
        const auto got = install_build(place, fake_choice(host, scratch.path(), build), options);
        REQUIRE(std::get<InstalledBuild>(got).id == "b20001-cpu");
    }

    // Acquires b2; the fault of the failure, or nothing.
    std::optional<Fault> acquire() {
        try {
            ReleaseSourceOptions source_options;
            source_options.github_api = host.base();
            source_options.github_download = host.base();
            ReleaseSource source(source_options, options.http);
            BuildWish wish;
            wish.download_base = host.base();
            auto place = store();
            static_cast<void>(acquire_build(wish, source, place, options));
            return std::nullopt;
        } catch (const Error& error) {
            CHECK(std::string(error.what()).find(". ") == std::string::npos); // one sentence
            return error.fault();
        }
    }

    [[nodiscard]] std::string current() const {
        const auto build = current_build(home, hardware::Os::linux, hardware::Arch::x64);
        return build ? build->id : "";
    }

    // Everything in the store that has a build's name is a whole build, to the last byte.
    [[nodiscard]] bool whole() const {
        const auto folder = store().folder();
        if (!fs::exists(folder)) return true;
        for (const auto& entry : fs::directory_iterator(folder)) {
            const auto name = entry.path().filename().string();
            if (name.front() == '.' || !entry.is_directory()) continue;
            const auto build = store().find(name);
            if (!build || build->manifest.files.size() != 3) return false;
            for (const auto& file : build->manifest.files) {
                const auto path = build->folder / file.path;
                if (!file.link.empty()) {
                    if (!fs::is_symlink(path)) return false;
                } else if (download::sha256_of(system::read_file(path, 1U << 26).value_or("")) !=
                           file.sha256) {
                    return false;
                }
            }
        }
        return true;
    }

    [[nodiscard]] std::set<std::string> leftovers() const {
        std::set<std::string> names;
        if (!fs::exists(store().folder())) return names;
        for (const auto& entry : fs::directory_iterator(store().folder())) {
            const auto name = entry.path().filename().string();
            if (name.front() == '.' && name != ".lock" && name != ".in-use") names.insert(name);
        }
        return names;
    }
};

int g_tried = 0;
int g_half_installed = 0;

// After a failure, whatever it was: as before, and a good run follows.
void check_after_failure(World& world, const std::string& before) {
    ++g_tried;
    const bool good =
        world.whole() && (world.current() == before || world.current() == "b20002-cpu");
    if (!good) ++g_half_installed;
    CHECK(good);
    world.host.clear_faults();
    CHECK(world.acquire() == std::nullopt);
    CHECK(world.current() == "b20002-cpu");
    CHECK(world.whole());
    CHECK(world.leftovers().empty());
}

void report(const char* what) {
    std::printf("acquisition, %s: %d faults tried, %d half-installed\n", what, g_tried,
                g_half_installed);
    CHECK(g_half_installed == 0);
    g_tried = 0;
    g_half_installed = 0;
}

struct Trouble {
    const char* path; // a part of it
    HostFault fault;
    std::optional<Fault> ends_with; // nothing: cured
};

std::vector<Trouble> troubles() {
    const auto soon = std::to_string(std::time(nullptr) + 3000);
    const std::map<std::string, std::string> limit{{"x-ratelimit-remaining", "0"},
                                                   {"x-ratelimit-reset", soon}};
    std::vector<Trouble> all{
        {"x64.tar.gz", {Kind::flip, 5000, -1, {}, {}}, Fault::integrity},
        {"x64.tar.gz", {Kind::truncate, 9000, -1, {}, {}}, Fault::integrity},
        {"x64.tar.gz", {Kind::longer, 1, -1, {}, {}}, Fault::integrity},
        {"x64.tar.gz", {Kind::html, 0, -1, {}, {}}, Fault::integrity},
        {"x64.tar.gz", {Kind::redirect_loop, 0, -1, {}, {}}, Fault::network},
        {"x64.tar.gz", {Kind::drip, 20, -1, {}, {}}, Fault::network},
        {"x64.tar.gz", {Kind::stall, 5000, -1, {}, {}}, Fault::network},
        {"x64.tar.gz", {Kind::status, 403, -1, {}, {}}, Fault::network},
        {"x64.tar.gz", {Kind::status, 404, -1, {}, {}}, Fault::no_build},
        {"x64.tar.gz", {Kind::status, 429, -1, {}, {{"Retry-After", "600"}}}, Fault::network},
        {"x64.tar.gz", {Kind::status, 500, -1, {}, {}}, Fault::network},
        {"x64.tar.gz", {Kind::status, 503, -1, {}, {}}, Fault::network},
        {"x64.tar.gz", {Kind::status, 503, 1, {}, {}}, std::nullopt},
        // The API's troubles are cured by the way around it, as long as downloads work.
        {"/repos/", {Kind::html, 0, -1, {}, {}}, std::nullopt},
        {"/repos/", {Kind::truncate, 60, -1, {}, {}}, std::nullopt},
        {"/repos/", {Kind::cut, 60, -1, {}, {}}, std::nullopt},
        {"/repos/", {Kind::status, 403, -1, {}, limit}, std::nullopt},
        {"/repos/", {Kind::status, 429, -1, {}, limit}, std::nullopt},
        {"/repos/", {Kind::status, 500, -1, {}, {}}, std::nullopt},
        {"/repos/", {Kind::status, 503, -1, {}, {}}, std::nullopt},
        {"/repos/", {Kind::redirect_loop, 0, -1, {}, {}}, std::nullopt},
        {"/repos/", {Kind::drip, 20, -1, {}, {}}, std::nullopt},
        {"releases", {Kind::status, 403, -1, {}, limit}, Fault::network},
        {"releases", {Kind::html, 0, -1, {}, {}}, Fault::network},
        {"releases", {Kind::stall, 0, -1, {}, {}}, Fault::network},
        {"nightly-tag", {Kind::html, 0, -1, {}, {}}, Fault::network},
        {"nightly-tag", {Kind::status, 404, -1, {}, {}}, Fault::network},
    };
    return all;
}

} // namespace

TEST_CASE("faults: a connection that is cut at every tenth, once and always") {
    for (int tenth = 0; tenth < 10; ++tenth) {
        for (const int times : {1, -1}) {
            World world;
            INFO("cut at tenth " << tenth << ", times " << times);
            const auto at = *world.archive.size * tenth / 10;
            // What is always cut after some bytes still comes to its end, piece by piece.
            world.host.fault("x64.tar.gz", {Kind::cut, times == 1 ? at : 0, times, {}, {}});
            CHECK(world.acquire() == (times == 1 ? std::nullopt : std::optional(Fault::network)));
            check_after_failure(world, "");
        }
    }
    report("cut at tenths");
}

TEST_CASE("faults: what hosts and networks do") {
    for (const bool with_build : {false, true}) {
        int number = 0;
        for (const auto& [path, fault, ends_with] : troubles()) {
            World world;
            if (with_build) world.install_first();
            INFO("trouble " << number << " of " << path << ", build before: " << with_build);
            ++number;
            world.host.fault(path, fault);
            CHECK(world.acquire() == ends_with);
            check_after_failure(world, with_build ? "b20001-cpu" : "");
        }
    }
    report("hosts and networks");
}

#ifdef __linux__

namespace {

// No file of this process grows beyond that while it lives: writes fail as on a full disk.
class FullDisk {
  public:
    explicit FullDisk(rlim_t bytes) : m_handler(std::signal(SIGXFSZ, SIG_IGN)) {
        getrlimit(RLIMIT_FSIZE, &m_before);
        auto low = m_before;
        low.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &low);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
    ~FullDisk() {
        setrlimit(RLIMIT_FSIZE, &m_before);
        std::signal(SIGXFSZ, m_handler);
    }

  private:
    void (*m_handler)(int);
    rlimit m_before{};
};

} // namespace

TEST_CASE("faults: a disk that is full at any point of an installation") {
    for (const bool with_build : {false, true}) {
        const World measure;
        const auto archive = static_cast<rlim_t>(*measure.archive.size);
        for (const rlim_t limit : {rlim_t{0}, rlim_t{10}, rlim_t{200}, archive / 2, archive - 1,
                                   archive, archive + 1000, rlim_t{499999}}) {
            World world;
            if (with_build) world.install_first();
            INFO("full at " << limit << ", build before: " << with_build);
            {
                const FullDisk full(limit);
                CHECK(world.acquire().has_value());
            }
            check_after_failure(world, with_build ? "b20001-cpu" : "");
        }
    }
    report("full disk");
}

namespace {

// A small file system of its own; `mounted` is false where that is not allowed.
struct SmallDisk {
    Scratch point;
    bool mounted = ::mount("tmpfs", point.path().c_str(), "tmpfs", 0, "size=48m") == 0;
    SmallDisk() = default;
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted) ::umount(point.path().c_str());
    }
    void leave_free(std::size_t bytes) const {
        const auto free = static_cast<std::size_t>(*system::free_bytes(point.path()));
        const std::string ballast(free - bytes, 'x');
        system::OutputFile out(point / "ballast", system::OutputFile::Mode::truncate);
        out.write(ballast.data(), ballast.size());
    }
};

} // namespace

TEST_CASE("faults: a file system that is full, where one can be mounted") {
    const SmallDisk disk;
    if (!disk.mounted) SKIP("mounting needs a privilege that this run has not");
    FakeBuild large; // unpacks to more than an installation can foresee
    large.library_bytes = 24000000;
    large.dense_bytes = 100000;
    for (const std::size_t kept_free : {4096U, 16000000U, 18000000U, 21000000U, 24100000U}) {
        World world(disk.point / "home", large);
        world.install_first();
        disk.leave_free(kept_free);
        INFO("free: " << kept_free);
        CHECK(world.acquire().has_value());
        fs::remove(disk.point / "ballast");
        check_after_failure(world, "b20001-cpu");
        fs::remove_all(disk.point / "home");
    }
    report("full file system");
}

#endif

#ifndef _WIN32

TEST_CASE("faults: killed at any moment, the next run finds a whole build or starts over") {
    std::vector<std::string> moments;
    for (int step = 1; step <= 8; ++step)
        moments.push_back(concat("step:", step));
    for (int piece = 1; piece <= 4; ++piece)
        moments.push_back(concat("unpack:", piece));
    for (const int tenth : {1, 5, 9})
        moments.push_back(concat("part:tenth", tenth));
    for (const bool with_build : {false, true}) {
        for (auto moment : moments) {
            World world;
            if (with_build) world.install_first();
            if (const auto at = moment.find("tenth"); at != std::string::npos) {
                const auto bytes = *world.archive.size * (moment.back() - '0') / 10;
                moment = concat("part:", bytes);
                world.host.fault("x64.tar.gz", {Kind::stall, bytes, 1, {}, {}});
            }
            INFO("killed at " << moment << ", build before: " << with_build);
            const auto result = system::run_tool(
                {ODYSSEUS_INSTALL_VICTIM, world.home.string(), world.host.base(), moment}, {},
                {20s});
            CHECK(result.end == system::ToolResult::End::signalled);
            CHECK(result.status == SIGKILL);
            const auto fetched = world.host.seen("x64.tar.gz").size();
            check_after_failure(world, with_build ? "b20001-cpu" : "");
            if (moment.rfind("part:", 0) == 0) { // what was there was not fetched again
                const auto again = world.host.seen("x64.tar.gz");
                REQUIRE(again.size() == fetched + 1);
                CHECK(again.back().headers.count("range") == 1);
            } else if (moment.rfind("unpack:", 0) == 0) {
                CHECK(world.host.seen("x64.tar.gz").size() == fetched);
            }
        }
    }
    report("SIGKILL");
}

TEST_CASE("faults: two odysseus at once fetch once, and both end with the build") {
    World world;
    const auto run = [&] {
        return system::run_tool(
            {ODYSSEUS_INSTALL_VICTIM, world.home.string(), world.host.base(), "none"}, {}, {60s});
    };
    auto first = std::async(std::launch::async, run);
    auto second = std::async(std::launch::async, run);
    for (const auto& result : {first.get(), second.get()}) {
        CHECK(result.ok());
        CHECK(result.out.find("in use: b20002-cpu") != std::string::npos);
    }
    CHECK(world.host.seen("x64.tar.gz").size() == 1);
    CHECK(world.whole());
    CHECK(world.leftovers().empty());
    ++g_tried;
    report("two at once");
}

#endif
