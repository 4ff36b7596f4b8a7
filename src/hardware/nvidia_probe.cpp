#include "nvidia_probe.hpp"

#include "mig_text.hpp"
#include "visible_devices.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/run_tool.hpp"

#include <cstdlib>

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
    system::ToolResult listing() const { return run({"-L"}); }
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
void add_header(const Smi& smi, const NvidiaQuestion& question, NvidiaAnswer& answer) {
    const std::string devices = question.visible.value_or("");
    const std::string order = question.order.value_or("");
    const CudaVisible visible{devices, order};
    std::vector<MigInstance> instances;
    const auto header = smi.plain();
    if (was_silent(header)) {
        answer.notes.push_back(smi.ending_of(header) +
                               ": the CUDA version is taken from the driver's");
    } else {
        const auto cuda = nvidia_cuda_version(header.out);
        for (auto& gpu : answer.gpus)
            gpu.cuda = cuda;
        instances = mig_instances(header.out);
    }
    const bool by_instance = visible.devices.find("MIG-") != std::string_view::npos;
    if (by_instance && !instances.empty()) name_mig_instances(smi.listing().out, instances);
    if (!by_instance) apply_mig(instances, answer);
    if (question.visible) apply_visible_devices(visible, instances, answer);
}

std::optional<std::string> variable(const char* name) {
    const char* const value = std::getenv(name); // set to nothing hides every GPU
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

} // namespace

NvidiaProbe ask_nvidia_smi(const NvidiaQuestion& question, std::chrono::milliseconds deadline) {
    const Smi smi(system::utf8(question.tool), deadline);
    auto result = smi.query(k_nvidia_query);
    if (nvidia_field_unknown(result.out + result.err)) result = smi.query(k_nvidia_query_old);

    NvidiaProbe probe;
    if (was_silent(result)) {
        probe.answer.notes.push_back(smi.ending_of(result));
        probe.slow = result.end == system::ToolResult::End::timed_out;
        return probe;
    }
    probe.answer = nvidia_gpus(concat(result.out, "\n", result.err));
    if (probe.answer.gpus.empty()) {
        probe.outcome = Outcome::failed;
        probe.answer.notes.push_back(nvidia_failure(result.out + result.err));
        return probe;
    }
    probe.outcome = Outcome::answered;
    add_header(smi, question, probe.answer);
    return probe;
}

NvidiaSearch::NvidiaSearch(const std::optional<std::filesystem::path>& tool,
                           const ProbeLimits& limits) {
    if (!tool) return;
    NvidiaQuestion question;
    question.tool = *tool;
    question.visible =
        limits.visible_devices ? limits.visible_devices : variable("CUDA_VISIBLE_DEVICES");
    question.order = limits.device_order ? limits.device_order : variable("CUDA_DEVICE_ORDER");
    m_first = ask_nvidia_smi(question, limits.tool_deadline);
    if (!m_first->slow) return;
    m_second = std::async(std::launch::async, [question, deadline = limits.wake_deadline] {
        return ask_nvidia_smi(question, deadline);
    });
}

std::optional<NvidiaProbe::Outcome> NvidiaSearch::add_to(Machine& machine) {
    if (!m_first) return std::nullopt;
    const auto probe = m_second.valid() ? m_second.get() : *m_first;
    const auto& answer = probe.answer;
    if (probe.outcome != Outcome::answered) machine.warnings = answer.notes;
    machine.notes.insert(machine.notes.end(), answer.notes.begin(), answer.notes.end());
    machine.gpus.insert(machine.gpus.end(), answer.gpus.begin(), answer.gpus.end());
    return probe.outcome;
}

} // namespace odysseus::hardware
