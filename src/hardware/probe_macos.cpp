#include "odysseus/hardware/probe.hpp"

#include "macos_text.hpp"
#include "odysseus/system/run_tool.hpp"

#include <sys/utsname.h>
#include <vector>

namespace odysseus::hardware {

Machine probe_machine(const ProbeLimits& limits) {
    Machine machine;
    machine.os = Os::macos;
    utsname name{};
    if (::uname(&name) == 0 && std::string(name.machine) == "arm64") machine.arch = Arch::arm64;

    const system::ToolLimits tool_limits{limits.tool_deadline};
    std::vector<std::string> argv{"/usr/sbin/sysctl"};
    argv.insert(argv.end(), std::begin(k_sysctl_names), std::end(k_sysctl_names));
    // Names that this Mac does not know are complained about on stderr; the others are answered.
    const auto sysctl = system::run_tool(argv, {{"LC_ALL", "C"}}, tool_limits);
    if (sysctl.out.empty()) machine.notes.push_back("sysctl " + sysctl.how_it_ended(tool_limits));
    apply_sysctl(sysctl.out, machine);

    const auto vm_stat = system::run_tool({"/usr/bin/vm_stat"}, {{"LC_ALL", "C"}}, tool_limits);
    machine.available_ram_mib = parse_vm_stat(vm_stat.out);
    machine.backend = detect_backend(machine);
    return machine;
}

std::optional<std::string> distribution_here() {
    return std::nullopt;
}

} // namespace odysseus::hardware
