#include "python_runtime.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/run_tool.hpp"

#include <algorithm>
#include <optional>

namespace odysseus::builds {

namespace fs = std::filesystem;
using system::utf8;
using Words = std::vector<std::string>;

namespace {

constexpr std::size_t k_shown_bytes_max = 400;

// The installers in the order they are tried, without the packages.
std::vector<Words> installers(const fs::path& home, const std::string& target) {
    const Words uv{"pip", "install", "--only-binary", ":all:", "--target", target};
    const Words pip{"-m",         "pip",           "install", "--disable-pip-version-check",
                    "--no-input", "--only-binary", ":all:",   "--target",
                    target};
    std::vector<Words> all;
    const auto add = [&](const std::string& program, const Words& words) {
        all.push_back({program});
        all.back().insert(all.back().end(), words.begin(), words.end());
    };
    add("uv", uv);
    if (!home.empty()) add(system::utf8(home / "bin" / "uv"), uv);
    add("python3", pip);
    add("python", pip);
    return all;
}

std::string last_words(const system::ToolResult& result) {
    const auto lines = lines_of(trimmed(trimmed(result.err).empty() ? result.out : result.err));
    // pip's last lines may be a hint; the one that says ERROR is the reason.
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
        if (lowered(*line).find("error") != std::string::npos) {
            return concat(": ", line->substr(0, k_shown_bytes_max));
        }
    }
    return lines.empty() ? std::string() : concat(": ", lines.back().substr(0, k_shown_bytes_max));
}

bool is_library(const std::string& name) {
    return name.rfind("lib", 0) == 0 && name.find(".so") != std::string::npos;
}

// nvidia/cublas/lib/libcublas.so.12 and the like, flat beside llama-server.
std::vector<std::string> move_libraries(const fs::path& from, const fs::path& beside) {
    std::vector<std::string> names;
    try {
        for (const auto& entry : fs::recursive_directory_iterator(from)) {
            const auto name = system::utf8(entry.path().filename());
            if (!entry.is_regular_file() || entry.is_symlink() || !is_library(name)) continue;
            if (fs::exists(fs::symlink_status(beside / name))) continue;
            fs::rename(entry.path(), beside / name);
            names.push_back(name);
        }
    } catch (const fs::filesystem_error& failure) {
        throw Error(Fault::usage, concat("moving the CUDA runtime: ", failure.what()));
    }
    std::sort(names.begin(), names.end());
    return names;
}

struct Remove {
    fs::path folder;
    explicit Remove(fs::path path) : folder(std::move(path)) {}
    Remove(const Remove&) = delete;
    Remove& operator=(const Remove&) = delete;
    ~Remove() {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
};

} // namespace

std::vector<std::string> add_python_runtime(const fs::path& beside,
                                            const PythonRuntimeOptions& options) {
    std::error_code error;
    if (fs::exists(beside / options.present, error)) return {};
    const Remove target(system::temp_sibling(beside));
    system::ToolLimits limits;
    limits.deadline = options.limit;
    std::optional<Error> trouble;
    for (auto command : installers(options.home, system::utf8(target.folder))) {
        command.insert(command.end(), options.packages.begin(), options.packages.end());
        const auto& program = command.front();
        if (options.tell) {
            options.tell(concat("asking ", program, " for the CUDA runtime (",
                                joined(options.packages, ", "), ")"));
        }
        const auto result = system::run_tool(command, {}, limits);
        if (result.ok()) {
            fs::create_directories(target.folder, error); // a tool that did nothing
            auto names = move_libraries(target.folder, beside);
            if (!names.empty()) return names;
            throw Error(Fault::network,
                        concat(program, " installed no library of the CUDA runtime"));
        }
        if (result.end == system::ToolResult::End::not_found) continue;
        trouble.emplace(Fault::network, concat("getting the CUDA runtime by ", program, ": it ",
                                               result.how_it_ended(limits), last_words(result)));
    }
    if (trouble) throw *trouble;
    throw Error(Fault::no_build, "the CUDA runtime for this build comes from Python packages, but "
                                 "there is neither uv nor python3 with pip");
}

} // namespace odysseus::builds
