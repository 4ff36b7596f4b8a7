#include "odysseus/base/text.hpp"
#include "odysseus/system/kernel_text.hpp"
#include "odysseus/system/process_info.hpp"

#include <csignal>
#include <libproc.h>
#include <mach/mach_time.h>
#include <sys/sysctl.h>
#include <unistd.h>

namespace odysseus::system {

std::int64_t own_pid() {
    return ::getpid();
}

std::optional<ProcessIdentity> process_identity(std::int64_t pid) {
    proc_bsdinfo info{};
    const int number = static_cast<int>(pid);
    if (::proc_pidinfo(number, PROC_PIDTBSDINFO, 0, &info, sizeof info) <
        static_cast<int>(sizeof info)) {
        return std::nullopt;
    }
    char path[PROC_PIDPATHINFO_MAXSIZE] = {};
    if (::proc_pidpath(number, path, sizeof path) <= 0) return std::nullopt;
    return ProcessIdentity{pid, concat(info.pbi_start_tvsec, ".", info.pbi_start_tvusec), path};
}

std::vector<std::int64_t> group_members(std::int64_t group) {
    std::vector<pid_t> pids(4096);
    const int bytes = ::proc_listpgrppids(static_cast<pid_t>(group), pids.data(),
                                          static_cast<int>(pids.size() * sizeof(pid_t)));
    if (bytes <= 0) return {};
    return {pids.begin(), pids.begin() + bytes};
}

std::optional<std::int64_t> group_cpu_ms(std::int64_t group) {
    const auto members = group_members(group);
    if (members.empty()) return std::nullopt;
    mach_timebase_info_data_t clock{};
    ::mach_timebase_info(&clock);
    std::uint64_t ticks = 0; // of the Mach clock: nanoseconds on Intel alone
    for (const auto pid : members) {
        proc_taskinfo info{};
        if (::proc_pidinfo(static_cast<int>(pid), PROC_PIDTASKINFO, 0, &info, sizeof info) ==
            static_cast<int>(sizeof info)) {
            ticks += info.pti_total_user + info.pti_total_system;
        }
    }
    return milliseconds_of_ticks(ticks, clock.numer, clock.denom);
}

std::optional<std::int64_t> address_space_limit(std::int64_t) {
    return std::nullopt;
}

std::optional<std::int64_t> memory_ceiling(const std::filesystem::path& /*root*/) {
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    if (::sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) != 0) return std::nullopt;
    return static_cast<std::int64_t>(bytes);
}

std::optional<std::int64_t> memory_free() {
    return std::nullopt;
}

std::optional<std::int64_t> memory_kills(const std::filesystem::path& /*root*/) {
    return std::nullopt;
}

void kill_process(std::int64_t pid) {
    if (pid > 1) ::kill(static_cast<pid_t>(pid), SIGKILL);
}

} // namespace odysseus::system
