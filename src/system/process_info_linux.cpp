#include "odysseus/system/kernel_text.hpp"
#include "odysseus/system/process_info.hpp"

#include "odysseus/system/proc_linux.hpp"

#include <csignal>
#include <dirent.h>
#include <unistd.h>

namespace odysseus::system {
namespace {

std::optional<std::string> proc_file(std::int64_t pid, const char* name) {
    return kernel_file(concat("/proc/", pid, "/", name));
}

// The fields of /proc/PID/stat from the third on (proc(5)); the name before them may hold anything.
std::vector<std::string_view> stat_fields(const std::string& text) {
    const auto end = text.rfind(')');
    if (end == std::string::npos) return {};
    return split(trimmed(std::string_view(text).substr(end + 1)), ' ');
}
constexpr std::size_t k_field_state = 0;
constexpr std::size_t k_field_group = 2;
constexpr std::size_t k_field_utime = 11;
constexpr std::size_t k_field_stime = 12;
constexpr std::size_t k_field_start = 19;

std::optional<std::int64_t> number_at(const std::vector<std::string_view>& fields,
                                      std::size_t index) {
    if (index >= fields.size()) return std::nullopt;
    return parsed_int(fields[index]);
}

// The number after `key` on the line that begins with it.
std::optional<std::int64_t> value_of(const std::string& text, std::string_view key) {
    for (const auto line : lines_of(text)) {
        if (line.substr(0, key.size()) != key) continue;
        for (const auto word : split(line.substr(key.size()), ' ')) {
            if (const auto number = parsed_int(trimmed(word))) return number;
        }
    }
    return std::nullopt;
}

// The folders of our own control group and of the groups around it, the own one first.
std::vector<std::filesystem::path> own_memory_groups(const std::filesystem::path& root) {
    const auto text = kernel_file(root / "proc/self/cgroup");
    const auto groups = cgroup_paths(text.value_or(""));
    std::vector<std::filesystem::path> folders;
    const auto add = [&](const char* mount, const std::optional<std::string>& path) {
        if (!path) return;
        for (const auto& level : cgroup_levels(*path))
            folders.push_back(root / (mount + level));
    };
    add("sys/fs/cgroup", groups.unified);
    add("sys/fs/cgroup/memory", groups.memory);
    return folders;
}

} // namespace

std::int64_t own_pid() {
    return ::getpid();
}

std::optional<ProcessIdentity> process_identity(std::int64_t pid) {
    const auto stat = proc_file(pid, "stat");
    if (!stat) return std::nullopt;
    const auto fields = stat_fields(*stat);
    if (fields.size() <= k_field_start || fields[k_field_state] == "Z") return std::nullopt;
    const auto boot = kernel_file("/proc/sys/kernel/random/boot_id");
    std::error_code error;
    const auto executable = std::filesystem::read_symlink(concat("/proc/", pid, "/exe"), error);
    if (error) return std::nullopt;
    return ProcessIdentity{pid, concat(fields[k_field_start], "@", boot ? trimmed(*boot) : ""),
                           utf8(executable)};
}

std::vector<std::int64_t> group_members(std::int64_t group) {
    std::vector<std::int64_t> members;
    DIR* list = ::opendir("/proc");
    if (list == nullptr) return members;
    while (const auto* entry = ::readdir(list)) {
        const auto pid = parsed_int(entry->d_name);
        if (!pid) continue;
        const auto stat = proc_file(*pid, "stat");
        if (!stat) continue;
        const auto fields = stat_fields(*stat);
        if (number_at(fields, k_field_group) == group && fields[k_field_state] != "Z") {
            members.push_back(*pid);
        }
    }
    ::closedir(list);
    return members;
}

std::optional<std::int64_t> group_cpu_ms(std::int64_t group) {
    const auto members = group_members(group);
    if (members.empty()) return std::nullopt;
    std::int64_t ticks = 0;
    for (const auto pid : members) {
        const auto stat = proc_file(pid, "stat");
        if (!stat) continue;
        const auto fields = stat_fields(*stat);
        ticks += number_at(fields, k_field_utime).value_or(0) +
                 number_at(fields, k_field_stime).value_or(0);
    }
    return ticks * 1000 / ::sysconf(_SC_CLK_TCK);
}

std::optional<std::int64_t> address_space_limit(std::int64_t pid) {
    const auto limits = proc_file(pid, "limits");
    return limits ? value_of(*limits, "Max address space") : std::nullopt;
}

std::optional<std::int64_t> memory_ceiling(const std::filesystem::path& root) {
    const auto meminfo = kernel_file(root / "proc/meminfo");
    if (!meminfo) return std::nullopt;
    const auto total = value_of(*meminfo, "MemTotal:");
    if (!total) return std::nullopt;
    std::int64_t bytes = (*total + value_of(*meminfo, "SwapTotal:").value_or(0)) * 1024;
    for (const auto& folder : own_memory_groups(root)) {
        for (const char* file : {"memory.max", "memory.limit_in_bytes"}) {
            const auto text = kernel_file(folder / file);
            const auto limit = text ? parsed_int(trimmed(*text)) : std::nullopt;
            if (limit && *limit > 0 && *limit < bytes) bytes = *limit;
        }
    }
    return bytes;
}

std::optional<std::int64_t> memory_free() {
    const auto meminfo = kernel_file("/proc/meminfo");
    const auto kib = meminfo ? value_of(*meminfo, "MemAvailable:") : std::nullopt;
    if (!kib) return std::nullopt;
    return *kib * 1024;
}

std::optional<std::int64_t> memory_kills(const std::filesystem::path& root) {
    // The nearest level that counts: the ones above it count other programs too.
    for (const auto& folder : own_memory_groups(root)) {
        for (const char* file : {"memory.events", "memory.oom_control"}) {
            const auto text = kernel_file(folder / file);
            if (const auto count = text ? value_of(*text, "oom_kill ") : std::nullopt) return count;
        }
    }
    return std::nullopt;
}

void kill_process(std::int64_t pid) {
    if (pid > 1) ::kill(static_cast<pid_t>(pid), SIGKILL);
}

} // namespace odysseus::system
