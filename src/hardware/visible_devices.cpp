#include "visible_devices.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::hardware {
namespace {

constexpr std::size_t k_shown_length_max = 80;

bool starts_with(std::string_view text, std::string_view beginning) {
    return !beginning.empty() && text.substr(0, beginning.size()) == beginning;
}

// "MIG-UUID", or as drivers of before 470 wrote it: "MIG-GPU-UUID/GI/CI".
const MigInstance* instance_named(std::string_view word, const std::vector<MigInstance>& all,
                                  const NvidiaAnswer& answer) {
    const auto parts = split(word, '/');
    for (const auto& instance : all) {
        if (starts_with(instance.uuid, word)) return &instance;
        if (parts.size() != 3 || instance.gpu >= answer.uuids.size()) continue;
        const auto gpu = parts[0].substr(4); // after "MIG-"
        const bool same_gpu = gpu == instance.gpu_uuid || gpu == answer.uuids[instance.gpu];
        if (same_gpu && parsed_int(parts[1]) == instance.gpu_instance &&
            parsed_int(parts[2]) == instance.compute_instance) {
            return &instance;
        }
    }
    return nullptr;
}

const MigInstance* smallest(const std::vector<MigInstance>& instances) {
    const auto least =
        std::min_element(instances.begin(), instances.end(),
                         [](const auto& a, const auto& b) { return a.free_mib < b.free_mib; });
    return least == instances.end() ? nullptr : &*least;
}

// One GPU of the instance's memory. Where nvidia-smi does not tell which it is, the smallest of all
// is assumed; without any, the memory is not known.
void keep_instance(std::string_view word, const std::vector<MigInstance>& instances,
                   NvidiaAnswer& answer) {
    const auto* instance = instance_named(word, instances, answer);
    const bool known = instance != nullptr || instances.size() == 1;
    if (instance == nullptr) instance = smallest(instances);
    const auto index = instance == nullptr ? 0 : std::min(instance->gpu, answer.gpus.size() - 1);
    auto gpu = answer.gpus[index];
    if (instance != nullptr) {
        use_instance(gpu, *instance, answer);
        gpu.name += instance->profile.empty() ? " (MIG)" : concat(" MIG ", instance->profile);
    } else {
        gpu.total_mib.reset();
        gpu.free_mib.reset();
        gpu.unified_memory.reset();
    }
    const auto which = printable(word, k_shown_length_max);
    answer.notes.push_back(
        known ? concat("CUDA_VISIBLE_DEVICES names the MIG instance ", which)
        : instance != nullptr
            ? concat("CUDA_VISIBLE_DEVICES names the MIG instance ", which,
                     ", which nvidia-smi does not list; the memory of the smallest is counted")
            : concat("CUDA_VISIBLE_DEVICES names the MIG instance ", which,
                     ", whose memory nvidia-smi does not tell"));
    answer.gpus = {std::move(gpu)};
    answer.uuids = {std::string(word)};
}

std::optional<std::size_t> index_of(std::string_view word, const NvidiaAnswer& answer) {
    if (const auto number = parsed_int(word)) {
        const bool there = *number >= 0 && static_cast<std::size_t>(*number) < answer.gpus.size();
        return there ? std::optional(static_cast<std::size_t>(*number)) : std::nullopt;
    }
    // The beginning of a UUID will do; Jetson's has no prefix.
    constexpr std::size_t k_prefix_least = 5;
    if (word.size() < k_prefix_least) return std::nullopt;
    for (std::size_t index = 0; index < answer.uuids.size(); ++index) {
        if (starts_with(answer.uuids[index], word)) return index;
    }
    return std::nullopt;
}

// By speed, device 0 is any of them: what is counted must be there whichever it is.
void assume_smallest(NvidiaAnswer& kept, const NvidiaAnswer& all) {
    auto gpus = all.gpus;
    std::stable_sort(gpus.begin(), gpus.end(), [](const Gpu& a, const Gpu& b) {
        return a.free_mib.value_or(0) < b.free_mib.value_or(0);
    });
    gpus.resize(std::min(gpus.size(), kept.gpus.size()));
    kept.gpus = std::move(gpus);
}

bool are_alike(const std::vector<Gpu>& gpus) {
    return std::all_of(gpus.begin(), gpus.end(),
                       [&](const Gpu& gpu) { return gpu.name == gpus.front().name; });
}

} // namespace

void apply_visible_devices(const CudaVisible& visible, const std::vector<MigInstance>& instances,
                           NvidiaAnswer& answer) {
    if (answer.gpus.empty()) return;
    const auto entries = split(visible.devices, ',');
    if (const auto first = trimmed(entries.front()); starts_with(first, "MIG-")) {
        keep_instance(first, instances, answer); // CUDA shows a process one instance, never two
        return;
    }
    NvidiaAnswer kept;
    bool by_number = false;
    std::string_view wrong;
    std::vector<std::size_t> taken;
    for (const auto entry : entries) {
        const auto word = trimmed(entry);
        const auto index = index_of(word, answer);
        if (!index) wrong = word;
        if (!index || std::find(taken.begin(), taken.end(), *index) != taken.end()) break;
        by_number = by_number || parsed_int(word).has_value();
        taken.push_back(*index);
        kept.gpus.push_back(answer.gpus[*index]);
        kept.uuids.push_back(answer.uuids[*index]);
    }
    const auto all = answer.gpus.size();
    if (by_number && lowered(visible.order) == "fastest_first" && kept.gpus.size() < all &&
        !are_alike(answer.gpus)) {
        assume_smallest(kept, answer);
        answer.notes.emplace_back(
            "CUDA_DEVICE_ORDER=FASTEST_FIRST numbers the GPUs in an order that only CUDA knows; "
            "the smallest are counted (CUDA_DEVICE_ORDER=PCI_BUS_ID, or UUIDs in "
            "CUDA_VISIBLE_DEVICES, make it certain)");
    }
    if (kept.gpus.size() < all) {
        answer.notes.push_back(concat(
            "CUDA_VISIBLE_DEVICES leaves ", kept.gpus.size(), " of ", all, " NVIDIA GPUs",
            wrong.empty() || wrong == "-1"
                ? std::string()
                : concat("; \"", printable(wrong, k_shown_length_max), "\" is none of them")));
    }
    answer.gpus = std::move(kept.gpus);
    answer.uuids = std::move(kept.uuids);
}

const std::vector<const char*>& hiding_variables() {
    static const std::vector<const char*> names{"GGML_VK_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
                                                "ROCR_VISIBLE_DEVICES",    "GPU_DEVICE_ORDINAL",
                                                "ONEAPI_DEVICE_SELECTOR",  "ZE_AFFINITY_MASK"};
    return names;
}

std::optional<std::string> hidden_devices_note(const std::vector<std::string>& set,
                                               const Machine& machine) {
    const auto has = [&](Vendor vendor) {
        return std::any_of(machine.gpus.begin(), machine.gpus.end(),
                           [vendor](const Gpu& gpu) { return gpu.vendor == vendor; });
    };
    std::vector<std::string> count;
    for (const auto& name : set) {
        const bool vulkan = starts_with(name, "GGML_VK");
        const bool intel = starts_with(name, "ONEAPI") || starts_with(name, "ZE_");
        const bool counts =
            vulkan ? !machine.gpus.empty() : has(intel ? Vendor::intel : Vendor::amd);
        if (counts) count.push_back(name);
    }
    if (count.empty()) return std::nullopt;
    return concat(joined(count, " and "), count.size() == 1 ? " is" : " are",
                  " set: llama.cpp uses only the GPUs that are named there; until a build is "
                  "installed, which can tell, all of them are counted");
}

} // namespace odysseus::hardware
