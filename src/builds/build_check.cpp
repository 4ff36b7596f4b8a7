#include "odysseus/builds/build_check.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/library_path.hpp"
#include "odysseus/builds/system_trouble.hpp"
#include "odysseus/hardware/oneapi.hpp"
#include "odysseus/hardware/probe.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/run_tool.hpp"

#include <algorithm>

namespace odysseus::builds {

namespace {

constexpr std::size_t k_shown_bytes_max = 300;
constexpr std::chrono::seconds k_bench_limit{20};
constexpr std::chrono::seconds k_server_limit{1};
constexpr int k_illegal_signal = 4;                             // SIGILL, on every POSIX system
constexpr int k_illegal_status = static_cast<int>(0xC000001DU); // as Windows tells the same

// The program is there: what does not exist is the loader that it names.
bool lacks_loader(const std::filesystem::path& server, const system::ToolResult& result) {
    std::error_code error;
    return result.end == system::ToolResult::End::not_found &&
           std::filesystem::is_regular_file(server, error);
}

// What the system means by that, where it is known; else the last line that was printed: loaders
// and CUDA say there what is missing.
void set_trouble(BuildCheck& check, std::string how, const std::filesystem::path& server,
                 const system::ToolResult& result) {
    check.trouble = std::move(how);
    TroubleContext context;
    context.folder = system::utf8(server.parent_path());
    context.is_missing = lacks_loader(server, result);
    context.distribution =
        hardware::distribution_here().value_or(""); // asked only where something is wrong
    if (const auto known = system_trouble(concat(result.err, "\n", result.out), context)) {
        check.trouble += concat(": ", known->what);
        check.remedy = known->remedy;
        return;
    }
    const auto& text = trimmed(result.err).empty() ? result.out : result.err;
    const auto lines = lines_of(trimmed(text));
    if (!lines.empty()) check.trouble += concat(": ", lines.back().substr(0, k_shown_bytes_max));
}

} // namespace

std::vector<std::filesystem::path> library_folders(const std::filesystem::path& server,
                                                   bool own_folder, Backend backend) {
    std::vector<std::filesystem::path> folders;
    // Libraries of another llama.cpp on the user's path would be taken before the build's own.
    const bool others = system::environment_value("LD_LIBRARY_PATH").has_value();
    if (own_folder || others) folders.push_back(server.parent_path());
    if (backend == Backend::sycl) {
        const auto oneapi = hardware::find_oneapi().folders;
        folders.insert(folders.end(), oneapi.begin(), oneapi.end());
    }
    return folders;
}

system::EnvAdditions loader_environment(const std::filesystem::path& program,
                                        const std::vector<std::filesystem::path>& folders) {
    // The user's config.ini for llama.cpp's programs is none of a build's business.
    const auto nowhere = system::utf8(program.parent_path() / "no-config");
    system::EnvAdditions additions{{"XDG_CONFIG_HOME", nowhere}, {"APPDATA", nowhere}};
    if (!system::environment_value("CUDA_DEVICE_ORDER")) // as a launch does
        additions.emplace_back("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    if (folders.empty()) return additions;
    std::vector<std::string> names(folders.size());
    std::transform(folders.begin(), folders.end(), names.begin(), system::utf8);
    const auto present = system::environment_value("LD_LIBRARY_PATH");
    additions.push_back(library_path(hardware::Os::linux, names, present.value_or("")));
    return additions;
}

BuildCheck check_build(const std::filesystem::path& server,
                       const std::vector<std::filesystem::path>& folders,
                       std::chrono::milliseconds limit) {
    system::ToolLimits limits;
    limits.deadline = limit;
    const auto environment = loader_environment(server, folders);
    BuildCheck check;
    const auto ask = [&](const char* question) {
        std::vector<std::string> argv{system::utf8(server)};
        if (is_unified_program(system::utf8(server.filename()))) argv.emplace_back("serve");
        argv.emplace_back(question);
        return system::run_tool(argv, environment, limits);
    };
    const auto version = ask("--version");
    if (!version.ok()) {
        set_trouble(check,
                    lacks_loader(server, version) ? "cannot be started"
                                                  : version.how_it_ended(limits),
                    server, version);
        return check;
    }
    const auto said = parse_server_version(concat(version.err, "\n", version.out));
    if (!said) {
        set_trouble(check, "does not say which build it is (--version)", server, version);
        return check;
    }
    if (said->build) check.tag = concat("b", *said->build);
    const auto listed = ask("--list-devices");
    check.devices = parse_devices(concat(listed.out, "\n", listed.err));
    using End = system::ToolResult::End;
    // Too old for the flag is no trouble; dying of it, or hanging, is.
    if (!check.devices && (listed.end == End::signalled || listed.end == End::timed_out)) {
        set_trouble(check, concat("--list-devices ", listed.how_it_ended(limits)), server, listed);
        return check;
    }
    check.runs = true;
    return check;
}

std::optional<std::string> trouble_of_computing(const std::filesystem::path& server,
                                                const std::vector<std::filesystem::path>& folders,
                                                const std::filesystem::path& model) {
    auto bench = server.parent_path() / "llama-bench";
    bench += server.extension();
    std::error_code error;
    const bool has_bench = std::filesystem::is_regular_file(bench, error);
    system::ToolLimits limits;
    limits.deadline = has_bench ? k_bench_limit : k_server_limit;
    std::vector<std::string> argv{system::utf8(has_bench ? bench : server)};
    if (has_bench) {
        argv.insert(argv.end(), {"-p", "4", "-n", "1", "-r", "1", "-t", "1"});
    } else if (is_unified_program(system::utf8(server.filename()))) {
        argv.emplace_back("serve");
    }
    argv.insert(argv.end(), {"-m", system::utf8(model), "-ngl", "0"});
    if (!has_bench) argv.insert(argv.end(), {"--host", "127.0.0.1", "--port", "0"});
    const auto result = system::run_tool(argv, loader_environment(server, folders), limits);
    using End = system::ToolResult::End;
    const bool illegal = (result.end == End::signalled && result.status == k_illegal_signal) ||
                         (result.end == End::exited && result.status == k_illegal_status);
    if (!illegal) return std::nullopt;
    return concat("computes with instructions that this processor does not have (",
                  result.how_it_ended(limits), " with a small model)");
}

std::optional<std::vector<Device>> listed_devices(const std::filesystem::path& server,
                                                  const std::vector<std::filesystem::path>& folders,
                                                  std::chrono::milliseconds limit) {
    system::ToolLimits limits;
    limits.deadline = limit;
    const auto listed = system::run_tool({system::utf8(server), "--list-devices"},
                                         loader_environment(server, folders), limits);
    return parse_devices(concat(listed.out, "\n", listed.err));
}

std::optional<RejectedBuild> refuted(const BuildCheck& check, const std::string& tag,
                                     Backend backend) {
    const auto build = concat("llama.cpp ", tag, " for ", backend_title(backend));
    if (!check.runs) {
        return RejectedBuild{Rejection::does_not_run,
                             concat(build, " does not run here: its llama-server ", check.trouble)};
    }
    if (!check.devices || serves(*check.devices, backend)) return std::nullopt;
    std::vector<std::string> seen;
    for (const auto& device : *check.devices)
        seen.push_back(device.id + " " + device.name);
    return RejectedBuild{
        Rejection::lists_no_gpu,
        concat(build, " lists no GPU", seen.empty() ? "" : ", only ", joined(seen, ", "))};
}

} // namespace odysseus::builds
