#include "nvidia_text.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::hardware {
namespace {

constexpr std::int64_t k_memory_mib_max = std::int64_t{16} << 20; // 16 TiB: above it is garbage
constexpr std::size_t k_gpus_max = 256;
constexpr std::size_t k_name_length_max = 200;
constexpr std::size_t k_quoted_length_max = 160;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// "580.65.06", "391.35": the first number of a driver has three digits.
bool is_driver_version(std::string_view text) {
    const auto dot = text.find('.');
    return dot == 3 && text.find_first_not_of("0123456789.") == std::string_view::npos &&
           text.back() != '.';
}

// "8.9", "12.1".
bool is_compute_capability(std::string_view text) {
    const auto parts = split(text, '.');
    if (parts.size() != 2 || parts[0].size() > 2 || parts[1].size() != 1) return false;
    return parsed_int(parts[0]).value_or(0) > 0 && parsed_int(parts[1]).value_or(-1) >= 0;
}

bool is_uuid(std::string_view text) {
    return text.substr(0, 4) == "GPU-" || text.substr(0, 4) == "MIG-";
}

bool is_not_told(std::string_view text) {
    const auto word = lowered(text);
    return word == "[n/a]" || word == "n/a" || word == "[not supported]" ||
           word.find("insufficient permissions") != std::string::npos ||
           word.find("unknown error") != std::string::npos || word == "[gpu is lost]";
}

// "24564", "24564 MiB", "24564.00"; a locale's spaces and apostrophes between digits are passed
// over.
std::optional<std::int64_t> memory_mib(std::string_view text) {
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_digit(c) || c == '.') {
            digits += c;
        } else if (c == ' ' || c == '\'' || c == '\xC2' || c == '\xA0' || c == '\xE2' ||
                   c == '\x80' || c == '\xAF') { // no-break and narrow no-break space in UTF-8
            continue;
        } else {
            const auto unit = lowered(text.substr(i));
            if (unit != "mib" && unit != "mb") return std::nullopt;
            break;
        }
    }
    const auto value = parsed_number(digits);
    if (!value || *value < 0 || *value > static_cast<double>(k_memory_mib_max)) return std::nullopt;
    return static_cast<std::int64_t>(*value);
}

std::string plain(std::string_view text, std::size_t length_max) {
    std::string out(trimmed(text.substr(0, length_max)));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

void set_memory(Gpu& gpu, std::string_view total, std::string_view free, NvidiaAnswer& answer) {
    const auto total_mib = memory_mib(total);
    const auto free_mib = memory_mib(free);
    if (total_mib.value_or(0) > 0) gpu.total_mib = total_mib;
    if (free_mib && (!gpu.total_mib || *free_mib <= *gpu.total_mib)) gpu.free_mib = free_mib;
    if (!gpu.total_mib) gpu.free_mib.reset();
    if (gpu.total_mib && gpu.free_mib) return;
    if (is_not_told(total)) {
        answer.notes.push_back("nvidia-smi does not tell the memory of " + gpu.name);
    } else {
        answer.notes.push_back("nvidia-smi's memory figures of " + gpu.name +
                               " are unreadable: \"" + plain(total, 40) + "\", \"" +
                               plain(free, 40) + "\"");
    }
}

// GB10, N1X and the Jetson chips share the machine's RAM; the first does not tell its memory, the
// second only a part of it.
void mark_unified(Gpu& gpu, bool memory_not_told) {
    for (const auto* chip : {"GB10", "N1X", "Thor", "Orin", "Xavier"}) {
        if (gpu.name.find(chip) != std::string::npos) {
            gpu.unified_memory = true;
            gpu.total_mib.reset();
            gpu.free_mib.reset();
            return;
        }
    }
    if (memory_not_told) gpu.unified_memory = true;
}

// name | total | free | driver [| compute capability] [| uuid]. The name stands first and the rest
// is recognized from the end, so a decimal comma in a figure costs that figure and nothing else.
bool read_row(std::string_view line, NvidiaAnswer& answer) {
    auto fields = split(line, ',');
    for (auto& field : fields)
        field = trimmed(field);
    if (fields.size() < 4) return false;

    Gpu gpu;
    gpu.vendor = Vendor::nvidia;
    std::string uuid;
    if (is_uuid(fields.back())) {
        uuid = std::string(fields.back());
        fields.pop_back();
    }
    if (is_compute_capability(fields.back())) gpu.compute_capability = std::string(fields.back());
    if (!is_driver_version(fields.back())) fields.pop_back();
    if (fields.empty() || !is_driver_version(fields.back())) return false;
    gpu.driver = std::string(fields.back());
    fields.pop_back();
    if (fields.empty() || fields.front().empty()) return false;
    gpu.name = plain(fields.front(), k_name_length_max);

    const bool two_figures = fields.size() == 3;
    set_memory(gpu, two_figures ? fields[1] : "", two_figures ? fields[2] : "", answer);
    mark_unified(gpu, two_figures && is_not_told(fields[1]) && gpu.compute_capability);
    answer.gpus.push_back(std::move(gpu));
    answer.uuids.push_back(std::move(uuid));
    return true;
}

std::string_view first_line_with_text(std::string_view output) {
    for (const auto line : lines_of(output)) {
        if (!trimmed(line).empty()) return trimmed(line);
    }
    return {};
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// A row of the MIG table: "|  1    3   0   0  |  14366MiB / 19968MiB | 28 ...".
struct MigRow {
    std::size_t gpu = 0;
    std::int64_t used_mib = 0;
    std::int64_t total_mib = 0;
};

std::optional<MigRow> mig_row(std::string_view line) {
    const auto cells = split(line, '|');
    if (cells.size() < 4 || !trimmed(cells[0]).empty()) return std::nullopt;
    const auto ids = trimmed(cells[1]);
    const auto gpu = parsed_int(ids.substr(0, ids.find(' ')));
    const auto figures = split(cells[2], '/');
    if (!gpu || *gpu < 0 || figures.size() != 2) return std::nullopt;
    const auto used = memory_mib(trimmed(figures[0]));
    const auto total = memory_mib(trimmed(figures[1]));
    if (!used || !total || *total <= 0 || *used > *total) return std::nullopt;
    return MigRow{static_cast<std::size_t>(*gpu), *used, *total};
}

} // namespace

NvidiaAnswer nvidia_gpus(std::string_view csv) {
    NvidiaAnswer answer;
    for (const auto line : lines_of(csv)) {
        if (answer.gpus.size() == k_gpus_max) break;
        (void)read_row(line, answer);
    }
    return answer;
}

bool nvidia_field_unknown(std::string_view output) {
    return contains(output, "is not a valid field to query");
}

std::string nvidia_failure(std::string_view output) {
    const auto line = first_line_with_text(output);
    if (line.empty()) return "nvidia-smi printed nothing";
    // The apostrophe of "couldn't" is typographic in some versions.
    const bool no_driver = contains(output, "communicate with the NVIDIA driver");
    const bool mismatch = contains(output, "version mismatch");
    const std::string remedy =
        no_driver  ? "; install or load the driver, or reboot after an update"
        : mismatch ? "; reboot, so that the kernel loads the driver that is installed"
                   : "";
    return "nvidia-smi says \"" + plain(line, k_quoted_length_max) + "\"" + remedy;
}

std::optional<std::string> nvidia_cuda_version(std::string_view output) {
    for (const std::string_view label : {"CUDA Version", "CUDA UMD Version"}) {
        const auto at = output.find(label);
        if (at == std::string_view::npos) continue;
        auto rest = output.substr(at + label.size());
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
        if (rest.empty() || rest.front() != ':') continue;
        rest = trimmed(rest.substr(1, 40));
        const auto version = rest.substr(0, rest.find_first_not_of("0123456789."));
        const auto parts = split(version, '.');
        if (parts.size() == 2 && parsed_int(parts[0]) && parsed_int(parts[1])) {
            return std::string(version);
        }
    }
    return std::nullopt;
}

void apply_mig(std::string_view output, NvidiaAnswer& answer) {
    const auto table = output.find("MIG devices:");
    if (table == std::string_view::npos) return;
    std::vector<bool> seen(answer.gpus.size(), false);
    for (const auto line : lines_of(output.substr(table))) {
        if (contains(line, "Processes:")) return;
        const auto row = mig_row(line);
        if (!row || row->gpu >= answer.gpus.size() || seen[row->gpu]) continue;
        seen[row->gpu] = true;
        auto& gpu = answer.gpus[row->gpu];
        gpu.total_mib = row->total_mib;
        gpu.free_mib = row->total_mib - row->used_mib;
        answer.notes.push_back(concat("GPU ", row->gpu, " (", gpu.name,
                                      ") is split by MIG; llama.cpp uses its first instance, ",
                                      row->total_mib, " MiB"));
    }
}

void apply_visible_devices(std::string_view visible, NvidiaAnswer& answer) {
    NvidiaAnswer kept;
    for (const auto entry : split(visible, ',')) {
        const auto word = trimmed(entry);
        std::size_t index = answer.gpus.size();
        if (const auto number = parsed_int(word); number && *number >= 0) {
            index = static_cast<std::size_t>(*number);
        } else if (word.size() > 4 && is_uuid(word)) { // the beginning of a UUID will do
            for (index = 0; index < answer.uuids.size(); ++index) {
                if (answer.uuids[index].substr(0, word.size()) == word) break;
            }
        }
        if (index >= answer.gpus.size()) break;
        const bool twice = std::find(kept.uuids.begin(), kept.uuids.end(), answer.uuids[index]) !=
                               kept.uuids.end() &&
                           !answer.uuids[index].empty();
        if (twice || kept.gpus.size() == answer.gpus.size()) break;
        kept.gpus.push_back(answer.gpus[index]);
        kept.uuids.push_back(answer.uuids[index]);
    }
    if (kept.gpus.size() < answer.gpus.size()) {
        answer.notes.push_back(concat("CUDA_VISIBLE_DEVICES leaves ", kept.gpus.size(), " of ",
                                      answer.gpus.size(), " NVIDIA GPUs"));
    }
    answer.gpus = std::move(kept.gpus);
    answer.uuids = std::move(kept.uuids);
}

std::optional<std::string> nvidia_kernel_driver(std::string_view proc_version) {
    for (const auto line : lines_of(proc_version)) {
        if (!contains(line, "NVRM version")) continue;
        for (const auto word : split(line, ' ')) {
            if (word.size() > 4 && is_driver_version(word)) return std::string(word);
        }
    }
    return std::nullopt;
}

std::optional<std::string> nvidia_model(std::string_view proc_information) {
    for (const auto line : lines_of(proc_information)) {
        if (line.substr(0, 6) != "Model:") continue;
        const auto name = plain(line.substr(6), k_name_length_max);
        if (!name.empty()) return name;
    }
    return std::nullopt;
}

} // namespace odysseus::hardware
