#include "odysseus/logic/log_line.hpp"

#include "odysseus/logic/text.hpp"

#include <algorithm>
#include <array>

namespace odysseus {
namespace {

using Kind = LogFact::Kind;

constexpr std::string_view k_replacement = "\xEF\xBF\xBD"; // U+FFFD

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// How many bytes of `text` are one well-formed UTF-8 sequence (RFC 3629); 0: none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return length;
}

// The length of a terminal's colour sequence at the beginning of `text`: ESC [ ... letter.
std::size_t colour_length(std::string_view text) {
    if (text.size() < 2 || text[0] != '\x1b' || text[1] != '[') return 0;
    std::size_t at = 2;
    while (at < text.size() && (is_digit(text[at]) || text[at] == ';'))
        ++at;
    return at < text.size() ? at + 1 : 0;
}

} // namespace

std::string readable(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        std::size_t used = 1;
        if (const auto colour = colour_length(bytes)) {
            used = colour;
        } else if (const auto length = sequence_length(bytes)) {
            const auto byte = static_cast<unsigned char>(bytes[0]);
            const bool shown = byte == '\t' || (byte >= 0x20 && byte != 0x7F);
            out += shown ? bytes.substr(0, length) : k_replacement;
            used = length;
        } else {
            out += k_replacement;
        }
        bytes.remove_prefix(used);
    }
    return out;
}

std::vector<std::string> LineSplitter::feed(std::string_view bytes) {
    std::vector<std::string> lines;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const auto part = bytes.substr(0, end);
        const auto room = k_line_bytes_max - m_line.size();
        m_line += part.substr(0, room);
        m_cut = m_cut || part.size() > room;
        if (end == std::string_view::npos) break;
        lines.push_back(*rest());
        bytes.remove_prefix(end + 1);
    }
    return lines;
}

std::optional<std::string> LineSplitter::rest() {
    if (!m_line.empty() && m_line.back() == '\r') m_line.pop_back();
    auto line = readable(m_line);
    if (m_cut) line += " ...";
    m_line.clear();
    m_cut = false;
    return line;
}

namespace {

bool has(std::string_view text, std::string_view word) {
    return text.find(word) != std::string_view::npos;
}

template <std::size_t Size>
bool has_any(std::string_view text, const std::array<std::string_view, Size>& words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return has(text, word); });
}

// What follows `key`, or nothing when `key` is not there.
std::optional<std::string_view> after(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    return text.substr(at + key.size());
}

std::string_view leading(std::string_view text, bool (*wanted)(char)) {
    std::size_t length = 0;
    while (length < text.size() && wanted(text[length]))
        ++length;
    return text.substr(0, length);
}

std::string_view without_spaces_before(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    return text;
}

// "[58697] rest" -> 58697, and `text` becomes "rest".
std::optional<int> take_port(std::string_view& text) {
    if (text.empty() || text[0] != '[') return std::nullopt;
    auto inside = without_spaces_before(text.substr(1));
    const auto digits = leading(inside, is_digit);
    const auto port = parsed_int(digits);
    if (!port || *port > 65535 || inside.substr(digits.size(), 1) != "]") return std::nullopt;
    inside.remove_prefix(digits.size() + 1);
    if (!inside.empty() && inside.front() == ' ') inside.remove_prefix(1);
    text = inside;
    return static_cast<int>(*port);
}

// "0.00.055.548 E rest" -> "rest" and 'E'; each of the two parts may be missing.
char take_level(std::string_view& text) {
    const auto time = leading(text, [](char c) { return is_digit(c) || c == '.'; });
    if (time.size() >= 8 && std::count(time.begin(), time.end(), '.') == 3 &&
        text.substr(time.size(), 1) == " ") {
        text.remove_prefix(time.size() + 1);
    }
    if (text.size() >= 2 && text[1] == ' ' && text[0] >= 'A' && text[0] <= 'Z') {
        const char level = text[0];
        text.remove_prefix(2);
        return level;
    }
    return 0;
}

// Words that look like a memory failure and are none: the program goes on without what it wanted.
constexpr std::array<std::string_view, 6> k_harmless = {
    "pinned memory",                         // falls back to ordinary memory
    "retrying without pipeline parallelism", // smaller buffers follow
    "mlock",                                 // a wish that the system did not grant
    "VirtualLock",
    "recommended max working set size", // Metal's warning
    "unified memory",                   // ... is (not) supported
};

constexpr std::array<std::string_view, 28> k_memory = {
    "out of memory", // cudaMalloc failed: ..., CUDA error: ..., ROCm error: ...
    "insufficient memory (attempted to allocate",
    "failed to allocate buffer",
    "failed to allocate compute",
    "failed to allocate output buffer",
    "failed to allocate memory",
    "unable to allocate",
    "ErrorOutOfDeviceMemory",
    "ErrorOutOfHostMemory",
    "OUT_OF_DEVICE_MEMORY",
    "OUT_OF_HOST_MEMORY",
    "Device memory allocation of size",
    "Requested buffer size exceeds",
    "kIOGPUCommandBufferCallbackErrorOutOfMemory",
    "Insufficient Memory",
    "cudaErrorMemoryAllocation",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "hipErrorOutOfMemory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "HIPBLAS_STATUS_ALLOC_FAILED",
    "std::bad_alloc",
    "bad allocation", // the same, from Microsoft's library
    "Cannot allocate memory",
    "not enough memory",
    " != NULL) failed", // GGML_ASSERT over what malloc gave
    "cudaMalloc failed",
    "hipMalloc failed",
    " Bytes of memory on device", // SYCL: "can't allocate 2303168640 Bytes of memory on device"
};

// "failed to allocate CUDA0 buffer of size N": the device's name stands between the words.
bool is_buffer_failure(std::string_view text) {
    const auto rest = after(text, "failed to allocate ");
    return rest && has(*rest, "buffer of size ");
}

// Threads need address space and memory, but also a number: ulimit -u ends in the same words.
constexpr std::array<std::string_view, 3> k_strained = {
    "Thread creation failed",
    "Resource temporarily unavailable",
    "failed to create thread",
};

constexpr std::array<std::string_view, 17> k_not_memory = {
    "unknown model architecture",
    "invalid magic",
    "wrong number of tensors",
    "done_getting_tensors",
    "check_tensor",
    "missing tensor",
    "error loading model: tensor",
    "error loading model hyperparameters",
    "error loading model vocabulary",
    "unknown pre-tokenizer type",
    "failed to open",
    "No such file",
    "is not within the file bounds",
    "failed to read magic",
    "unsupported model architecture",
    "failed to load multimodal model",
    "requires Flash Attention",
};

constexpr std::array<std::string_view, 9> k_load_failed = {
    "exiting due to model loading error", "failed to load model", "failed to create context",
    "failed to create_context",           "error loading model",  "failed to load draft model",
    "failed to initialize the context",   "GGML_ASSERT(",         "terminate called after throwing",
};

struct Unit {
    std::string_view before; // what stands before the number
    std::string_view behind; // what stands behind it
    double bytes;
};
// Where each wording puts the size: "(attempted to allocate 4096.00 MB)" counts in 1024 too.
constexpr std::array<Unit, 8> k_sizes = {{
    {"allocating ", " MiB on device", 1024.0 * 1024},
    {"attempted to allocate ", " MB)", 1024.0 * 1024},
    {"buffer of size ", " MiB", 1024.0 * 1024},
    {"buffer of size ", "", 1},
    {"buffer, size = ", " MiB", 1024.0 * 1024},
    {"memory allocation of size ", "", 1},
    {"failed to allocate ", " bytes", 1},
    {"can't allocate ", " Bytes", 1},
}};

std::optional<std::int64_t> size_in(std::string_view text) {
    constexpr double k_too_large = 9.0e18; // no memory; and the conversion below stays defined
    for (const auto& unit : k_sizes) {
        const auto rest = after(text, unit.before);
        if (!rest) continue;
        const auto tail = without_spaces_before(*rest);
        const auto digits = leading(tail, [](char c) { return is_digit(c) || c == '.'; });
        const auto number = parsed_number(digits);
        if (!number || tail.substr(digits.size(), unit.behind.size()) != unit.behind) continue;
        const double bytes = *number * unit.bytes;
        if (bytes >= 1 && bytes < k_too_large) return static_cast<std::int64_t>(bytes);
    }
    return std::nullopt;
}

std::string device_in(std::string_view text) {
    if (const auto rest = after(text, "failed to allocate ")) {
        const auto name = rest->substr(0, rest->find(' '));
        const auto behind = rest->substr(name.size());
        if (behind.substr(0, 7) == " buffer" && name != "output" && name != "compute") {
            return std::string(name);
        }
    }
    if (const auto rest = after(text, "unable to allocate ")) {
        const auto name = rest->substr(0, rest->find(' '));
        if (rest->substr(name.size(), 7) == " buffer") return std::string(name);
    }
    const auto number = [&]() -> std::string {
        const auto rest = after(text, " on device ");
        return rest ? std::string(leading(*rest, is_digit)) : std::string();
    };
    if (has(text, "cudaMalloc") || has(text, "CUDA error")) return "CUDA" + number();
    if (has(text, "hipMalloc") || has(text, "ROCm error")) return "ROCm" + number();
    if (has(text, " Bytes of memory on device")) return "SYCL";
    if (has(text, "ggml_aligned_malloc") || has(text, "ggml_backend_cpu_buffer")) return "CPU";
    if (has(text, "ggml_vulkan") || has(text, "vk::")) return "Vulkan";
    if (has(text, "ggml_metal") || has(text, "kIOGPU")) return "Metal";
    return {};
}

// "...name=NAME WORDS NUMBER", where NAME may hold anything.
bool named(std::string_view text, std::string_view before, std::string_view words,
           std::string& name, int& number) {
    const auto rest = after(text, before);
    if (!rest) return false;
    const auto at = rest->rfind(words);
    if (at == std::string_view::npos) return false;
    const auto value = parsed_int(trimmed(rest->substr(at + words.size())));
    if (!value || *value < INT32_MIN || *value > INT32_MAX) return false;
    name = std::string(rest->substr(0, at));
    number = static_cast<int>(*value);
    return true;
}

// What only the router says. A model's process cannot: its lines carry its port.
Kind router_kind(std::string_view text, LogFact& fact) {
    if (named(text, "spawning server instance with name=", " on port ", fact.model, fact.port)) {
        return Kind::spawned;
    }
    if (named(text, "instance name=", " exited with status ", fact.model, fact.status)) {
        return Kind::exited;
    }
    if (has(text, ": failed to spawn server instance")) return Kind::spawn_failed;
    if (has(text, "couldn't bind") || has(text, "could not bind")) return Kind::bind_failed;
    return Kind::noise;
}

Kind progress_kind(std::string_view text) {
    if (has(text, "listening on http")) return Kind::listening;
    if (has(text, "model loaded")) return Kind::loaded;
    if (has(text, "loading model '")) return Kind::loading;
    return Kind::noise;
}

// What only a model's process says; the whole line, since any part of it may stand in a prompt.
Kind model_kind(std::string_view text) {
    if (!text.starts_with("srv ")) return Kind::noise;
    if (text.ends_with(": exit command received, exiting...")) return Kind::end_asked;
    if (text.ends_with(": cleaning up before exit...")) return Kind::leaving;
    return Kind::noise;
}

Kind failure_kind(std::string_view text) {
    if (has(text, "fit params to free device memory")) return Kind::fit_trial;
    if (has_any(text, k_harmless)) return Kind::noise;
    if (has_any(text, k_memory) || is_buffer_failure(text)) return Kind::memory;
    if (has_any(text, k_strained)) return Kind::strained;
    if (has_any(text, k_not_memory)) return Kind::not_memory;
    if (has_any(text, k_load_failed)) return Kind::load_failed;
    return Kind::noise;
}

// The port at the end of "listening on http://127.0.0.1:10086".
int port_at_end(std::string_view text) {
    const auto at = text.rfind(':');
    if (at == std::string_view::npos) return 0;
    const auto port = parsed_int(leading(text.substr(at + 1), is_digit));
    return port && *port <= 65535 ? static_cast<int>(*port) : 0;
}

} // namespace

LogFact classify(std::string_view line) {
    LogFact fact;
    auto text = line.substr(0, k_line_bytes_max);
    if (const auto port = take_port(text)) {
        fact.from_model = true;
        fact.port = *port;
    }
    const char level = take_level(text);
    fact.text = std::string(trimmed(text));
    if (!fact.from_model) fact.kind = router_kind(text, fact);
    if (fact.from_model) fact.kind = model_kind(fact.text);
    if (fact.kind == Kind::noise) fact.kind = progress_kind(text);
    // Information and debug output may quote anything, a prompt for one.
    const bool talk = level == 'I' || level == 'D' || level == 'T';
    if (fact.kind == Kind::noise && !talk) fact.kind = failure_kind(text);
    if (fact.kind == Kind::listening && !fact.from_model) fact.port = port_at_end(text);
    if (fact.kind == Kind::memory) {
        fact.bytes = size_in(text);
        fact.device = device_in(text);
    }
    return fact;
}

} // namespace odysseus
