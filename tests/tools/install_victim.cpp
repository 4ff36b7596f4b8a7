// Acquires a build from a release host and may be told to die by SIGKILL on the way.
//   install_victim HOME BASE none | step:N | part:BYTES | unpack:N
// Dies before its N-th step, when the unfinished download has so many bytes, or at the N-th
// progress of unpacking. Prints each step, then the id of the build that is in use.
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/acquire.hpp"
#include "odysseus/system/process_info.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

using namespace odysseus;

namespace {

[[noreturn]] void die() {
    std::fflush(stdout);
    system::kill_process(system::own_pid());
    std::abort();
}

std::uintmax_t part_bytes(const std::filesystem::path& downloads) {
    std::uintmax_t bytes = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator it(downloads, error), end; !error && it != end;
         it.increment(error)) {
        if (it->path().extension() == ".part") bytes = std::max(bytes, it->file_size(error));
    }
    return error ? 0 : bytes;
}

int run(const std::string& home, const std::string& base, const std::string& where) {
    const auto kind = where.substr(0, where.find(':'));
    const auto number = parsed_int(where.substr(std::min(where.size(), kind.size() + 1)));
    builds::BuildStore store(home, hardware::Os::linux, hardware::Arch::x64);
    builds::InstallOptions options;
    options.http.back_off = std::chrono::milliseconds(20);
    options.lock_wait = std::chrono::seconds(60);
    std::int64_t steps = 0;
    std::int64_t unpacked = 0;
    options.at_step = [&](std::string_view step) {
        std::printf("%.*s\n", static_cast<int>(step.size()), step.data());
        if (kind == "step" && ++steps == number) die();
    };
    options.progress = [&](const std::string& what, const download::FetchProgress&) {
        if (kind == "unpack" && what == "unpacking" && ++unpacked == number) die();
    };
    options.http.stopped = [&] {
        if (kind == "part" &&
            part_bytes(store.downloads()) >= static_cast<std::uintmax_t>(number.value_or(0))) {
            die();
        }
        return false;
    };
    builds::ReleaseSourceOptions source_options;
    source_options.github_api = base;
    source_options.github_download = base;
    builds::ReleaseSource source(source_options, options.http);
    builds::BuildWish wish;
    wish.download_base = base;
    const auto build = builds::acquire_build(wish, source, store, options);
    std::printf("in use: %s\n", build.id.c_str());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    try {
        return run(argv[1], argv[2], argv[3]);
    } catch (const Error& error) {
        std::fprintf(stderr, "install_victim: %s\n", error.what());
        return exit_code(error.fault());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "install_victim: %s\n", error.what());
        return 1;
    }
}
