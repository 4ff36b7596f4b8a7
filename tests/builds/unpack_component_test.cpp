#include "builds/unpack.hpp"

#include "archive_maker.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/system/files.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>

using namespace odysseus;
using namespace odysseus::builds;
using Catch::Matchers::ContainsSubstring;
using Kind = TestMember::Kind;
namespace fs = std::filesystem;

namespace {

// The members of a llama.cpp release for Linux, as its archives are laid out.
std::vector<TestMember> release_members(const std::string& top = "llama-b11158/") {
    return {
        {top, "", Kind::folder, 0755},
        {top + "llama-server", "#!/bin/sh\necho hello\n", Kind::file, 0755},
        {top + "libllama.so", "libllama.so.0", Kind::symlink, 0777},
        {top + "libllama.so.0", "libllama.so.0.0.11158", Kind::symlink, 0777},
        {top + "libllama.so.0.0.11158", std::string(300000, 'l'), Kind::file, 0755},
        {top + "LICENSE", "MIT\n", Kind::file, 0644},
    };
}

struct Fixture {
    Scratch scratch;
    fs::path file = scratch / "x.archive";
    fs::path into = scratch / "into";
    UnpackOptions options;
    Fixture() { fs::create_directory(into); }

    Unpacked unpack(const std::vector<TestMember>& members,
                    TestArchive kind = TestArchive::tar_gz) {
        make_archive(file, kind, members);
        return builds::unpack(file, into, options);
    }
    std::string refusal(const std::vector<TestMember>& members) {
        try {
            static_cast<void>(unpack(members));
        } catch (const Error& error) {
            CHECK(error.fault() == Fault::integrity);
            return error.what();
        }
        return "not refused";
    }
    [[nodiscard]] std::string text(const std::string& name) const {
        return system::read_file(into / name, 1U << 20).value_or("(none)");
    }
};

bool executable(const fs::path& file) {
    return (fs::status(file).permissions() & fs::perms::owner_exec) != fs::perms::none;
}

} // namespace

TEST_CASE("unpack: a release archive, links and modes kept, its top folder taken off") {
    const auto kind = GENERATE(TestArchive::tar_gz, TestArchive::tar_xz, TestArchive::zip);
    const auto* const top = GENERATE("llama-b11158/", "build/bin/", "cuda-12.8/", "");
    Fixture f;
    auto members = release_members(top);
    if (std::string(top).empty()) members.erase(members.begin());
    const auto got = f.unpack(members, kind);
    CHECK(got.top_folder + (got.top_folder.empty() ? "" : "/") == top);
    CHECK(got.files.size() == 5);
    CHECK(got.warnings.empty());
    CHECK(f.text("LICENSE") == "MIT\n");
    CHECK(executable(f.into / "llama-server"));
    CHECK_FALSE(executable(f.into / "LICENSE"));
    CHECK(fs::read_symlink(f.into / "libllama.so") == "libllama.so.0");
    CHECK(f.text("libllama.so") == std::string(300000, 'l'));
    const auto it = std::find_if(got.files.begin(), got.files.end(),
                                 [](const auto& file) { return file.path == "LICENSE"; });
    REQUIRE(it != got.files.end());
    CHECK(it->sha256 == download::sha256_of("MIT\n"));
    CHECK(it->size_bytes == 4);
    CHECK(std::distance(fs::directory_iterator(f.scratch.path()), fs::directory_iterator()) == 2);
}

TEST_CASE("unpack: links become copies where the file system has none") {
    Fixture f;
    f.options.links_as_copies = true;
    auto members = release_members();
    members.push_back({"llama-b11158/dangling", "nowhere", Kind::symlink});
    const auto got = f.unpack(members);
    CHECK_FALSE(fs::is_symlink(f.into / "libllama.so"));
    CHECK(f.text("libllama.so") == std::string(300000, 'l'));
    CHECK(executable(f.into / "libllama.so"));
    REQUIRE(got.warnings.size() == 1);
    CHECK_THAT(got.warnings.front(), ContainsSubstring("dangling"));
    CHECK_FALSE(fs::exists(fs::symlink_status(f.into / "dangling")));
    CHECK(got.files.size() == 5);
}

TEST_CASE("unpack: hard links become files, and only to what is there") {
    Fixture f;
    auto members = release_members();
    members.push_back({"llama-b11158/again", "llama-b11158/LICENSE", Kind::hardlink});
    static_cast<void>(f.unpack(members));
    CHECK(f.text("again") == "MIT\n");
    Fixture g;
    CHECK_THAT(g.refusal({{"a", "/etc/passwd", Kind::hardlink}}), ContainsSubstring("absolute"));
    Fixture h;
    CHECK_THAT(h.refusal({{"a", "b", Kind::hardlink}}), ContainsSubstring("not there"));
}

TEST_CASE("unpack: what is hostile is refused, and lands nowhere") {
    struct Case {
        const char* what;
        std::vector<TestMember> members;
    };
    const auto one = GENERATE(values<Case>({
        {"absolute", {{"/tmp/odysseus-evil", "x"}}},
        {"up", {{"../evil", "x"}}},
        {"up in the middle", {{"a/../../evil", "x"}}},
        {"backslash", {{"..\\evil", "x"}}},
        {"drive", {{"C:evil", "x"}}},
        {"device name", {{"nul.txt", "x"}}},
        {"dot at the end", {{"evil.", "x"}}},
        {"not UTF-8", {{"a\xff", "x"}}},
        {"twice", {{"a", "x"}, {"a", "y"}}},
        {"file and folder", {{"a", "x"}, {"a/b", "y"}}},
        {"link to outside", {{"a", "../evil", Kind::symlink}}},
        {"link to absolute", {{"a", "/etc", Kind::symlink}}},
        {"link to outside after the top is taken off",
         {{"top/a", "../top/b", Kind::symlink}, {"top/b", "x"}}},
        {"through a link", {{"a", "b", Kind::symlink}, {"a/evil", "x"}}},
        {"through a link that comes later", {{"a/evil", "x"}, {"a", "b", Kind::symlink}}},
        {"up behind a link to here",
         {{"a/c", ".", Kind::symlink}, {"a/b", "c/../../evil", Kind::symlink}, {"a/x", "x"}}},
        {"device", {{"a", "", Kind::device}}},
        {"pipe", {{"a", "", Kind::pipe}}},
        {"nothing", {{"a/", "", Kind::folder}}},
    }));
    Fixture f;
    INFO(one.what);
    CHECK_THAT(f.refusal(one.members), ContainsSubstring("refused"));
    CHECK_FALSE(fs::exists(fs::symlink_status(f.scratch / "evil")));
    CHECK_FALSE(fs::exists("/tmp/odysseus-evil"));
}

TEST_CASE("unpack: circles of links are refused when they would be copied") {
    Fixture f;
    f.options.links_as_copies = true;
    CHECK_THAT(f.refusal({{"a", "b", Kind::symlink}, {"b", "a", Kind::symlink}, {"c", "x"}}),
               ContainsSubstring("circle"));
}

TEST_CASE("unpack: setuid and write bits are not taken over") {
    Fixture f;
    static_cast<void>(f.unpack({{"a", "x", Kind::file, 06777}}));
    const auto bits = fs::status(f.into / "a").permissions();
    CHECK((bits & (fs::perms::set_uid | fs::perms::set_gid | fs::perms::others_write)) ==
          fs::perms::none);
    CHECK(executable(f.into / "a"));
}

TEST_CASE("unpack: bombs end at their limits") {
    Fixture f;
    SECTION("too many members") {
        f.options.limits.entries_max = 3;
        CHECK_THAT(f.refusal(release_members()), ContainsSubstring("more than 3 members"));
    }
    SECTION("too many bytes") {
        f.options.limits.bytes_max = 100000;
        CHECK_THAT(f.refusal(release_members()), ContainsSubstring("97.7 KiB"));
    }
    SECTION("too many bytes by links") {
        f.options.limits.bytes_max = 500000;
        f.options.links_as_copies = true;
        CHECK_THAT(f.refusal(release_members()), ContainsSubstring("488.3 KiB"));
    }
    SECTION("too much of a ratio") {
        f.options.limits.ratio_max = 20;
        CHECK_THAT(f.refusal({{"zeros", std::string(80U << 20, '\0')}}),
                   ContainsSubstring("20 times"));
    }
}

TEST_CASE("unpack: an archive cut anywhere is refused, and what is none") {
    Fixture f;
    make_archive(f.file, GENERATE(TestArchive::tar_gz, TestArchive::tar_xz, TestArchive::zip),
                 release_members());
    const auto whole = system::read_file(f.file, 1U << 20).value();
    for (std::size_t tenth = 0; tenth < 10; ++tenth) {
        system::write_file_atomically(f.file, whole.substr(0, whole.size() * tenth / 10));
        fs::remove_all(f.into);
        fs::create_directory(f.into);
        INFO("cut after " << tenth << " tenths");
        CHECK_THROWS_AS(unpack(f.file, f.into, f.options), Error);
    }
    system::write_file_atomically(f.file, "<html>no archive</html>");
    fs::remove_all(f.into);
    fs::create_directory(f.into);
    CHECK_THROWS_AS(unpack(f.file, f.into, f.options), Error);
}

TEST_CASE("unpack: it can be stopped, and wants an empty folder") {
    Fixture f;
    f.options.stopped = [] { return true; };
    CHECK_THROWS_AS(f.unpack(release_members()), Stopped);
    f.options.stopped = {};
    system::write_file_atomically(f.into / "there", "x");
    CHECK_THROWS_AS(f.unpack(release_members()), Error);
}
