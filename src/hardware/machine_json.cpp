#include "odysseus/hardware/machine_json.hpp"

#include "odysseus/base/json_fault.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::hardware {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t k_text_length_max = 4096;
constexpr std::size_t k_entries_max = 1024;
constexpr std::int64_t k_number_max = std::int64_t{1} << 40; // 2^40 MiB is more than there is

template <class Value>
OrderedJson or_null(const std::optional<Value>& value) {
    return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson gpu_json(const Gpu& gpu) {
    return {{"vendor", vendor_name(gpu.vendor)},
            {"name", gpu.name.empty() ? OrderedJson(nullptr) : OrderedJson(gpu.name)},
            {"total_mib", or_null(gpu.total_mib)},
            {"free_mib", or_null(gpu.free_mib)},
            {"driver", or_null(gpu.driver)},
            {"cuda", or_null(gpu.cuda)},
            {"compute_capability", or_null(gpu.compute_capability)},
            {"gfx", or_null(gpu.gfx)},
            {"unified_memory", or_null(gpu.unified_memory)}};
}

// Reads one object; the first thing that is wrong is kept, in words.
class Reader {
  public:
    Reader(const Json& object, std::string where) : m_object(object), m_where(std::move(where)) {}

    [[nodiscard]] const std::string& wrong() const { return m_wrong; }

    std::optional<std::string> text(const char* key) {
        const auto* value = member(key);
        if (value == nullptr) return std::nullopt;
        if (!value->is_string()) return expected(key, *value, "a string");
        auto out = value->get<std::string>();
        if (out.size() > k_text_length_max) return expected(key, *value, "a shorter string");
        // It is printed on terminals.
        for (auto& c : out) {
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
        }
        return out;
    }

    std::optional<std::int64_t> number(const char* key, std::int64_t least) {
        const auto* value = member(key);
        if (value == nullptr) return std::nullopt;
        // get<double> and not int64: 1e30 and 2^64-1 must not wrap into the range.
        const bool whole = value->is_number_integer();
        if (!whole || value->get<double>() < static_cast<double>(least) ||
            value->get<double>() > static_cast<double>(k_number_max)) {
            expected(key, *value, concat("a whole number from ", least, " to ", k_number_max));
            return std::nullopt;
        }
        return value->get<std::int64_t>();
    }

    std::optional<bool> flag(const char* key) {
        const auto* value = member(key);
        if (value == nullptr) return std::nullopt;
        if (!value->is_boolean()) {
            expected(key, *value, "true or false");
            return std::nullopt;
        }
        return value->get<bool>();
    }

    // One of the names that `from` knows.
    template <class Enum>
    std::optional<Enum> name(const char* key, std::optional<Enum> (*from)(std::string_view),
                             std::string_view known) {
        const auto* value = member(key);
        if (value == nullptr) return std::nullopt;
        const auto found =
            value->is_string() ? from(value->get_ref<const std::string&>()) : std::nullopt;
        if (!found) expected(key, *value, known);
        return found;
    }

    // Null when absent, JSON null or no array.
    const Json* list(const char* key) {
        const auto* value = member(key);
        if (value == nullptr) return nullptr;
        if (value->is_array() && value->size() <= k_entries_max) return value;
        expected(key, *value, concat("a list of at most ", k_entries_max, " entries"));
        return nullptr;
    }

  private:
    const Json* member(const char* key) const {
        const auto found = m_object.find(key);
        return found == m_object.end() || found->is_null() ? nullptr : &*found;
    }

    std::nullopt_t expected(const char* key, const Json& value, std::string_view what) {
        if (m_wrong.empty()) {
            m_wrong = concat('"', m_where, key, "\" is ", shown(value), "; it must be ", what);
        }
        return std::nullopt;
    }

    // Lists and objects are not printed: that would go as deep as they are nested.
    static std::string shown(const Json& value) {
        constexpr std::size_t k_shown_length_max = 60;
        if (value.is_structured()) return value.is_array() ? "a list" : "an object";
        auto text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
        if (text.size() > k_shown_length_max) text = text.substr(0, k_shown_length_max) + "...";
        return text;
    }

    const Json& m_object;
    std::string m_where;
    std::string m_wrong;
};

std::variant<Gpu, std::string> gpu_from(const Json& object, const std::string& where) {
    if (!object.is_object()) return concat('"', where, "\" is no object");
    Reader reader(object, where + ".");
    Gpu gpu;
    gpu.vendor = reader.name("vendor", vendor_from, "nvidia, amd, intel, apple or other")
                     .value_or(Vendor::other);
    gpu.name = reader.text("name").value_or("");
    gpu.total_mib = reader.number("total_mib", 1);
    gpu.free_mib = reader.number("free_mib", 0);
    if (gpu.total_mib && gpu.free_mib) gpu.free_mib = std::min(*gpu.free_mib, *gpu.total_mib);
    gpu.driver = reader.text("driver");
    gpu.cuda = reader.text("cuda");
    gpu.compute_capability = reader.text("compute_capability");
    gpu.gfx = reader.text("gfx");
    gpu.unified_memory = reader.flag("unified_memory");
    if (!reader.wrong().empty()) return reader.wrong();
    return gpu;
}

// Empty, or what is wrong.
std::string read_gpus(const Json& list, Machine& machine) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto gpu = gpu_from(list[i], concat("gpus[", i, ']'));
        if (const auto* wrong = std::get_if<std::string>(&gpu)) return *wrong;
        machine.gpus.push_back(std::get<Gpu>(std::move(gpu)));
    }
    return {};
}

std::string read_notes(const Json& list, Machine& machine) {
    for (const auto& note : list) {
        if (!note.is_string()) return "\"notes\" must be a list of strings";
        machine.notes.push_back(note.get<std::string>());
    }
    return {};
}

Arch assumed_arch(const Machine& machine, std::optional<Backend> backend) {
    const bool apple = std::any_of(machine.gpus.begin(), machine.gpus.end(),
                                   [](const Gpu& gpu) { return gpu.vendor == Vendor::apple; });
    return apple || backend == Backend::metal ? Arch::arm64 : Arch::x64;
}

} // namespace

nlohmann::ordered_json machine_json(const Machine& machine) {
    auto gpus = OrderedJson::array();
    for (const auto& gpu : machine.gpus)
        gpus.push_back(gpu_json(gpu));
    return {{"os", os_name(machine.os)},
            {"arch", arch_name(machine.arch)},
            {"backend", backend_name(machine.backend)},
            {"cpu_model", or_null(machine.cpu_model)},
            {"cpu_cores", or_null(machine.cpu_cores)},
            {"ram_mib", or_null(machine.ram_mib)},
            {"available_ram_mib", or_null(machine.available_ram_mib)},
            {"gpus", std::move(gpus)},
            {"glibc", or_null(machine.glibc)},
            {"vulkan", or_null(machine.vulkan)},
            {"rocm", or_null(machine.rocm)},
            {"sycl", or_null(machine.sycl)},
            {"os_version", or_null(machine.os_version)},
            {"distribution", or_null(machine.distribution)},
            {"notes", machine.notes}};
}

std::variant<Machine, std::string> machine_from_json(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded())
        return concat("it is not JSON: the mistake is at ", json_fault_place(text));
    if (!json.is_object())
        return "it must be a JSON object like \"hardware\" of odysseus plan --json";
    // The whole output of plan --json serves as well.
    const auto inner = json.find("hardware");
    const auto& object = inner != json.end() && inner->is_object() ? *inner : json;

    Reader reader(object, "");
    Machine machine;
    const auto os = reader.name("os", os_from, "linux, macos or win");
    const auto arch = reader.name("arch", arch_from, "x64 or arm64");
    const auto backend =
        reader.name("backend", backend_from, "cuda, rocm, sycl, vulkan, metal or cpu");
    machine.cpu_model = reader.text("cpu_model");
    machine.cpu_cores = reader.number("cpu_cores", 1);
    machine.ram_mib = reader.number("ram_mib", 1);
    machine.available_ram_mib = reader.number("available_ram_mib", 0);
    machine.glibc = reader.text("glibc");
    machine.vulkan = reader.flag("vulkan");
    machine.rocm = reader.text("rocm");
    machine.sycl = reader.text("sycl");
    machine.os_version = reader.text("os_version");
    machine.distribution = reader.text("distribution");
    const auto* gpus = reader.list("gpus");
    const auto* notes = reader.list("notes");
    if (!reader.wrong().empty()) return reader.wrong();
    if (!os) return "\"os\" is missing; it must be linux, macos or win";
    auto wrong = gpus != nullptr ? read_gpus(*gpus, machine) : std::string();
    if (wrong.empty() && notes != nullptr) wrong = read_notes(*notes, machine);
    if (!wrong.empty()) return wrong;

    machine.os = *os;
    machine.arch = arch ? *arch : assumed_arch(machine, backend);
    if (!arch)
        machine.notes.push_back(
            concat("arch is not given; ", arch_name(machine.arch), " is assumed"));
    machine.backend = backend ? *backend : detect_backend(machine);
    return machine;
}

} // namespace odysseus::hardware
