#include "odysseus/builds/build_store.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>

namespace odysseus::builds {

namespace fs = std::filesystem;
using system::path_from_utf8;
using system::utf8;

namespace {

constexpr std::size_t k_manifest_bytes_max = 8U << 20;
constexpr std::size_t k_current_bytes_max = 64U << 10;
constexpr std::size_t k_builds_max = 1000;
constexpr const char* k_current_file = "current.json";
constexpr const char* k_staging = ".staging-";
constexpr const char* k_in_use_file = ".in-use";
constexpr std::chrono::minutes k_removal_limit{5}; // of some builds, on a slow disk

void remove_quietly(const fs::path& path) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) log::warn("cannot remove " + system::utf8(path) + ": " + error.message());
}

bool ends_with(std::string_view text, std::string_view ending) {
    return text.size() > ending.size() && text.substr(text.size() - ending.size()) == ending;
}

// The names in a folder, in no order.
std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        names.push_back(system::utf8(it->path().filename()));
    }
    return names;
}

} // namespace

std::string server_file_name(hardware::Os os) {
    return os == hardware::Os::windows ? "llama-server.exe" : "llama-server";
}

BuildStore::BuildStore(const fs::path& home, hardware::Os os, hardware::Arch arch)
    : m_os(os),
      m_folder(home / "bin" /
               (os == hardware::Os::windows
                    ? std::string("llama")
                    : concat("llama-", hardware::os_name(os), "-", hardware::arch_name(arch)))) {}

std::optional<InstalledBuild> BuildStore::read(const std::string& id) const {
    if (!is_build_id(id)) return std::nullopt;
    InstalledBuild build;
    build.id = id;
    build.folder = m_folder / system::path_from_utf8(id);
    const auto text = system::read_file(build.folder / k_manifest_file, k_manifest_bytes_max);
    auto manifest = text ? manifest_from(*text) : std::nullopt;
    if (!manifest) return std::nullopt;
    build.manifest = std::move(*manifest);
    build.server = build.folder / system::path_from_utf8(build.manifest.server);
    std::error_code error;
    const auto bytes = fs::file_size(build.server, error);
    if (error || bytes == 0) return std::nullopt;
    return build;
}

std::optional<CurrentRecord> BuildStore::record() const {
    const auto text = system::read_file(m_folder / k_current_file, k_current_bytes_max);
    return text ? current_from(*text) : std::nullopt;
}

std::vector<InstalledBuild> BuildStore::list() const {
    const auto now = record();
    std::vector<InstalledBuild> builds;
    for (const auto& name : names_in(m_folder)) {
        if (builds.size() == k_builds_max) break;
        auto build = read(name);
        if (!build) continue;
        build->current = now && now->current == name;
        build->previous = now && now->previous == name;
        builds.push_back(std::move(*build));
    }
    std::sort(builds.begin(), builds.end(), [](const auto& a, const auto& b) {
        return std::tie(b.manifest.installed_at, b.id) < std::tie(a.manifest.installed_at, a.id);
    });
    return builds;
}

std::optional<InstalledBuild> BuildStore::current() const {
    const auto now = record();
    if (!now) return std::nullopt;
    if (auto build = read(now->current)) {
        build->current = true;
        return build;
    }
    auto build = read(now->previous);
    if (!build) return std::nullopt;
    build->previous = true;
    build->note =
        concat("the build ", now->current, " is damaged; ", build->id, ", the one before, is used");
    return build;
}

std::optional<InstalledBuild> BuildStore::find(std::string_view tag_or_id) const {
    const auto builds = list();
    for (const auto& build : builds) {
        if (build.id == tag_or_id) return build;
    }
    const InstalledBuild* found = nullptr;
    for (const auto& build : builds) {
        if (build.manifest.tag != tag_or_id) continue;
        if (found == nullptr || build.current) found = &build;
    }
    return found != nullptr ? std::optional(*found) : std::nullopt;
}

InstalledBuild BuildStore::use(std::string_view tag_or_id, const StoreWait& wait) {
    const auto held = lock(wait);
    const auto build = find(tag_or_id);
    if (build) return select(build->id);
    std::vector<std::string> ids;
    std::vector<std::string> names;
    for (const auto& one : list()) {
        ids.push_back(one.id);
        names.push_back(one.manifest.tag);
        names.push_back(one.id);
    }
    const auto near = nearest(tag_or_id, names, 1);
    const auto there = ids.empty()
                           ? std::string("there is none")
                           : concat(near.empty() ? "" : concat("did you mean ", near.front(), "? "),
                                    "There are: ", joined(ids, ", "));
    throw Error(Fault::usage, concat("no build ", tag_or_id, " is installed; ", there,
                                     "; 'odysseus backend install ", tag_or_id, "' fetches it"));
}

InstalledBuild BuildStore::rollback(const StoreWait& wait) {
    const auto held = lock(wait);
    const auto now = record();
    if (!now || now->previous.empty() || !read(now->previous)) {
        throw Error(Fault::usage, "there is no earlier build to go back to; 'odysseus backend "
                                  "list' shows what is installed");
    }
    return select(now->previous);
}

system::FileLock BuildStore::lock(const StoreWait& wait) const {
    std::string owner;
    const auto waiting = [&](std::optional<std::int64_t> pid) {
        if (pid) owner = concat(" (process ", *pid, ")");
        if (wait.tell && wait.limit.count() > 0) {
            wait.tell(concat("another odysseus", owner, " is installing a build; waiting for it"));
        }
    };
    auto held = system::FileLock::wait_lock(m_folder / ".lock", wait.limit, waiting, wait.stopped);
    if (held) return std::move(*held);
    if (wait.stopped && wait.stopped()) throw Stopped("");
    throw Error(Fault::busy, concat("another odysseus", owner, " is installing a build in ",
                                    system::utf8(m_folder), "; try again when it is done"));
}

std::optional<system::FileLock> BuildStore::hold(const std::function<bool()>& stopped) const {
    try {
        return system::FileLock::wait_lock(m_folder / k_in_use_file, k_removal_limit, {}, stopped);
    } catch (const Error& error) {
        log::debug(error.what());
        return std::nullopt;
    }
}

std::optional<system::FileLock> BuildStore::if_none_runs() const {
    return system::FileLock::try_lock(m_folder / k_in_use_file);
}

void BuildStore::sweep() const {
    for (const auto& name : names_in(m_folder)) {
        if (name.front() != '.' || name == ".lock" || name == ".downloads") continue;
        const auto path = m_folder / system::path_from_utf8(name);
        if (ends_with(name, ".old")) { // see system::replace_directory
            const auto lost = m_folder / system::path_from_utf8(name.substr(1, name.size() - 5));
            std::error_code error;
            if (!fs::exists(lost, error)) fs::rename(path, lost, error);
        }
        const bool ours = name.rfind(k_staging, 0) == 0 || ends_with(name, ".old") ||
                          name.find(".tmp-") != std::string::npos;
        if (ours) remove_quietly(path);
    }
}

fs::path BuildStore::new_staging() const {
    const auto random = system::utf8(system::temp_sibling(m_folder / "x").filename());
    auto path = m_folder / (k_staging + random.substr(random.rfind('-') + 1));
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
        throw Error(Fault::usage,
                    concat("creating the folder ", system::utf8(path), ": ", error.message()));
    }
    return path;
}

void BuildStore::publish(const fs::path& staging, const std::string& id) const {
    const auto none_runs = if_none_runs();
    if (!none_runs && read(id)) {
        throw Error(Fault::busy, concat("the build ", id,
                                        " is there already, and the odysseus that "
                                        "runs here may be using it; stop that one first"));
    }
    system::sync_tree(staging);
    system::replace_directory(staging, m_folder / system::path_from_utf8(id));
}

InstalledBuild BuildStore::select(const std::string& id) const {
    auto build = read(id);
    if (!build) throw Error(Fault::bug, concat("the build ", id, " is not whole"));
    const auto before = record().value_or(CurrentRecord{});
    CurrentRecord now{id, before.previous};
    if (before.current != id) now.previous = read(before.current) ? before.current : "";
    if (before.current != now.current || before.previous != now.previous) {
        system::write_file_atomically(m_folder / k_current_file, current_text(now));
    }
    const auto none_runs = if_none_runs();
    for (const auto& one : none_runs ? list() : std::vector<InstalledBuild>()) {
        if (one.id != now.current && one.id != now.previous) remove_quietly(one.folder);
    }
    build->current = true;
    return *build;
}

fs::path BuildStore::downloads() const {
    return m_folder / ".downloads";
}

void BuildStore::remove_downloads() const {
    remove_quietly(downloads());
}

std::optional<InstalledBuild> current_build(const fs::path& home, hardware::Os os,
                                            hardware::Arch arch) {
    return BuildStore(home, os, arch).current();
}

} // namespace odysseus::builds
