#include "verify.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/build_check.hpp"
#include "odysseus/models/model_catalog.hpp"
#include "odysseus/server/launch_plan.hpp"
#include "odysseus/server/user_arguments.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/run_tool.hpp"

namespace odysseus::commands {
namespace {

constexpr std::chrono::milliseconds k_deadline{120'000}; // a GPU's driver may have to be woken

double our_context_mib(const models::Model& model, const memory::ContextChoice& context,
                       const server::UserArguments& said) {
    if (!model.kv) return context.kv_mib_per_4096 * static_cast<double>(context.tokens) / 4096;
    memory::KvUse use;
    use.context = context.tokens;
    use.slots = context.parallel;
    use.unified = context.parallel > 1;
    use.key_type = said.key_type.value_or(use.key_type);
    use.value_type = said.value_type.value_or(use.value_type);
    return static_cast<double>(memory::kv_bytes(*model.kv, use)) / (1024.0 * 1024.0);
}

} // namespace

memory::FitComparison verified(const std::optional<Server>& server, const Plan& plan,
                               const std::vector<std::string>& llama_args) {
    memory::FitComparison comparison;
    const auto* model = models::largest_model(plan.models);
    if (model == nullptr || !server) {
        comparison.trouble = model == nullptr ? "there is no model to ask about"
                                              : "no llama.cpp build is installed to ask";
        return comparison;
    }
    comparison.model = model->id;
    comparison.tokens = plan.context.tokens;
    comparison.our_context_mib =
        our_context_mib(*model, plan.context, server::user_arguments(llama_args));

    auto tool = server->executable.parent_path() / "llama-fit-params";
    tool += server->executable.extension();
    std::error_code error;
    if (!std::filesystem::is_regular_file(tool, error)) {
        comparison.trouble = "this build has no llama-fit-params";
        return comparison;
    }
    std::vector<std::string> argv{system::utf8(tool),
                                  "-m",
                                  model->path,
                                  "-c",
                                  std::to_string(plan.context.tokens),
                                  "-ngl",
                                  std::to_string(server::gpu_layers(plan.hardware.backend)),
                                  "--parallel",
                                  std::to_string(plan.context.parallel),
                                  "--fit-print",
                                  "on"};
    if (plan.context.parallel > 1) argv.emplace_back("--kv-unified");
    argv.insert(argv.end(), llama_args.begin(), llama_args.end());
    auto environment = builds::loader_environment(tool, server->library_folders);
    environment.emplace_back("GGML_NO_BACKTRACE", "1");
    system::ToolLimits limits;
    limits.deadline = k_deadline;
    const auto result = system::run_tool(argv, environment, limits);
    const auto devices = memory::parse_fit_report(result.out);
    if (result.ok() && devices) {
        comparison.devices = *devices;
    } else {
        comparison.trouble = concat("llama-fit-params ",
                                    result.ok() ? "gave no figures" : result.how_it_ended(limits));
    }
    return comparison;
}

} // namespace odysseus::commands
