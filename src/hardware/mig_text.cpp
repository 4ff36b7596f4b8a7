#include "mig_text.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::hardware {
namespace {

constexpr std::size_t k_instances_max = 256;
constexpr std::size_t k_text_length_max = 100;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::vector<std::string_view> words_of(std::string_view text) {
    auto words = split(text, ' ');
    std::erase_if(words, [](std::string_view word) { return word.empty(); });
    return words;
}

// "0    7   0   0": the GPU, its GPU instance, its compute instance, the device's number.
std::optional<MigInstance> mig_ids(std::string_view cell) {
    const auto words = words_of(cell);
    if (words.empty() || words.size() > 4) return std::nullopt;
    std::int64_t ids[4] = {-1, -1, -1, -1};
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto number = parsed_int(words[i]);
        if (!number || *number < 0) return std::nullopt;
        ids[i] = *number;
    }
    MigInstance instance;
    instance.gpu = static_cast<std::size_t>(ids[0]);
    instance.gpu_instance = ids[1];
    instance.compute_instance = ids[2];
    instance.device = ids[3];
    return instance;
}

// "|  1    3   0   0  |  14366MiB / 19968MiB | 28 ...".
std::optional<MigInstance> mig_row(std::string_view line) {
    const auto cells = split(line, '|');
    if (cells.size() < 4 || !trimmed(cells[0]).empty()) return std::nullopt;
    auto instance = mig_ids(cells[1]);
    const auto figures = split(cells[2], '/');
    if (!instance || figures.size() != 2) return std::nullopt;
    const auto used = memory_mib(trimmed(figures[0]));
    const auto total = memory_mib(trimmed(figures[1]));
    if (!used || !total || *total <= 0 || *used > *total) return std::nullopt;
    instance->total_mib = *total;
    instance->free_mib = *total - *used;
    return instance;
}

// "  MIG 1g.24gb     Device  0: (UUID: MIG-5c89852c-...)" below "GPU 0: NVIDIA H100 (UUID: ...)".
std::string_view uuid_in(std::string_view line) {
    const auto at = line.find("UUID: ");
    if (at == std::string_view::npos) return {};
    line.remove_prefix(at + 6);
    return trimmed(line.substr(0, line.find(')')));
}

std::optional<std::int64_t> number_between(std::string_view line, std::string_view before,
                                           char after) {
    const auto at = line.find(before);
    if (at == std::string_view::npos) return std::nullopt;
    line.remove_prefix(at + before.size());
    return parsed_int(trimmed(line.substr(0, line.find(after))));
}

} // namespace

void use_instance(Gpu& gpu, const MigInstance& instance, NvidiaAnswer& answer) {
    std::erase(answer.notes, memory_note(gpu));
    gpu.total_mib = instance.total_mib;
    gpu.free_mib = instance.free_mib;
    gpu.unified_memory.reset();
}

std::vector<MigInstance> mig_instances(std::string_view output) {
    std::vector<MigInstance> instances;
    const auto table = output.find("MIG devices:");
    if (table == std::string_view::npos) return instances;
    for (const auto line : lines_of(output.substr(table))) {
        if (contains(line, "Processes:") || instances.size() == k_instances_max) break;
        if (const auto row = mig_row(line)) instances.push_back(*row);
    }
    return instances;
}

void name_mig_instances(std::string_view listing, std::vector<MigInstance>& instances) {
    std::int64_t gpu = -1;
    std::string_view gpu_uuid;
    for (const auto line : lines_of(listing)) {
        if (line.substr(0, 4) == "GPU ") {
            gpu = number_between(line, "GPU ", ':').value_or(-1);
            gpu_uuid = uuid_in(line);
            continue;
        }
        const auto device = number_between(line, "Device", ':');
        if (!device || !contains(line, "MIG ")) continue;
        for (auto& instance : instances) {
            if (static_cast<std::int64_t>(instance.gpu) != gpu || instance.device != *device)
                continue;
            instance.uuid = printable(uuid_in(line), k_text_length_max);
            instance.gpu_uuid = printable(gpu_uuid, k_text_length_max);
            const auto words = words_of(line);
            if (words.size() > 1) instance.profile = printable(words[1], k_text_length_max);
        }
    }
}

void apply_mig(const std::vector<MigInstance>& instances, NvidiaAnswer& answer) {
    std::vector<bool> seen(answer.gpus.size(), false);
    for (const auto& instance : instances) {
        if (instance.gpu >= answer.gpus.size() || seen[instance.gpu]) continue;
        seen[instance.gpu] = true;
        auto& gpu = answer.gpus[instance.gpu];
        use_instance(gpu, instance, answer);
        answer.notes.push_back(concat("GPU ", instance.gpu, " (", gpu.name,
                                      ") is split by MIG; llama.cpp uses its first instance, ",
                                      instance.total_mib, " MiB"));
    }
}

} // namespace odysseus::hardware
