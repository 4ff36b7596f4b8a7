#include "linux_text.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace odysseus::hardware {
namespace {

constexpr std::int64_t k_mib = std::int64_t{1} << 20;
constexpr std::int64_t k_kib_max = std::int64_t{1} << 50; // far more than there is, safe to add up
constexpr int k_processors_max = 8192;                    // Linux' own limit
constexpr std::size_t k_model_length_max = 200;

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (auto word : split(text, ' ')) {
        word = trimmed(word);
        if (!word.empty()) words.push_back(word);
    }
    return words;
}

// "MemTotal:       65774204 kB".
std::optional<std::int64_t> meminfo_kib(std::string_view text, std::string_view key) {
    const auto value = value_of_key(text, key);
    if (!value) return std::nullopt;
    const auto words = words_of(*value);
    const auto number = words.empty() ? std::nullopt : parsed_int(words[0]);
    if (!number || *number < 0 || *number > k_kib_max) return std::nullopt;
    return number;
}

std::optional<std::int64_t> hexadecimal(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

std::string padded_hex(std::int64_t value, std::size_t width) {
    std::array<char, 20> buffer{};
    const auto [end, error] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, 16);
    std::string out(buffer.data(), error == std::errc() ? end : buffer.data());
    if (out.size() < width) out.insert(0, width - out.size(), '0');
    return out;
}

// The blocks of /proc/cpuinfo, one a processor, are told apart by their "processor" line.
struct Processors {
    std::set<std::pair<std::int64_t, std::int64_t>> cores; // (physical id, core id)
    std::int64_t count = 0;
};

Processors count_processors(std::string_view text, const std::optional<std::vector<int>>& allowed) {
    Processors found;
    bool counts = false;
    std::int64_t package = 0;
    for (const auto line : lines_of(text)) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto key = trimmed(line.substr(0, colon));
        const auto value = parsed_int(trimmed(line.substr(colon + 1)));
        if (!value) continue;
        if (key == "processor") {
            counts = !allowed ||
                     std::binary_search(
                         allowed->begin(), allowed->end(),
                         static_cast<int>(std::clamp<std::int64_t>(*value, -1, k_processors_max)));
            if (counts && found.count < k_processors_max) ++found.count;
            package = 0;
        } else if (key == "physical id") {
            package = *value;
        } else if (key == "core id" && counts && found.cores.size() < k_processors_max) {
            found.cores.emplace(package, *value);
        }
    }
    return found;
}

} // namespace

MemoryInfo parse_meminfo(std::string_view text) {
    MemoryInfo memory;
    const auto total = meminfo_kib(text, "MemTotal");
    if (total && *total >= 1024) memory.total_mib = *total / 1024;
    auto available = meminfo_kib(text, "MemAvailable");
    if (!available) {
        if (const auto free = meminfo_kib(text, "MemFree")) {
            available = *free + meminfo_kib(text, "Buffers").value_or(0) +
                        meminfo_kib(text, "Cached").value_or(0);
        }
    }
    if (available) memory.available_mib = *available / 1024;
    if (memory.total_mib && memory.available_mib) {
        memory.available_mib = std::min(*memory.available_mib, *memory.total_mib);
    }
    return memory;
}

std::optional<std::int64_t> stat_value(std::string_view text, std::string_view key) {
    for (const auto line : lines_of(text)) {
        const auto words = words_of(line);
        if (words.size() == 2 && words[0] == key) return parsed_int(words[1]);
    }
    return std::nullopt;
}

std::optional<double> cpu_quota(std::string_view cpu_max) {
    const auto words = words_of(trimmed(cpu_max));
    if (words.size() != 2) return std::nullopt;
    const auto quota = parsed_int(words[0]);
    const auto period = parsed_int(words[1]);
    if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
    return static_cast<double>(*quota) / static_cast<double>(*period);
}

bool apply_memory_limit(MemoryInfo& memory, const MemoryLimit& limit) {
    const auto limit_mib = limit.limit_bytes / k_mib;
    const auto busy_bytes = std::max<std::int64_t>(
        0, limit.used_bytes - std::max<std::int64_t>(0, limit.reclaimable_bytes));
    const auto left_mib = std::max<std::int64_t>(0, limit.limit_bytes - busy_bytes) / k_mib;
    if (memory.available_mib) memory.available_mib = std::min(*memory.available_mib, left_mib);
    if (memory.total_mib && *memory.total_mib <= limit_mib) return false;
    memory.total_mib = std::max<std::int64_t>(1, limit_mib);
    if (!memory.available_mib) memory.available_mib = left_mib;
    return true;
}

std::optional<std::vector<int>> cpu_list(std::string_view text) {
    std::vector<int> cpus;
    for (const auto part : split(trimmed(text), ',')) {
        const auto dash = part.find('-');
        const auto first = parsed_int(part.substr(0, dash));
        const auto last =
            dash == std::string_view::npos ? first : parsed_int(part.substr(dash + 1));
        if (!first || !last || *first < 0 || *last < *first || *last >= k_processors_max) {
            return std::nullopt;
        }
        for (auto cpu = *first; cpu <= *last; ++cpu)
            cpus.push_back(static_cast<int>(cpu));
    }
    std::sort(cpus.begin(), cpus.end());
    cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
    return cpus;
}

CpuInfo parse_cpuinfo(std::string_view text, const std::optional<std::vector<int>>& allowed) {
    CpuInfo cpu;
    // x86 has "model name"; many ARM boards only a "Model" of the whole board, old ones "Hardware".
    for (const auto* key : {"model name", "Model", "Hardware", "cpu model"}) {
        const auto value = value_of_key(text, key);
        if (!value || value->empty()) continue;
        cpu.model = std::string(value->substr(0, k_model_length_max));
        break;
    }
    const auto processors = count_processors(text, allowed);
    if (!processors.cores.empty()) {
        cpu.cores = static_cast<std::int64_t>(processors.cores.size());
    } else if (processors.count > 0) {
        cpu.cores = processors.count;
    }
    return cpu;
}

std::optional<std::string> gfx_name(std::int64_t target_version) {
    const auto major = target_version / 10'000;
    const auto minor = target_version / 100 % 100;
    const auto stepping = target_version % 100;
    if (major < 6 || major > 99 || minor > 15 || stepping > 15) return std::nullopt;
    return concat("gfx", major, padded_hex(minor, 1), padded_hex(stepping, 1));
}

bool is_unified_gfx(std::string_view gfx) {
    static constexpr std::string_view k_apus[] = {
        "gfx902",  "gfx909",  "gfx90c",  "gfx1013", "gfx1033", "gfx1035", "gfx1036",
        "gfx1037", "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"};
    return std::find(std::begin(k_apus), std::end(k_apus), gfx) != std::end(k_apus);
}

KfdNode parse_kfd_node(std::string_view properties) {
    KfdNode node;
    node.is_gpu = stat_value(properties, "simd_count").value_or(0) > 0;
    if (const auto version = stat_value(properties, "gfx_target_version")) {
        node.gfx = gfx_name(*version);
    }
    // location_id holds bus, device and function as PCI numbers them.
    const auto location = stat_value(properties, "location_id");
    const auto domain = stat_value(properties, "domain").value_or(0);
    if (location && *location > 0 && *location <= 0xFFFF && domain >= 0 && domain <= 0xFFFFFF) {
        node.pci_address = padded_hex(domain, 4) + ":" + padded_hex(*location >> 8, 2) + ":" +
                           padded_hex(*location >> 3 & 0x1F, 2) + "." +
                           padded_hex(*location & 7, 1);
    }
    return node;
}

std::optional<std::int64_t> sysfs_number(std::string_view text) {
    text = trimmed(text);
    if (text.substr(0, 2) == "0x") return hexadecimal(text.substr(2));
    return parsed_int(text);
}

std::optional<Vendor> pci_vendor(std::int64_t vendor_id) {
    switch (vendor_id) {
    case 0x10DE: return Vendor::nvidia;
    case 0x1002: return Vendor::amd;
    case 0x8086: return Vendor::intel;
    default: return std::nullopt; // a server's console, a virtual machine's display
    }
}

std::optional<std::string> pci_device_name(std::string_view pci_ids, std::int64_t vendor_id,
                                           std::int64_t device_id) {
    // "1002  Advanced Micro Devices ..." at the margin, its devices below, one tab deep. The file
    // has 1.5 MB: it is searched, not split into lines.
    const auto vendor = pci_ids.find("\n" + padded_hex(vendor_id, 4) + "  ");
    if (vendor == std::string_view::npos) return std::nullopt;
    auto at = pci_ids.find('\n', vendor + 1);
    const auto wanted = "\t" + padded_hex(device_id, 4) + "  ";
    while (at != std::string_view::npos) {
        auto line = pci_ids.substr(at + 1, pci_ids.find('\n', at + 1) - at - 1);
        if (line.empty() || (line.front() != '\t' && line.front() != '#')) return std::nullopt;
        if (line.substr(0, wanted.size()) == wanted) {
            line = trimmed(line.substr(wanted.size()));
            const auto open = line.find('[');
            const auto close = line.find(']', open == std::string_view::npos ? 0 : open);
            if (open != std::string_view::npos && close != std::string_view::npos &&
                close > open + 1) {
                line = line.substr(open + 1, close - open - 1);
            }
            if (line.empty()) return std::nullopt;
            return std::string(line);
        }
        at = pci_ids.find('\n', at + 1);
    }
    return std::nullopt;
}

std::optional<std::string> parse_glibc(std::string_view text) {
    if (lowered(text).find("musl") != std::string::npos) return "none";
    const auto lines = lines_of(text);
    if (lines.empty()) return std::nullopt;
    const auto words = words_of(lines.front());
    if (words.empty()) return std::nullopt;
    // "ldd (Debian GLIBC 2.36-9+deb12u9) 2.36": the last word, whatever the vendor wrote before it.
    const auto parts = split(words.back(), '.');
    const auto is_number = [](std::string_view part) {
        return !part.empty() && part.size() <= 3 &&
               part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (parts.size() < 2 || parts.size() > 3 || parts[0] != "2" ||
        !std::all_of(parts.begin(), parts.end(), is_number)) {
        return std::nullopt;
    }
    return concat(parts[0], '.', parts[1]);
}

std::optional<std::string> glibc_of_library(std::string_view library) {
    constexpr std::string_view k_banner = "GNU C Library (";
    constexpr std::string_view k_version = " version ";
    constexpr std::size_t k_banner_bytes_max = 200;
    for (auto at = library.find(k_banner); at != library.npos;
         at = library.find(k_banner, at + 1)) {
        // "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36."
        auto line = library.substr(at, k_banner_bytes_max);
        line = line.substr(0, line.find('\n'));
        const auto name = line.find(k_version);
        if (name == line.npos) continue;
        const auto rest = line.substr(name + k_version.size());
        auto number = rest.substr(0, rest.find_first_not_of("0123456789."));
        while (!number.empty() && number.back() == '.')
            number.remove_suffix(1);
        if (auto version = parse_glibc(number)) return version;
    }
    return std::nullopt;
}

std::optional<std::string> distribution_id(std::string_view os_release) {
    constexpr std::string_view k_key = "ID=";
    constexpr std::size_t k_length_max = 64;
    for (const auto line : lines_of(os_release)) {
        if (!line.starts_with(k_key)) continue;
        auto value = trimmed(line.substr(k_key.size()));
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\''))
            value = value.substr(1, value.size() - 2);
        const bool plain = value.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") ==
                           std::string_view::npos;
        if (value.empty() || value.size() > k_length_max || !plain) return std::nullopt;
        return std::string(value);
    }
    return std::nullopt;
}

std::optional<std::string> parse_rocm_version(std::string_view text) {
    const auto line = trimmed(text.substr(0, text.find('\n')));
    const auto version = line.substr(0, line.find_first_not_of("0123456789."));
    const auto parts = split(version, '.');
    if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
    for (const auto part : parts) {
        if (!parsed_int(part) || part.size() > 5) return std::nullopt;
    }
    return std::string(version);
}

std::optional<std::string> rocm_of_hip_library(std::string_view file_name) {
    constexpr std::string_view k_prefix = "libamdhip64.so.";
    if (file_name.substr(0, k_prefix.size()) != k_prefix) return std::nullopt;
    const auto major = split(file_name.substr(k_prefix.size()), '.')[0];
    const auto number = parsed_int(major);
    if (!number || *number <= 0 || *number > 999) return std::nullopt;
    return std::string(major);
}

} // namespace odysseus::hardware
