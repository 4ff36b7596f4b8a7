#include "odysseus/server/log_line.hpp"

#include "line_splitter.hpp"
#include "line_text.hpp"
#include "odysseus/base/text.hpp"
#include "refused_allocation.hpp"

#include <algorithm>
#include <array>

namespace odysseus::server {
namespace {

using Kind = LogFact::Kind;

template <std::size_t Size>
bool has_any(std::string_view text, const std::array<std::string_view, Size>& words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return has(text, word); });
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

// "0.00.055.548 E rest" -> "rest", and the level and the time into `fact`; each may be missing.
void take_level(std::string_view& text, LogFact& fact) {
    const auto time = leading(text, [](char c) { return is_digit(c) || c == '.'; });
    if (time.size() >= 5 && std::count(time.begin(), time.end(), '.') == 3 &&
        text.substr(time.size(), 1) == " ") {
        text.remove_prefix(time.size() + 1);
        fact.stamped = true;
    }
    if (text.size() >= 2 && text[1] == ' ' && text[0] >= 'A' && text[0] <= 'Z') {
        fact.level = text[0];
        text.remove_prefix(2);
    }
}

// The server's own lines, as opposed to ggml's and llama.cpp's: many of them quote requests.
bool is_server_line(std::string_view text) {
    constexpr std::array<std::string_view, 4> k_parts = {"srv ", "slot ", "que ", "res "};
    return std::any_of(k_parts.begin(), k_parts.end(),
                       [&](std::string_view part) { return text.starts_with(part); });
}

// "srv  ensure_model: words" -> "words". Functions are cut, and differ from build to build.
std::string_view message_of(std::string_view text) {
    if (is_server_line(text)) text = without_spaces_before(text.substr(text.find(' ')));
    const auto function = leading(text, [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
               c == '(' || c == ')';
    });
    if (text.substr(function.size(), 2) == ": ") text.remove_prefix(function.size() + 2);
    return text;
}

// The text without what stands between quotation marks and without the path of a file: names that
// a file, a model or a request chose.
std::string without_names(std::string_view text) {
    text = text.substr(0, text.find(" load model from "));
    if (text.find("terminate called") != std::string_view::npos) return std::string(text);
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool opens = (c == '\'' || c == '"' || c == '`') &&
                           (i == 0 || text[i - 1] == ' ' || text[i - 1] == '(');
        const auto end = opens ? text.rfind(c) : std::string_view::npos;
        if (end != std::string_view::npos && end > i) i = end;
        plain += c;
    }
    return plain;
}

// Words that look like a memory failure and are none: the program goes on without what it wanted.
constexpr std::array<std::string_view, 7> k_harmless = {
    "pinned memory",      // falls back to ordinary memory
    "retrying without",   // smaller buffers follow
    "prompt cache state", // the cache is made smaller
    "mlock",              // a wish that the system did not grant
    "VirtualLock",
    "recommended max working set size", // Metal's warning
    "unified memory",                   // ... is (not) supported
};

// What quotes a request, a grammar or a template; the lines without a time behind it belong to it.
constexpr std::array<std::string_view, 8> k_quoting = {
    "got exception", "grammar", "pars", "template", "schema", "prompt", "json", "request",
};

constexpr auto k_memory = std::to_array<std::string_view>({
    "out of memory", // cudaMalloc failed: ..., CUDA error: ..., ROCm error: ...
    "insufficient memory",
    "failed to allocate",
    "failed to reserve",
    "could not reserve space",
    "unable to allocate",
    "ErrorOutOfDeviceMemory",
    "ErrorOutOfHostMemory",
    "OUT_OF_DEVICE_MEMORY",
    "OUT_OF_HOST_MEMORY",
    "_ERROR_OUT_OF_RESOURCES", // SYCL: UR_RESULT_..., PI_...; ROCm: HSA_STATUS_...
    "Native API returns: 40 ", // the same of SYCL, by its number
    "Native API returns: -5 ",
    "Device memory allocation of size",
    "Requested buffer size exceeds",
    "kIOGPUCommandBufferCallbackErrorOutOfMemory",
    "Insufficient Memory",
    "cudaErrorMemoryAllocation",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "hipErrorOutOfMemory",
    "the resource allocation failed", // cuBLAS, when it makes its workspace
    "CUBLAS_STATUS_ALLOC_FAILED",
    "HIPBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED", // cublasCreate had no memory
    "HIPBLAS_STATUS_NOT_INITIALIZED",
    "the library was not initialized", // the same in words
    "std::bad_alloc",
    "bad allocation", // the same, from Microsoft's library
    "Cannot allocate memory",
    "not enough memory",
    "Not enough memory",               // Windows, error 8
    "Not enough storage is available", // Windows, error 14
    "The paging file is too small",    // Windows, error 1455
    " != NULL) failed",                // GGML_ASSERT over what malloc gave
    "cudaMalloc failed",
    "hipMalloc failed",
    " Bytes of memory on device", // SYCL: "can't allocate 2303168640 Bytes of memory on device"
});

// Windows tells an error in the user's language; the number is the same everywhere.
bool is_windows_map_failure(std::string_view text) {
    constexpr std::array<std::string_view, 3> k_calls = {"MapViewOfFile", "CreateFileMapping",
                                                         "mmap failed"};
    constexpr std::array<std::string_view, 3> k_codes = {"1455", "error 8", "(8)"};
    return has_any(text, k_calls) && has_any(text, k_codes);
}

// Threads need address space and memory, but also a number: ulimit -u ends in the same words.
constexpr std::array<std::string_view, 5> k_strained = {
    "Thread creation failed",  "Resource temporarily unavailable",
    "failed to create thread", "MapViewOfFile failed",
    "CreateFileMapping",
};

// Of CUDA, ROCm and their drivers: another build helps, another context never.
constexpr std::array<std::string_view, 6> k_no_code = {
    "no kernel image is available",   "invalid device function",
    "hipErrorNoBinaryForGpu",         "CUDA_ERROR_NO_BINARY_FOR_GPU",
    "device kernel image is invalid", "compiled with an unsupported toolchain",
};

// A GPU that was reset, unplugged, or did not come back after sleep.
constexpr std::array<std::string_view, 9> k_device_lost = {
    "ErrorDeviceLost",
    "VK_ERROR_DEVICE_LOST",
    "unspecified launch failure",
    "device lost",
    "DEVICE_LOST",
    "the launch timed out and was terminated",
    "uncorrectable ECC error",
    "has fallen off the bus",
    "hipErrorLaunchFailure",
};

// A device that reports 0 bytes free: the split over devices is none, and its index is out of range
// (llama.cpp #24795, #27717, #29044; seen up to b11669). In libstdc++, MSVC and libc++.
bool is_no_free_memory(std::string_view text) {
    const auto what = after(text, "error loading model: ");
    return what && (what->starts_with("vector::_M_range_check") ||
                    *what == "invalid vector subscript" || *what == "vector");
}

// llama.cpp's RPC to another machine. The process aborts with the first or the second of them.
constexpr std::array<std::string_view, 6> k_remote_lost = {
    "Remote RPC server crashed or returned malformed response",
    "RPC handshake failed",
    "RPC server version mismatch",
    "send failed (bytes_sent=",
    "recv returned 0 (peer closed?)",
    "ggml-rpc.cpp",
};

// Only as ggml's own file says it: "Failed to connect to" alone says nothing of RPC.
bool is_remote_lost(std::string_view text) {
    const auto& words = k_remote_lost;
    if (std::any_of(words.begin(), words.end() - 1, [&](auto word) { return has(text, word); }))
        return true;
    return has(text, words.back()) && has(text, "Failed to connect to ");
}

// What a backend says of itself when it begins, at any level.
bool is_gpu_unused(std::string_view text) {
    if (text.starts_with("warning: ")) text.remove_prefix(9);
    if (text.starts_with("no usable GPU found")) return true;
    if (!text.starts_with("ggml_")) return false;
    const auto message = message_of(text);
    return message.starts_with("failed to initialize CUDA") ||
           message.starts_with("failed to initialize ROCm") ||
           message.starts_with("failed to initialize MUSA") ||
           message.starts_with("No devices found");
}

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

constexpr std::array<std::string_view, 10> k_load_failed = {
    "exiting due to model loading error",
    "failed to load model",
    "failed to create context",
    "failed to create_context",
    "error loading model",
    "failed to load draft model",
    "failed to initialize the context",
    "GGML_ASSERT(",
    "terminate called after throwing",
    "failed to reload model",
};

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
Kind router_kind(std::string_view message, LogFact& fact) {
    if (message.starts_with("spawning server instance with name=") &&
        named(message, "spawning server instance with name=", " on port ", fact.model, fact.port)) {
        return Kind::spawned;
    }
    if (message.starts_with("instance name=") &&
        named(message, "instance name=", " exited with status ", fact.model, fact.status)) {
        return Kind::exited;
    }
    if (message.starts_with("queued load of name=") &&
        message.ends_with(": failed to spawn server instance")) {
        return Kind::spawn_failed;
    }
    if (message.starts_with("couldn't bind") || message.starts_with("could not bind")) {
        return Kind::bind_failed;
    }
    return Kind::noise;
}

Kind progress_kind(std::string_view message) {
    for (const std::string_view who : {"", "server is ", "router server is "}) {
        if (message.starts_with(who) && message.substr(who.size()).starts_with("listening on http"))
            return Kind::listening;
    }
    if (message == "model loaded") return Kind::loaded;
    if (message.starts_with("loading model '")) return Kind::loading;
    return Kind::noise;
}

// What only a model's process says; the whole line, since any part of it may stand in a prompt.
Kind model_kind(std::string_view text) {
    if (!text.starts_with("srv ")) return Kind::noise;
    const auto message = message_of(text);
    if (message == "exit command received, exiting...") return Kind::end_asked;
    if (message_of(message) == "cleaning up before exit...") return Kind::leaving;
    return Kind::noise;
}

// Of the server's own lines only those count that speak of the load, and hold nothing of a request.
Kind server_failure_kind(std::string_view message) {
    constexpr std::array<std::string_view, 3> k_begins = {"exiting due to model loading error",
                                                          "failed to load", "failed to create"};
    if (message.starts_with("failed to reload model")) return Kind::load_failed;
    const bool of_load = std::any_of(k_begins.begin(), k_begins.end(), [&](std::string_view words) {
        return message.starts_with(words);
    });
    if (!of_load) return Kind::noise;
    return has_any(message, k_not_memory) ? Kind::not_memory : Kind::load_failed;
}

Kind failure_kind(std::string_view text) {
    if (is_server_line(text)) return server_failure_kind(message_of(text));
    if (is_gpu_unused(text)) return Kind::gpu_unused;
    const auto plain = without_names(text);
    if (has(plain, "fit params to free device memory")) return Kind::fit_trial;
    if (has_any(plain, k_harmless) || has_any(plain, k_quoting)) return Kind::noise;
    if (has_any(plain, k_no_code)) return Kind::no_code;
    if (has_any(plain, k_device_lost)) return Kind::device_lost;
    if (is_remote_lost(plain)) return Kind::remote_lost;
    if (is_no_free_memory(text)) return Kind::no_free_memory;
    if (has_any(plain, k_memory) || is_windows_map_failure(plain)) return Kind::memory;
    if (has_any(plain, k_strained)) return Kind::strained;
    if (has_any(text, k_not_memory)) return Kind::not_memory;
    if (has_any(text, k_load_failed)) return Kind::load_failed;
    return Kind::noise;
}

// Only an error is evidence; information, warnings and debug output may quote anything.
bool is_evidence(const LogFact& fact) {
    if (fact.kind == Kind::gpu_unused) return !fact.quotes; // it decides nothing, and is told
    if (fact.level == 'W') return fact.kind == Kind::fit_trial;
    return fact.level == 'E' || fact.level == 0;
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
    take_level(text, fact);
    fact.text = std::string(trimmed(text));
    fact.quotes = fact.level == 'D' || fact.level == 'T' || has_any(fact.text, k_quoting);
    if (has(fact.text, "got exception:")) return fact; // what follows is a client's
    const auto message = message_of(fact.text);
    fact.kind = fact.from_model ? model_kind(fact.text) : router_kind(message, fact);
    if (fact.kind == Kind::noise) fact.kind = progress_kind(message);
    if (fact.kind == Kind::noise) {
        fact.kind = failure_kind(fact.text);
        if (!is_evidence(fact)) fact.kind = Kind::noise;
    }
    if (fact.kind == Kind::listening && !fact.from_model) fact.port = port_at_end(text);
    if (fact.kind == Kind::memory) {
        fact.bytes = refused_bytes(text);
        fact.device = refusing_device(text);
    }
    return fact;
}

} // namespace odysseus::server
