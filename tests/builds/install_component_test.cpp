#include "odysseus/builds/build_files.hpp"
#include "odysseus/builds/install.hpp"

#include "elf_program.hpp"
#include "fake_build.hpp"
#include "odysseus/base/error.hpp"
#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <future>

using namespace odysseus;
using namespace odysseus::hardware;
using namespace odysseus::builds;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

struct Fixture {
    ReleaseHost host;
    Scratch home;
    Scratch scratch;
    BuildStore store{home.path(), hardware::Os::linux, hardware::Arch::x64};
    InstallOptions options;
    std::vector<std::string> told;

    Fixture() {
        options.http.back_off = 1ms;
        options.http.stall_limit = 2s;
        options.http.tries_max = 2;
        options.lock_wait = 0ms;
        options.tell = [this](const std::string& sentence) { told.push_back(sentence); };
    }
    BuildChoice choice(const FakeBuild& build = {}, Backend backend = Backend::cpu) {
        return fake_choice(host, scratch.path(), build, backend);
    }
    InstalledBuild install(const std::string& tag) {
        FakeBuild build;
        build.tag = tag;
        return std::get<InstalledBuild>(install_build(store, choice(build), options));
    }
    [[nodiscard]] std::string current() const {
        const auto build = current_build(home.path(), hardware::Os::linux, hardware::Arch::x64);
        return build ? build->id : "(none)";
    }
    [[nodiscard]] std::vector<std::string> ids() const {
        std::vector<std::string> out;
        for (const auto& build : store.list())
            out.push_back(build.id);
        std::sort(out.begin(), out.end());
        return out;
    }
    // Names in the store that are neither builds nor the store's own records.
    [[nodiscard]] std::vector<std::string> leftovers() const {
        std::vector<std::string> out;
        for (const auto& entry : fs::directory_iterator(store.folder())) {
            const auto name = entry.path().filename().string();
            if (name != ".lock" && name != ".in-use" && name != "current.json" &&
                !is_build_id(name))
                out.push_back(name);
        }
        return out;
    }
    template <class Work>
    Error error_of(Work work) {
        try {
            static_cast<void>(work());
        } catch (const Error& error) {
            return error;
        }
        return {Fault::bug, "no error"};
    }
};

using Ids = std::vector<std::string>;

} // namespace

TEST_CASE("install: a build is fetched, checked by running it, and used; a launch finds it") {
    Fixture f;
    CHECK(f.current() == "(none)");
    const auto build = f.install("b11158");
    CHECK(build.id == "b11158-cpu");
    CHECK(build.current);
    CHECK(build.manifest.tag == "b11158");
    CHECK(build.manifest.files.size() == 3);
    CHECK(build.server == f.home / "bin/llama-linux-x64/b11158-cpu/llama-server");
    CHECK(fs::is_symlink(build.folder / "libllama.so"));
    CHECK(f.leftovers().empty());
    f.host.forget_seen();
    CHECK(f.current() == "b11158-cpu");
    CHECK(f.host.seen().empty());
    // Again: no request, the same build.
    static_cast<void>(f.install("b11158"));
    CHECK(f.host.seen().empty());
}

TEST_CASE("install: on Windows the folder is bin/llama, and llama-server has its ending") {
    const BuildStore store("h", hardware::Os::windows, hardware::Arch::x64);
    CHECK(store.folder() == fs::path("h") / "bin" / "llama");
    CHECK(server_file_name(Os::windows) == "llama-server.exe");
    CHECK(BuildStore("h", Os::macos, Arch::arm64).folder().filename() == "llama-macos-arm64");
}

TEST_CASE("install: the CUDA runtime goes flat beside llama-server") {
    Fixture f;
    FakeBuild build;
    build.devices = "  CUDA0: NVIDIA GeForce RTX 4090 (24217 MiB, 23000 MiB free)";
    auto choice = f.choice(build, Backend::cuda);
    const std::string name = "cudart-llama-b11158-bin-ubuntu-cuda-13.4-x64.tar.gz";
    const auto top = name.substr(0, name.size() - 7) + "/";
    choice.files.push_back(
        serve_fake(f.host, f.scratch.path(), "b11158", name,
                   {{top + "libcudart.so.13", "cudart", TestMember::Kind::file, 0755},
                    {top + "libcublas.so.13", "cublas", TestMember::Kind::file, 0755}}));
    choice.files.back().role = FileRole::runtime;
    const auto got = std::get<InstalledBuild>(install_build(f.store, choice, f.options));
    CHECK(got.id == "b11158-cuda-13.4");
    CHECK(system::read_file(got.folder / "libcudart.so.13", 100) == "cudart");
    CHECK(got.manifest.files.size() == 5);
    CHECK(got.manifest.devices.size() == 1);
    CHECK(got.manifest.archives.size() == 2);
    CHECK(f.leftovers().empty());
}

TEST_CASE("install: the build before is kept, older ones go; rollback and use switch") {
    Fixture f;
    static_cast<void>(f.install("b1"));
    CHECK(f.error_of([&] { return f.store.rollback({}); }).fault() == Fault::usage);
    static_cast<void>(f.install("b2"));
    CHECK(f.ids() == Ids{"b1-cpu", "b2-cpu"});
    static_cast<void>(f.install("b3"));
    CHECK(f.ids() == Ids{"b2-cpu", "b3-cpu"});
    CHECK(f.current() == "b3-cpu");
    CHECK(f.store.rollback({}).id == "b2-cpu");
    CHECK(f.current() == "b2-cpu");
    CHECK(f.store.rollback({}).id == "b3-cpu"); // and forth again
    CHECK(f.store.use("b2", {}).id == "b2-cpu");
    CHECK(f.store.use("b2-cpu", {}).id == "b2-cpu");
    const auto error = f.error_of([&] { return f.store.use("b1", {}); });
    CHECK(error.fault() == Fault::usage);
    CHECK_THAT(error.what(), ContainsSubstring("b2-cpu") && ContainsSubstring("b3-cpu"));
    const auto list = f.store.list();
    REQUIRE(list.size() == 2);
    for (const auto& build : list) {
        CHECK(build.current == (build.id == "b2-cpu"));
        CHECK(build.previous == (build.id == "b3-cpu"));
    }
}

TEST_CASE("install: while an odysseus runs, no build goes away, whatever is installed") {
    Fixture f;
    static_cast<void>(f.install("b1"));
    static_cast<void>(f.install("b2"));
    static_cast<void>(f.store.rollback({})); // b1 runs, b2 is the one before
    {
        const auto running = f.store.hold({});
        REQUIRE(running.has_value());
        static_cast<void>(f.install("b3"));
        static_cast<void>(f.install("b4"));
        CHECK(f.ids() == Ids{"b1-cpu", "b2-cpu", "b3-cpu", "b4-cpu"});
        CHECK(f.store.rollback({}).id == "b3-cpu");
        CHECK(f.ids().size() == 4);
    }
    // It has ended: the next switch tidies up.
    static_cast<void>(f.store.use("b4", {}));
    CHECK(f.ids() == Ids{"b3-cpu", "b4-cpu"});
    CHECK(f.leftovers().empty());
}

TEST_CASE("install: a build that may be running is not replaced by an import of the same") {
    Fixture f;
    FakeBuild build;
    build.tag = "b777";
    const auto archive = f.scratch / "some.zip";
    make_archive(archive, TestArchive::zip, fake_build_members(build));
    const auto first = import_build(f.store, archive, f.options);
    auto running = f.store.hold({});
    const auto error = f.error_of([&] { return import_build(f.store, archive, f.options); });
    CHECK(error.fault() == Fault::busy);
    CHECK_THAT(error.what(), ContainsSubstring("b777-cpu-import"));
    CHECK(fs::exists(first.server));
    CHECK(f.leftovers().empty());
    running.reset();
    CHECK(import_build(f.store, archive, f.options).id == first.id);
}

TEST_CASE("install: what was changed on the disk is told, and installing again repairs it") {
    Fixture f;
    auto build = f.install("b1");
    CHECK(differences(build) == Ids{});
    const auto library = build.folder / "libllama.so.0";
    auto bytes = system::read_file(library, 1 << 20).value();
    bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
    system::write_file_atomically(library, bytes);
    CHECK(differences(build) == Ids{"libllama.so.0 was changed"});
    system::write_file_atomically(library, "short");
    CHECK(differences(build) == Ids{"libllama.so.0 has 5 bytes instead of 500000"});
    fs::remove(library); // and the link leads nowhere
    CHECK(differences(build).size() == 2);

    build = f.install("b1");
    CHECK(differences(build) == Ids{});
    REQUIRE(f.told.size() == 1);
    CHECK_THAT(f.told[0], ContainsSubstring("b1-cpu is damaged (libllama.so"));
    f.host.forget_seen();
    CHECK(f.install("b1").id == "b1-cpu"); // whole: nothing is fetched
    CHECK(f.host.seen().empty());
}

TEST_CASE("install: the manifest tells what lies there, with links as copies too") {
    Fixture f;
    f.options.links_as_copies = true;
    const auto build = f.install("b1");
    CHECK(fs::is_regular_file(fs::symlink_status(build.folder / "libllama.so")));
    CHECK(differences(build) == Ids{});
}

#ifdef __linux__
TEST_CASE("install: the manifest follows programs that are told where their loader is") {
    Fixture f;
    f.options.check = [](const fs::path&, const std::vector<fs::path>&) {
        BuildCheck check;
        check.runs = true;
        check.tag = "b5";
        return check;
    };
    const auto from = f.scratch / "own";
    fs::create_directories(from);
    for (const auto* name : {"llama-server", "llama-cli"})
        system::write_file_atomically(from / name, elf_program("/x/ld-linux-x86-64.so.2"));
    system::write_file_atomically(from / "ld-linux-x86-64.so.2", "the loader");
    auto build = import_build(f.store, from, f.options);
    const auto loader = fs::canonical(build.folder) / "ld-linux-x86-64.so.2";
    CHECK(system::read_file(build.server, 1 << 20) == elf_program(loader.string()));
    CHECK(differences(build) == Ids{});
    patch_build(build); // nothing is to be done
    CHECK(differences(build) == Ids{});

    // The whole HOME on another computer.
    const Scratch moved;
    fs::rename(f.home / "bin", moved / "bin");
    auto there = *current_build(moved.path(), hardware::Os::linux, hardware::Arch::x64);
    CHECK(differences(there) == Ids{});
    patch_build(there);
    CHECK(system::read_file(there.server, 1 << 20) != elf_program(loader.string()));
    CHECK(differences(there) == Ids{});
    CHECK(differences(*current_build(moved.path(), Os::linux, Arch::x64)) == Ids{});
}
#endif

TEST_CASE("install: a damaged build is not used; the one before is, and it says so") {
    Fixture f;
    static_cast<void>(f.install("b1"));
    const auto build = f.install("b2");
    SECTION("its llama-server is gone") {
        fs::remove(build.server);
    }
    SECTION("its llama-server is empty") {
        fs::resize_file(build.server, 0);
    }
    SECTION("its manifest is cut") {
        fs::resize_file(build.folder / k_manifest_file, 100);
    }
    SECTION("its folder is gone") {
        fs::remove_all(build.folder);
    }
    const auto now = f.store.current();
    REQUIRE(now);
    CHECK(now->id == "b1-cpu");
    CHECK_THAT(now->note, ContainsSubstring("b2-cpu is damaged"));
    CHECK(f.install("b2").id == "b2-cpu"); // repairs it
    CHECK(f.current() == "b2-cpu");
}

TEST_CASE(
    "install: a record that is damaged means: nothing is installed, and installing repairs it") {
    Fixture f;
    const auto build = f.install("b1");
    system::write_file_atomically(f.store.folder() / "current.json", "{\"curr");
    CHECK(f.current() == "(none)");
    f.host.forget_seen();
    static_cast<void>(f.install("b1"));
    CHECK(f.current() == "b1-cpu");
    CHECK(f.host.seen().empty()); // the build itself was whole
}

TEST_CASE("install: a wrong digest is an integrity fault, and nothing is left behind") {
    Fixture f;
    static_cast<void>(f.install("b1"));
    FakeBuild build;
    build.tag = "b2";
    auto choice = f.choice(build);
    choice.files.front().sha256 = std::string(64, 'a');
    const auto error = f.error_of([&] { return install_build(f.store, choice, f.options); });
    CHECK(error.fault() == Fault::integrity);
    CHECK_THAT(error.what(), ContainsSubstring("installing llama.cpp b2"));
    CHECK(f.current() == "b1-cpu");
    CHECK(f.ids() == Ids{"b1-cpu"});
    CHECK(fs::is_empty(f.store.downloads()));
}

TEST_CASE("install: no digest is said plainly") {
    Fixture f;
    auto choice = f.choice();
    choice.files.front().sha256.reset();
    CHECK(std::holds_alternative<InstalledBuild>(install_build(f.store, choice, f.options)));
    REQUIRE(f.told.size() == 1);
    CHECK_THAT(f.told.front(), ContainsSubstring("no digest"));
}

TEST_CASE("install: an archive without llama-server is refused") {
    Fixture f;
    auto choice = f.choice();
    choice.files.front() =
        serve_fake(f.host, f.scratch.path(), "b11158", "llama-b11158-bin-ubuntu-x64.tar.gz",
                   {{"llama-b11158/README", "x"}, {"llama-b11158/llama-server.txt", "x"}});
    const auto error = f.error_of([&] { return install_build(f.store, choice, f.options); });
    CHECK(error.fault() == Fault::integrity);
    CHECK_THAT(error.what(), ContainsSubstring("no llama-server in"));
    CHECK(f.current() == "(none)");
}

TEST_CASE(
    "install: ground truth leads from CUDA over Vulkan to the CPU, and the reasons are kept") {
    Fixture f;
    BuildPlan plan;
    FakeBuild broken;
    broken.exit_status = 127;
    FakeBuild software;
    software.devices = "  Vulkan0: llvmpipe (LLVM 21.1.8, 256 bits) (24105 MiB, 23718 MiB free)";
    plan.choices = {f.choice(broken, Backend::cuda), f.choice(software, Backend::vulkan),
                    f.choice()};
    const auto build = install_plan(f.store, plan, f.options);
    CHECK(build.id == "b11158-cpu");
    CHECK_THAT(build.manifest.reason,
               ContainsSubstring("libcudart.so.13: no such file") && ContainsSubstring("llvmpipe"));
    CHECK(f.told.size() == 2);
    CHECK(f.ids() == Ids{"b11158-cpu"});
    CHECK(f.leftovers().empty());
}

TEST_CASE("install: when no choice holds, the fault says what kind of trouble it was") {
    Fixture f;
    BuildPlan plan;
    FakeBuild broken;
    broken.exit_status = 1;
    FakeBuild blind;
    plan.choices = {f.choice(broken)};
    CHECK(f.error_of([&] { return install_plan(f.store, plan, f.options); }).fault() ==
          Fault::integrity);
    plan.choices = {f.choice(blind, Backend::vulkan)};
    CHECK(f.error_of([&] { return install_plan(f.store, plan, f.options); }).fault() ==
          Fault::no_build);
    plan.choices = {f.choice()};
    plan.choices.front().files.front().url += ".gone";
    CHECK(f.error_of([&] { return install_plan(f.store, plan, f.options); }).fault() ==
          Fault::no_build);
    CHECK(f.current() == "(none)");
    CHECK(f.ids().empty());
}

TEST_CASE("install: a disk that runs no programs is told as such") {
    Fixture f;
    f.options.check = [](const fs::path&, const std::vector<fs::path>&) {
        BuildCheck check;
        check.trouble = "could not be started: Permission denied";
        return check;
    };
    BuildPlan plan;
    plan.choices = {f.choice()};
    const auto error = f.error_of([&] { return install_plan(f.store, plan, f.options); });
    CHECK(error.fault() == Fault::integrity);
    CHECK_THAT(error.what(), ContainsSubstring("noexec") && ContainsSubstring("--home DIR"));
    make_archive(f.scratch / "b.tar.gz", TestArchive::tar_gz, fake_build_members({}));
    CHECK_THAT(
        f.error_of([&] { return import_build(f.store, f.scratch / "b.tar.gz", f.options); }).what(),
        ContainsSubstring("noexec"));
}

TEST_CASE("install: a build without CUDA's libraries gets them from Python packages") {
    Fixture f;
    FakeBuild build;
    build.devices = "  CUDA0: NVIDIA GeForce RTX 4090 (1 MiB, 1 MiB free)";
    auto choice = f.choice(build, Backend::cuda);
    choice.python_cuda_runtime = true;
    SECTION("and keeps them") {
        f.options.python_runtime = [](const fs::path& beside) {
            system::write_file_atomically(beside / "libcudart.so.12", "cudart");
        };
        const auto got = std::get<InstalledBuild>(install_build(f.store, choice, f.options));
        CHECK(got.manifest.library_path);
        CHECK(system::read_file(got.folder / "libcudart.so.12", 10) == "cudart");
        CHECK(got.manifest.files.size() == 4);
    }
    SECTION("or not, which is told; what runs all the same is kept") {
        f.options.python_runtime = [](const fs::path&) { throw Error(Fault::network, "no index"); };
        CHECK(std::holds_alternative<InstalledBuild>(install_build(f.store, choice, f.options)));
        REQUIRE(f.told.size() == 1);
        CHECK(f.told.front() == "no index");
    }
}

TEST_CASE("install: imported from an archive and from a folder, its tag is what it says") {
    Fixture f;
    FakeBuild build;
    build.tag = "b777";
    const auto archive = f.scratch / "some.zip";
    make_archive(archive, TestArchive::zip, fake_build_members(build));
    CHECK(import_build(f.store, archive, f.options).id == "b777-cpu-import");
    CHECK(fs::exists(archive));

    build.tag = "b778";
    build.devices = "  Vulkan0: AMD Radeon (1 MiB, 1 MiB free)";
    const auto folder = f.scratch / "unpacked/bin";
    fs::create_directories(folder);
    system::write_file_atomically(folder / "llama-server", fake_server_script(build));
    system::write_file_atomically(folder / "libreal.so", "x");
    fs::create_symlink("libreal.so", folder / "liblink.so");
    const auto got = import_build(f.store, f.scratch / "unpacked", f.options);
    CHECK(got.id == "b778-vulkan-import");
    CHECK(got.manifest.server == "bin/llama-server");
    CHECK(system::read_file(got.folder / "bin/liblink.so", 10) == "x");
    CHECK(f.current() == "b778-vulkan-import");
    CHECK(f.store.rollback({}).id == "b777-cpu-import");
}

TEST_CASE("install: what cannot be imported is refused by what it is") {
    Fixture f;
    CHECK(f.error_of([&] {
               return import_build(f.store, f.scratch / "none", f.options);
           }).fault() == Fault::usage);
    system::write_file_atomically(f.scratch / "x.txt", "hello");
    CHECK(f.error_of([&] {
               return import_build(f.store, f.scratch / "x.txt", f.options);
           }).fault() == Fault::integrity);
    FakeBuild broken;
    broken.exit_status = 1;
    make_archive(f.scratch / "b.tar.gz", TestArchive::tar_gz, fake_build_members(broken));
    CHECK(f.error_of([&] {
               return import_build(f.store, f.scratch / "b.tar.gz", f.options);
           }).fault() == Fault::integrity);
    CHECK(f.error_of([&] { return import_build(f.store, f.home.path(), f.options); }).fault() ==
          Fault::usage);
    CHECK(f.current() == "(none)");
    CHECK(f.leftovers().empty());
}

TEST_CASE("install: two at once: one works, the other says so, or waits and finds it done") {
    Fixture f;
    const auto choice = f.choice();
    std::promise<void> inside;
    std::promise<void> go_on;
    auto slow = f.options;
    slow.at_step = [&](std::string_view step) {
        if (step != "unpack") return;
        inside.set_value();
        go_on.get_future().wait();
    };
    auto first =
        std::async(std::launch::async, [&] { return install_build(f.store, choice, slow); });
    inside.get_future().wait();
    const auto error = f.error_of([&] { return install_build(f.store, choice, f.options); });
    CHECK(error.fault() == Fault::busy);
    CHECK_THAT(error.what(), ContainsSubstring("another odysseus (process "));
    f.options.lock_wait = 30s;
    std::promise<void> waiting;
    f.options.tell = [&](const std::string&) { waiting.set_value(); };
    f.host.forget_seen();
    auto second =
        std::async(std::launch::async, [&] { return install_build(f.store, choice, f.options); });
    waiting.get_future().wait();
    go_on.set_value();
    CHECK(std::get<InstalledBuild>(first.get()).id == "b11158-cpu");
    CHECK(std::get<InstalledBuild>(second.get()).id == "b11158-cpu");
    CHECK(f.host.seen().empty()); // the second one fetched nothing
    CHECK(f.leftovers().empty());
}

TEST_CASE("install: stopped at any step, the build before stays in use") {
    std::size_t steps = 0;
    for (std::size_t stop_at = 1; stop_at < 20; ++stop_at) {
        Fixture f;
        static_cast<void>(f.install("b1"));
        std::size_t step = 0;
        bool stop = false;
        f.options.at_step = [&](std::string_view) { stop = ++step >= stop_at; };
        f.options.http.stopped = [&] { return stop; };
        FakeBuild build;
        build.tag = "b2";
        try {
            static_cast<void>(install_build(f.store, f.choice(build), f.options));
            steps = step;
            break;
        } catch (const Stopped&) {
            CHECK((f.current() == "b1-cpu" || step >= 6));
        }
        f.options.at_step = {};
        f.options.http.stopped = {};
        CHECK(f.install("b2").id == "b2-cpu");
        CHECK(f.leftovers().empty());
    }
    CHECK(steps >= 6);
}
