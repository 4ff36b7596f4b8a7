#include "nvidia_text.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::hardware {
namespace {

constexpr std::int64_t k_memory_mib_max = std::int64_t{16} << 20; // 16 TiB: above it is garbage
constexpr std::size_t k_gpus_max = 256;
constexpr std::size_t k_name_length_max = 200;
constexpr std::size_t k_quoted_length_max = 160;
constexpr std::size_t k_quotes_max = 4;

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

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// "GPU-...", "MIG-..."; Jetson's has no prefix: "23e6a1b2-0000-0000-0000-000000000000".
bool is_uuid(std::string_view text) {
    if (text.substr(0, 4) == "GPU-" || text.substr(0, 4) == "MIG-") return true;
    constexpr std::size_t k_bare_length = 36;
    return text.size() == k_bare_length && std::count(text.begin(), text.end(), '-') == 4 &&
           text.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
}

// What the hardware does not have: a part that shares the machine's RAM has no memory of its own.
bool is_not_there(std::string_view text) {
    const auto word = lowered(text);
    return word == "[n/a]" || word == "n/a" || word == "[not supported]" ||
           word == "not supported" || word == "[function not found]";
}

// "[Insufficient Permissions]" (a MIG instance's parent), "[Unknown Error]", "ERR!" ...
bool is_not_told(std::string_view text) {
    const auto word = lowered(text);
    const bool in_brackets = word.size() > 2 && word.front() == '[' && word.back() == ']';
    return is_not_there(text) || in_brackets || word == "err!" || word == "unknown" ||
           word == "unknown error" || word == "insufficient permissions" || word == "no data";
}

bool is_out_of_order(std::string_view row) {
    const auto low = lowered(row);
    return contains(low, "gpu is lost") || contains(low, "requires reset");
}

void set_memory(Gpu& gpu, std::string_view total, std::string_view free, NvidiaAnswer& answer) {
    const auto total_mib = memory_mib(total);
    const auto free_mib = memory_mib(free);
    if (total_mib.value_or(0) > 0) gpu.total_mib = total_mib;
    if (free_mib && (!gpu.total_mib || *free_mib <= *gpu.total_mib)) gpu.free_mib = free_mib;
    if (!gpu.total_mib) gpu.free_mib.reset();
    if (gpu.total_mib && gpu.free_mib) return;
    if (is_not_told(total) || (gpu.total_mib && is_not_told(free))) {
        answer.notes.push_back(memory_note(gpu));
    } else {
        answer.notes.push_back("nvidia-smi's memory figures of " + gpu.name +
                               " are unreadable: \"" + printable(total, 40) + "\", \"" +
                               printable(free, 40) + "\"");
    }
}

// GB10, N1X and the Jetson chips share the machine's RAM; the first does not tell its memory, the
// second only a part of it. "(nvgpu)" is the name of Tegra's driver.
void mark_unified(Gpu& gpu, bool memory_not_there) {
    for (const auto* chip : {"GB10", "N1X", "Thor", "Orin", "Xavier", "Tegra", "Jetson", "nvgpu"}) {
        if (contains(gpu.name, chip)) {
            gpu.unified_memory = true;
            gpu.total_mib.reset();
            gpu.free_mib.reset();
            return;
        }
    }
    if (memory_not_there) gpu.unified_memory = true;
}

// A row's fields. nvidia-smi puts a comma and a blank between them; a decimal comma has none.
std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> fields;
    std::size_t start = 0;
    for (auto at = line.find(", "); at != std::string_view::npos; at = line.find(", ", start)) {
        fields.push_back(trimmed(line.substr(start, at - start)));
        start = at + 2;
    }
    fields.push_back(trimmed(line.substr(start)));
    if (fields.size() >= 4) return fields;
    fields = split(line, ',');
    for (auto& field : fields)
        field = trimmed(field);
    return fields;
}

// name | total | free | driver [| compute capability] [| uuid]. The name stands first and the rest
// is recognized from the end.
struct Row {
    std::string_view name;
    std::string_view total;
    std::string_view free;
    std::string_view driver;
    std::string_view capability;
    std::string_view uuid;
    bool figures_split = false; // something stood between the name and the driver that is no figure
};

std::optional<Row> row_of(std::string_view line) {
    constexpr std::size_t k_all = 6;
    auto fields = fields_of(line);
    if (fields.size() < 4 || fields.front().empty()) return std::nullopt;
    const auto take = [&fields] {
        const auto last = fields.back();
        fields.pop_back();
        return last;
    };
    Row row;
    if (is_uuid(fields.back()) || (fields.size() == k_all && is_not_told(fields.back())))
        row.uuid = take();
    const bool has_capability = fields.size() > 4 && !is_driver_version(fields.back());
    if (is_compute_capability(fields.back()) || has_capability) row.capability = take();
    if (fields.size() < 4) return std::nullopt;
    row.driver = take();
    row.name = fields.front();
    row.figures_split = fields.size() != 3;
    if (!row.figures_split) {
        row.total = fields[1];
        row.free = fields[2];
    }
    // A sentence with commas in it is no row.
    const bool told =
        is_driver_version(row.driver) || memory_mib(row.total) || is_not_told(row.total);
    return told ? std::optional(row) : std::nullopt;
}

bool read_row(std::string_view line, NvidiaAnswer& answer) {
    const auto row = row_of(line);
    if (!row || is_out_of_order(line)) return false;
    Gpu gpu;
    gpu.vendor = Vendor::nvidia;
    gpu.name = is_not_told(row->name) ? "NVIDIA GPU" : printable(row->name, k_name_length_max);
    if (is_compute_capability(row->capability))
        gpu.compute_capability = std::string(row->capability);
    if (is_driver_version(row->driver)) gpu.driver = std::string(row->driver);
    set_memory(gpu, row->total, row->free, answer);
    mark_unified(gpu, is_not_there(row->total) && gpu.compute_capability);
    answer.gpus.push_back(std::move(gpu));
    answer.uuids.emplace_back(is_uuid(row->uuid) ? row->uuid : std::string_view());
    return true;
}

std::string_view first_line_with_text(std::string_view output) {
    for (const auto line : lines_of(output)) {
        if (!trimmed(line).empty()) return trimmed(line);
    }
    return {};
}

// A line that is no GPU: it is quoted, since it tells of one that is not there.
std::string quoted(std::string_view line) {
    return concat("nvidia-smi says \"", printable(line, k_quoted_length_max), "\"",
                  is_out_of_order(line) ? "; reboot, or reset that GPU, to have it back" : "");
}

} // namespace

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

std::string printable(std::string_view text, std::size_t length_max) {
    std::string out(trimmed(text.substr(0, length_max)));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

std::string memory_note(const Gpu& gpu) {
    return "nvidia-smi does not tell the memory of " + gpu.name;
}

NvidiaAnswer nvidia_gpus(std::string_view csv) {
    NvidiaAnswer answer;
    std::vector<std::string> strange;
    for (const auto line : lines_of(csv)) {
        if (answer.gpus.size() == k_gpus_max) break;
        if (trimmed(line).empty() || read_row(line, answer)) continue;
        if (strange.size() < k_quotes_max) strange.push_back(quoted(trimmed(line)));
    }
    // Where there is no GPU at all, nvidia_failure says why.
    if (!answer.gpus.empty())
        answer.notes.insert(answer.notes.end(), strange.begin(), strange.end());
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
        is_out_of_order(output) ? "; reboot, or reset that GPU, to have it back"
        : no_driver             ? "; install or load the driver, or reboot after an update"
        : mismatch              ? "; reboot, so that the kernel loads the driver that is installed"
                                : "";
    return "nvidia-smi says \"" + printable(line, k_quoted_length_max) + "\"" + remedy;
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
        const auto name = printable(line.substr(6), k_name_length_max);
        if (!name.empty()) return name;
    }
    return std::nullopt;
}

} // namespace odysseus::hardware
