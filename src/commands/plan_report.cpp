#include "odysseus/commands/plan_report.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"
#include "odysseus/base/wrap.hpp"
#include "odysseus/hardware/machine_json.hpp"
#include "odysseus/memory/kv_cost.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t k_mib = std::int64_t{1024} * 1024;

template <class Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json();
}

Json file_json(const builds::BuildFile& file) {
    return {{"role", file.role == builds::FileRole::primary ? "primary" : "runtime"},
            {"name", file.name},
            {"url", file.url},
            {"size", or_null(file.size)},
            {"sha256", or_null(file.sha256)}};
}

// The blocks of which something lies in RAM, and those whose experts do.
std::int64_t layers_partly(const models::Model& model, const memory::Placement& placement) {
    const bool mixture = model.weights && model.weights->has_experts();
    const bool all = placement.kind == memory::Placement::Kind::feed_forward && mixture;
    return all ? placement.of : placement.blocks;
}

std::int64_t layers_without_experts(const models::Model& model,
                                    const memory::Placement& placement) {
    const bool mixture = model.weights && model.weights->has_experts();
    return mixture ? layers_partly(model, placement) : 0;
}

void add_fit(Json& json, const models::Model& model, const memory::ModelFit& fit) {
    const auto layers = model.weights ? Json(model.weights->blocks.size()) : Json();
    json["context"] = {{"tokens", fit.context.tokens},
                       {"source", fit.context.source},
                       {"reason", fit.context.reason}};
    json["placement"] = {{"device", backend_name(fit.device())},
                         {"layers_total", layers},
                         {"layers_partly", layers_partly(model, fit.placement)},
                         {"experts_in_ram", layers_without_experts(model, fit.placement)},
                         {"worker", fit.placement.worker},
                         {"reason", fit.reason.empty() ? Json() : Json(fit.reason)}};
    json["fits"] = memory::fits_name(fit.fits);
}

Json model_json(const models::Model& model) {
    return {{"id", model.id},
            {"names", model.names},
            {"path", model.path},
            {"size_bytes", model.size_bytes},
            {"shards", model.shards},
            {"mmproj", or_null(model.mmproj)},
            {"draft", or_null(model.draft)},
            {"kind", model.kind_name()},
            {"architecture", or_null(model.architecture)},
            {"trained_context", or_null(model.trained_context)},
            {"kv_bytes_per_token", or_null(memory::kv_bytes_per_token(model.kv))},
            {"kv_fixed_bytes", or_null(memory::kv_fixed_bytes(model.kv))}};
}

constexpr std::size_t k_label_cells = 10;

// "what" in a column of its own, then the text.
std::string entry(std::string_view what, const std::string& text) {
    std::string line(what);
    line.append(line.size() < k_label_cells ? k_label_cells - line.size() : 1, ' ');
    return line + text + '\n';
}

Json verified_json(const memory::FitComparison& verified) {
    Json devices = Json::array();
    for (const auto& device : verified.devices) {
        devices.push_back({{"device", device.device},
                           {"model_mib", device.model_mib},
                           {"context_mib", device.context_mib},
                           {"compute_mib", device.compute_mib}});
    }
    const bool answered = verified.trouble.empty();
    return {{"model", verified.model},
            {"tokens", verified.tokens},
            {"odysseus_context_mib", verified.our_context_mib},
            {"llama_cpp_context_mib", answered ? Json(verified.their_context_mib()) : Json()},
            {"devices", std::move(devices)},
            {"trouble", answered ? Json() : Json(verified.trouble)}};
}

std::string verified_text(const memory::FitComparison& verified) {
    if (!verified.trouble.empty()) return entry("verified", concat("not: ", verified.trouble));
    char ours[32];
    std::snprintf(ours, sizeof ours, "%.1f", verified.our_context_mib);
    std::string text = entry("verified", concat(verified.model, " at ", verified.tokens,
                                                " tokens: its cache takes ", ours,
                                                " MiB by odysseus, ", verified.their_context_mib(),
                                                " MiB by llama.cpp's own llama-fit-params"));
    for (const auto& device : verified.devices) {
        text +=
            entry("", concat(device.device, ": weights ", device.model_mib, " MiB, context ",
                             device.context_mib, " MiB, computing ", device.compute_mib, " MiB"));
    }
    return text;
}

// As the system's shell would take it; on Windows that is cmd.exe.
std::string shell_word(const std::string& word, hardware::Os os) {
    const bool windows = os == hardware::Os::windows;
    const auto* const special = windows ? " \t\"&|<>^%()" : " \t\n\"'\\$`&|;<>()*?[]#~!{}";
    if (!word.empty() && word.find_first_of(special) == std::string::npos) return word;
    if (windows) return concat('"', word, '"'); // no path has a quotation mark there
    std::string quoted = "'";
    for (const char c : word)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + '\'';
}

// A person can paste it: rows end as the shell wants it, and a flag stands beside its value.
std::string command_entry(const std::vector<std::string>& argv, hardware::Os os,
                          std::size_t columns) {
    std::vector<std::string> parts;
    for (const auto& word : argv) {
        const bool value = parts.size() > 1 && !word.starts_with('-') &&
                           parts.back().find(' ') == std::string::npos;
        if (value) {
            parts.back() += concat(' ', shell_word(word, os));
        } else {
            parts.push_back(shell_word(word, os));
        }
    }
    const std::string_view goes_on = os == hardware::Os::windows ? " ^" : " \\";
    std::string text;
    auto column = k_label_cells;
    for (const auto& part : parts) {
        const auto width = characters(part);
        if (!text.empty() && columns > 0 && column + 1 + width + goes_on.size() > columns) {
            text += concat(goes_on, "\n", std::string(k_label_cells, ' '));
            column = k_label_cells;
        } else if (!text.empty()) {
            text += ' ';
            ++column;
        }
        text += part;
        column += width;
    }
    return entry("command", text);
}

std::string gib_text(std::int64_t mib) {
    return byte_text(mib * k_mib);
}

std::string build_text(const Plan& plan) {
    if (!plan.build) return entry("build", plan.build_trouble);
    const auto& build = *plan.build;
    std::string text =
        entry("build", concat(build.source, build.tag.empty() ? "" : " ", build.tag,
                              build.installed ? ", installed" : ", to be downloaded"));
    for (const auto& file : build.files) {
        if (build.installed) break;
        text +=
            entry("", concat(file.name, file.size ? concat(" (", byte_text(*file.size), ")") : "",
                             file.sha256 ? "" : ", without a digest to check it by"));
    }
    if (!build.reason.empty()) text += entry("", build.reason);
    return text;
}

std::string fit_text(const memory::ModelFit& fit) {
    const char* const how = fit.fits == memory::Fits::yes  ? ""
                            : fit.fits == memory::Fits::no ? ", does not fit"
                                                           : ", fits partly";
    return concat(": ", fit.context.tokens, " tokens", how);
}

std::string models_text(const Plan& plan) {
    const auto& models = plan.models;
    std::string text = entry("models", models_line(models));
    constexpr std::size_t k_shown_max = 20;
    for (std::size_t i = 0; i < models.size() && i < k_shown_max; ++i) {
        const auto& model = models[i];
        text += entry(
            "", concat(model.id, " (", byte_text(model.size_bytes),
                       model.kv ? concat(", ", byte_text(memory::kv_bytes_per_token(*model.kv)),
                                         " of cache a token")
                                : ", cache cost not known",
                       ")", i < plan.fits.size() ? fit_text(plan.fits[i]) : ""));
        if (i < plan.fits.size() && !plan.fits[i].reason.empty())
            text += entry("", plan.fits[i].reason);
    }
    return text;
}

std::string context_text(const memory::ContextChoice& context) {
    std::string_view reason = context.reason;
    if (const auto again = concat(context.tokens, " tokens: "); reason.starts_with(again))
        reason.remove_prefix(again.size());
    auto text =
        entry("context", concat(context.tokens, " tokens (", context.source, "): ", reason));
    if (context.compute_mib) {
        text += entry("", concat("by llama.cpp's own buffers: ", gib_text(*context.compute_mib),
                                 " to compute with, ", gib_text(*context.spare_mib),
                                 " spare, would fit ", *context.counted_max_tokens));
    }
    return text;
}

// Each row that is too long is broken at its words, behind the labels.
std::string in_rows(const std::string& text, std::size_t columns) {
    std::string rows;
    for (const auto line : lines_of(text))
        rows += wrapped(line, columns, k_label_cells, 0) + '\n';
    return rows;
}

} // namespace

Json build_json(const std::optional<PlannedBuild>& build) {
    if (!build) return {};
    Json files = Json::array();
    for (const auto& file : build->files)
        files.push_back(file_json(file));
    return {{"source", build->source},
            {"tag", build->tag.empty() ? Json() : Json(build->tag)},
            {"installed", build->installed},
            {"files", std::move(files)},
            {"reason", build->reason}};
}

Json worker_json(const std::optional<proxy::WorkerView>& worker) {
    if (!worker) return {};
    Json devices = Json::array();
    for (const auto& device :
         worker->offer ? worker->offer->devices : std::vector<server::RpcDevice>())
        devices.push_back({{"name", device.name},
                           {"description", device.description},
                           {"total_mib", device.total_mib},
                           {"free_mib", device.free_mib}});
    return {{"name", worker->name},
            {"state", worker->offer ? "ready" : "unreachable"},
            {"reason", worker->offer ? Json() : Json(worker->trouble)},
            {"build", worker->offer ? Json(worker->offer->build) : Json()},
            {"free_mib", worker->offer ? Json(worker->offer->free_mib()) : Json()},
            {"round_trip_ms", or_null(worker->round_trip_ms)},
            {"losses", worker->losses},
            {"devices", std::move(devices)}};
}

Json models_json(const std::vector<models::Model>& models,
                 const std::vector<memory::ModelFit>& fits) {
    Json list = Json::array();
    for (std::size_t i = 0; i < models.size(); ++i) {
        list.push_back(model_json(models[i]));
        if (i < fits.size()) add_fit(list.back(), models[i], fits[i]);
    }
    return list;
}

Json context_json(const memory::ContextChoice& context) {
    return {{"tokens", context.tokens},
            {"source", context.source},
            {"available_mib", or_null(context.available_mib)},
            {"largest_model_mib", context.largest_model_mib},
            {"overhead_mib", context.overhead_mib},
            {"kv_mib_per_4096", context.kv_mib_per_4096},
            {"parallel", context.parallel},
            {"estimated_max_tokens", context.estimated_max_tokens},
            {"specified_max_tokens", context.specified_max_tokens},
            {"counted_max_tokens", or_null(context.counted_max_tokens)},
            {"compute_mib", or_null(context.compute_mib)},
            {"spare_mib", or_null(context.spare_mib)},
            {"reason", context.reason}};
}

std::string plan_json(const Plan& plan) {
    auto context = context_json(plan.context);
    context["prompt_cache_mib"] = or_null(plan.prompt_cache_mib);
    Json document{{"hardware", hardware::machine_json(plan.hardware)},
                  {"build", build_json(plan.build)},
                  {"build_trouble", plan.build ? Json() : Json(plan.build_trouble)},
                  {"models", models_json(plan.models, plan.fits)},
                  {"context", std::move(context)},
                  {"worker", worker_json(plan.worker)},
                  {"argv", plan.argv},
                  {"findings", plan.findings}};
    if (plan.verified) document["verified"] = verified_json(*plan.verified);
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string plan_text(const Plan& plan, std::size_t columns) {
    std::string text = entry("machine", machine_line(plan.hardware));
    for (const auto& note : plan.hardware.notes)
        text += entry("", note);
    text += build_text(plan);
    if (plan.worker)
        text += entry("worker",
                      concat(plan.worker->name,
                             plan.worker->offer ? concat(": ", plan.worker->offer->text())
                                                : concat(" is not there: ", plan.worker->trouble)));
    text += models_text(plan);
    for (const auto& finding : plan.findings)
        text += entry("", finding);
    text += context_text(plan.context);
    if (plan.prompt_cache_mib)
        text += entry("", concat("RAM for finished prompts (--cache-ram): ",
                                 gib_text(*plan.prompt_cache_mib)));
    if (!plan.threads_note.empty()) text += entry("threads", plan.threads_note);
    if (plan.verified) text += verified_text(*plan.verified);
    return in_rows(text, columns) + command_entry(plan.argv, plan.hardware.os, columns);
}

std::string threads_note(const hardware::Machine& machine, Backend used, bool asked_for) {
    constexpr std::int64_t k_default = 4;
    if (asked_for || used != Backend::cpu || machine.cpu_cores.value_or(0) <= k_default) return {};
    return concat(k_default, " of ", *machine.cpu_cores,
                  " cores are used; models run on the CPU here, so --threads auto is faster unless "
                  "other programs need the cores");
}

namespace {

std::string gpu_text(const hardware::Gpu& gpu) {
    auto text =
        gpu.name.empty() ? std::string(hardware::vendor_name(gpu.vendor)) + " GPU" : gpu.name;
    if (gpu.free_mib && gpu.total_mib) {
        text += concat(" (", gib_text(*gpu.free_mib), " free of ", gib_text(*gpu.total_mib), ")");
    } else if (gpu.total_mib) {
        text += concat(" (", gib_text(*gpu.total_mib), ")");
    }
    return text;
}

} // namespace

std::string machine_line(const hardware::Machine& machine) {
    std::vector<std::string> parts;
    for (const auto& gpu : machine.gpus)
        parts.push_back(gpu_text(gpu));
    if (machine.gpus.empty()) parts.emplace_back("no GPU found");
    std::string cpu = machine.cpu_model.value_or("CPU");
    if (machine.cpu_cores)
        cpu += concat(", ", *machine.cpu_cores, *machine.cpu_cores == 1 ? " core" : " cores");
    parts.push_back(std::move(cpu));
    if (machine.ram_mib) parts.push_back(gib_text(*machine.ram_mib) + " RAM");
    return concat(hardware::os_title(machine.os), " ", hardware::arch_name(machine.arch), ", ",
                  backend_title(machine.backend), ": ", joined(parts, "; "));
}

std::string device_line(const hardware::Machine& machine) {
    const auto device = concat(backend_title(machine.backend), ": ");
    if (machine.backend != Backend::cpu && !machine.gpus.empty()) {
        const auto more = machine.gpus.size() - 1;
        return concat(device, gpu_text(machine.gpus.front()),
                      more > 0 ? concat(" and ", more, " more") : std::string());
    }
    std::string text = device + machine.cpu_model.value_or("unknown");
    if (machine.ram_mib) text += concat(", ", gib_text(*machine.ram_mib), " RAM");
    return text;
}

std::string models_line(const std::vector<models::Model>& models) {
    if (models.empty()) return "none";
    std::vector<std::string> names;
    constexpr std::size_t k_named_max = 3;
    for (const auto& model : models) {
        if (names.size() == k_named_max) break;
        names.push_back(visible_line(model.names.empty() ? model.id : model.names.front()));
    }
    std::string line = joined(names, ", ");
    if (models.size() > names.size())
        line += concat(" and ", models.size() - names.size(), " more");
    const auto largest =
        std::max_element(models.begin(), models.end(), [](const auto& a, const auto& b) {
            return a.loaded_bytes() < b.loaded_bytes();
        });
    return line + concat(models.size() == 1 ? ", " : "; the largest is ",
                         byte_text(largest->loaded_bytes()));
}

} // namespace odysseus::commands
