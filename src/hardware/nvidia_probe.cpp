#include "nvidia_probe.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::hardware {
namespace {

using Outcome = NvidiaProbe::Outcome;

class Smi {
  public:
    Smi(std::string tool, std::chrono::milliseconds deadline) : m_tool(std::move(tool)) {
        m_limits.deadline = deadline;
    }

    system::ToolResult query(std::string_view fields) const {
        return run({concat("--query-gpu=", fields), "--format=csv,noheader,nounits"});
    }
    system::ToolResult plain() const { return run({}); }
    std::string ending_of(const system::ToolResult& result) const {
        return "nvidia-smi " + result.how_it_ended(m_limits);
    }

  private:
    system::ToolResult run(const std::vector<std::string>& arguments) const {
        std::vector<std::string> argv{m_tool};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        return system::run_tool(argv, {{"LC_ALL", "C"}}, m_limits);
    }

    std::string m_tool;
    system::ToolLimits m_limits;
};

bool was_silent(const system::ToolResult& result) {
    return result.end != system::ToolResult::End::exited;
}

// The header has the CUDA version, and the MIG table stands below it.
void add_header(const Smi& smi, NvidiaAnswer& answer) {
    const auto header = smi.plain();
    if (was_silent(header)) {
        answer.notes.push_back(smi.ending_of(header) +
                               ": the CUDA version is taken from the driver's");
        return;
    }
    const auto cuda = nvidia_cuda_version(header.out);
    for (auto& gpu : answer.gpus)
        gpu.cuda = cuda;
    apply_mig(header.out, answer);
}

} // namespace

NvidiaProbe ask_nvidia_smi(const std::filesystem::path& tool,
                           const std::optional<std::string>& visible,
                           std::chrono::milliseconds deadline) {
    const Smi smi(system::utf8(tool), deadline);
    auto result = smi.query(k_nvidia_query);
    if (nvidia_field_unknown(result.out + result.err)) result = smi.query(k_nvidia_query_old);

    NvidiaProbe probe;
    if (was_silent(result)) {
        probe.answer.notes.push_back(smi.ending_of(result));
        return probe;
    }
    probe.answer = nvidia_gpus(result.out);
    if (probe.answer.gpus.empty()) {
        probe.outcome = Outcome::failed;
        probe.answer.notes.push_back(nvidia_failure(result.out + result.err));
        return probe;
    }
    probe.outcome = Outcome::answered;
    add_header(smi, probe.answer);
    if (visible) apply_visible_devices(*visible, probe.answer);
    return probe;
}

} // namespace odysseus::hardware
