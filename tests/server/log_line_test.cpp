#include "odysseus/server/log_line.hpp"
#include "server/line_splitter.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>

using namespace odysseus;
using namespace odysseus::server;
using Kind = LogFact::Kind;

namespace {

struct Row {
    Kind kind;
    const char* line;
    std::int64_t bytes = 0; // 0: none said
    const char* device = "";
};

// Origins: b11669 stands for lines of that build in tests/data/llama-logs; "jan" for a log
// published in janhq/jan#8236 and #8181; "source" for the format strings of llama.cpp's sources.
const std::vector<Row> k_rows = {
    // Memory: CPU (b11669)
    {Kind::memory,
     "[58697] 0.00.055.548 E ggml_aligned_malloc: insufficient memory (attempted to allocate "
     "4096.00 MB)",
     4294967296, "CPU"},
    {Kind::memory,
     "[58697] 0.00.055.593 E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer "
     "of size 4294967296",
     4294967296, "CPU"},
    {Kind::memory,
     "[58697] 0.00.055.594 E ggml_backend_buft_alloc_buffer_n_default: failed to allocate CPU "
     "buffer of size 4294967296",
     4294967296, "CPU"},
    {Kind::memory, "[58697] 0.00.056.025 E llama_init_from_model: failed to initialize the "
                   "context: failed to allocate buffer for kv cache"},
    {Kind::memory, "[41109] 0.01.655.892 E graph_reserve: failed to allocate compute buffers"},
    {Kind::memory, "[41109] 0.01.770.303 E llama_init_from_model: failed to initialize the "
                   "context: failed to allocate compute pp buffers"},
    {Kind::memory, "[37211] ./src/ggml.c:1655: GGML_ASSERT(ctx->mem_buffer != NULL) failed"},
    {Kind::memory,
     "[59815] ./src/ggml-alloc.c:854: GGML_ASSERT(galloc->node_allocs != NULL) failed"},
    {Kind::memory, "[60381]   what():  std::bad_alloc"},
    {Kind::memory, "[60381] terminate called after throwing an instance of 'std::bad_alloc'"},
    {Kind::memory, "[1] 0.00.001.000 E llama_mmap: mmap failed: Cannot allocate memory"},
    {Kind::memory, "[1] 0.00.001.000 E init: failed to allocate output buffer of size 65.00 MiB",
     68157440},
    {Kind::memory, "[1] what():  bad allocation"},
    {Kind::memory, "[1] 0.00.1.1 E decode: could not reserve space for batch with 5 outputs"},
    // Another machine over llama.cpp's RPC (b11669)
    {Kind::remote_lost,
     "[7] /b/ggml-rpc.cpp:682: Remote RPC server crashed or returned malformed response"},
    {Kind::remote_lost, "[7] 0.00.1.1 E recv returned 0 (peer closed?)"},
    {Kind::remote_lost, "[7] 0.00.1.1 E send failed (bytes_sent=-1, size_to_send=8)"},
    {Kind::remote_lost, "[7] /b/ggml-rpc.cpp:650: Failed to connect to 127.0.0.1:50052"},
    {Kind::remote_lost, "[7] 0.00.1.1 E RPC server version mismatch: 7.0.0"},
    {Kind::noise, "[7] 0.00.1.1 E srv init: Failed to connect to the database"},
    {Kind::noise, "[7] 0.00.1.1 I slot say: Remote RPC server crashed"},
    // Memory: CUDA (jan; source)
    {Kind::memory,
     "[45979] 0.01.047.215 E ggml_backend_cuda_buffer_type_alloc_buffer: allocating 36864.00 MiB "
     "on device 0: cudaMalloc failed: out of memory",
     38654705664, "CUDA0"},
    {Kind::memory,
     "[45979] 0.01.047.220 E alloc_tensor_range: failed to allocate CUDA0 buffer of size "
     "38654705664",
     38654705664, "CUDA0"},
    {Kind::memory, "[52509] 0.02.396.005 E CUDA error: out of memory", 0, "CUDA"},
    {Kind::memory,
     "[1] 0.02.396.005 E llama_model_load: error loading model: unable to allocate CUDA1 buffer", 0,
     "CUDA1"},
    {Kind::memory, "[1] CUDA error: CUBLAS_STATUS_ALLOC_FAILED", 0, "CUDA"},
    // Memory: SYCL (source: llama.cpp pull request 28953, and its docs/backend/SYCL.md)
    {Kind::memory, "[1] can't allocate 2303168640 Bytes of memory on device", 2303168640, "SYCL"},
    {Kind::memory, "[1] llama_model_load: error loading model: unable to allocate SYCL0 buffer", 0,
     "SYCL0"},
    // Memory: ROCm (source: the same code with other names)
    {Kind::memory, "[1] 0.02.396.005 E ROCm error: out of memory", 0, "ROCm"},
    {Kind::memory,
     "[1] 0.02.396.005 E ggml_backend_cuda_buffer_type_alloc_buffer: allocating 512.50 MiB on "
     "device 1: hipMalloc failed: out of memory",
     537395200, "ROCm1"},
    {Kind::memory, "[1] 0.02.396.005 E MUSA error: out of memory"},
    // Memory: Vulkan (source; no prefix of the log)
    {Kind::memory, "[1] ggml_vulkan: Device memory allocation of size 1073741824 failed.",
     1073741824, "Vulkan"},
    {Kind::memory, "[1] ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory", 0,
     "Vulkan"},
    {Kind::memory, "[1] vk::Device::allocateMemory: ErrorOutOfHostMemory", 0, "Vulkan"},
    {Kind::memory,
     "[1] ggml_vulkan: Requested buffer size exceeds device buffer size limit: "
     "ErrorOutOfDeviceMemory",
     0, "Vulkan"},
    {Kind::memory,
     "[1] 0.00.100.000 E ggml_gallocr_reserve_n_impl: failed to allocate Vulkan0 buffer of size "
     "1177815040",
     1177815040, "Vulkan0"},
    // Memory: Metal (source)
    {Kind::memory,
     "[1] ggml_metal_synchronize: error: command buffer 0 failed with status 5: Insufficient "
     "Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
     0, "Metal"},
    {Kind::memory,
     "[1] 0.00.1.1 E ggml_metal_buffer_init: error: failed to allocate buffer, size =  1024.50 MiB",
     1074266112, "Metal"},

    // Looks like it and is none: falls back to ordinary memory (ollama#5469)
    {Kind::noise, "[1] 0.00.100.000 W ggml_cuda_host_malloc: failed to allocate 512.00 MiB of "
                  "pinned memory: out of memory"},
    {Kind::noise, "[1] 0.00.100.000 W llama_context: compute buffer allocation failed, retrying "
                  "without pipeline parallelism: failed to allocate compute buffers"},
    {Kind::noise, "[1] 0.00.100.000 W warning: failed to mlock 1000-byte buffer (after previously "
                  "locking 0 bytes): Cannot allocate memory"},
    {Kind::noise, "[1] ggml_metal_log_allocated_size: warning: current allocated size is greater "
                  "than the recommended max working set size"},
    {Kind::noise, "[1] 0.00.023.150 I srv  params_from_: prompt: tell me about cudaMalloc failed: "
                  "out of memory"},
    {Kind::noise, "[1] 0.00.023.150 D slot update_slots: CUDA error: out of memory"},
    {Kind::noise,
     "[33583] 0.00.124.401 I slot print_timing: id  0 | task 0 | total time = 7.69 ms / 30 tokens"},
    {Kind::noise, "[1] 0.00.1.1 E llama_init_from_model: V cache quantization is slow"},
    {Kind::noise, ""},
    {Kind::noise, "["},
    {Kind::noise, "[123"},

    // Not memory: the build, the device (source)
    {Kind::no_code,
     "[1] 0.00.1.1 E CUDA error: no kernel image is available for execution on the device"},
    {Kind::no_code, "[1] ROCm error: invalid device function"},
    {Kind::no_code, "[1] CUDA error: the provided PTX was compiled with an unsupported toolchain."},
    {Kind::device_lost, "[1] 0.00.1.1 E ggml_vulkan: vk::Queue::submit: ErrorDeviceLost"},
    {Kind::device_lost, "[1] 0.00.1.1 E CUDA error: unspecified launch failure"},
    {Kind::device_lost, "[1] CUDA error: device lost"},
    {Kind::device_lost, "[1] what():  vk::Device::waitForFences: ErrorDeviceLost"},
    {Kind::noise, "[1] 0.00.1.1 W ggml_vulkan: ErrorDeviceLost"},
    {Kind::noise, "[1] 0.00.1.1 E srv  x: prompt speaks of ErrorDeviceLost"},
    {Kind::no_free_memory,
     "[1] 0.00.1.1 E llama_model_load: error loading model: vector::_M_range_check: __n (which is "
     "1) >= this->size() (which is 1)"},
    {Kind::no_free_memory,
     "[1] 0.00.1.1 E llama_model_load: error loading model: invalid vector subscript"},
    {Kind::no_free_memory, "[1] 0.00.1.1 E llama_model_load: error loading model: vector"},
    {Kind::load_failed, "[1] 0.00.1.1 E llama_model_load: error loading model: vectors are short"},

    // A GPU build that computes on the CPU (source)
    {Kind::gpu_unused, "warning: no usable GPU found, --gpu-layers option will be ignored"},
    {Kind::gpu_unused, "0.00.1.1 W no usable GPU found, --gpu-layers option will be ignored"},
    {Kind::gpu_unused, "0.00.1.1 E ggml_cuda_init: failed to initialize CUDA: no CUDA-capable "
                       "device is detected"},
    {Kind::gpu_unused, "[1] ggml_cuda_init: failed to initialize ROCm: unknown error"},
    {Kind::gpu_unused, "ggml_vulkan: No devices found."},
    {Kind::noise, "[1] 0.00.1.1 I say ggml_vulkan: No devices found."},
    {Kind::noise, "[1] 0.00.1.1 D ggml_vulkan: No devices found."},

    // The dry run of --fit (b11669), which ends what was said before
    {Kind::fit_trial, "[34237] 0.00.024.792 E common_fit_params: encountered an error while trying "
                      "to fit params to free device memory: failed to load model"},
    {Kind::fit_trial, "[1] 0.00.024.792 W llama_params_fit: failed to fit params to free device "
                      "memory: n_gpu_layers already set by user to 99, abort"},

    // Threads need memory, and a number (b11669)
    {Kind::strained, "[42107] libgomp: Thread creation failed: Resource temporarily unavailable"},
    {Kind::strained, "[38005]   what():  Resource temporarily unavailable"},

    // No context cures these (b11669; source)
    {Kind::not_memory, "[34237] 0.00.023.801 E gguf_init_from_reader: invalid magic characters: "
                       "'?D,?', expected 'GGUF'"},
    {Kind::not_memory, "[38057] 0.00.023.374 E llama_model_load: error loading model: unknown "
                       "model architecture: 'xlama'"},
    {Kind::not_memory,
     "[35695] 0.00.039.249 E llama_model_load: error loading model: tensor 'blk.0.ffn_down.weight' "
     "data is not within the file bounds, model is corrupted or incomplete"},
    {Kind::not_memory, "[1] 0.00.1.1 E gguf_init_from_file: failed to open GGUF file "
                       "'models/gone.gguf' (No such file or directory)"},
    {Kind::not_memory, "[1] 0.00.039.249 E llama_init_from_model: failed to initialize the "
                       "context: quantized V cache requires Flash Attention"},

    // Only that it failed
    {Kind::load_failed,
     "[58697] 0.00.057.691 E srv  llama_server: exiting due to model loading error"},
    {Kind::load_failed, "[58697] 0.00.056.069 E cmn  common_init_: failed to create context with "
                        "model 'models/heavy.gguf'"},
    {Kind::load_failed,
     "[34237] 0.00.024.452 E llama_model_load_from_file_impl: failed to load model"},
    {Kind::load_failed, "[1] ./src/ggml.c:100: GGML_ASSERT(a->type == GGML_TYPE_F32) failed"},

    {Kind::loaded, "[33583] 0.00.110.819 I srv  llama_server: model loaded"},
    {Kind::end_asked,
     "[44495] 0.00.032.385 I srv    operator(): exit command received, exiting..."},
    {Kind::leaving,
     "[44495] 0.00.032.504 I srv    operator(): operator(): cleaning up before exit..."},
    {Kind::noise,
     "0.00.032.504 I srv    operator(): operator(): cleaning up before exit..."}, // the router
    {Kind::noise, "[1] 0.00.1.1 I slot launch: prompt: srv operator(): cleaning up before exit..."},
    {Kind::noise, "[1] 0.00.1.1 D srv  params: prompt: operator(): cleaning up before exit...\"}"},
    {Kind::spawn_failed, "5.56.546.557 W srv  ensure_model: queued load of name=toy did not go "
                         "through: failed to spawn server instance"},
    {Kind::noise, "[1] 0.00.1.1 I srv  ensure_model: x: failed to spawn server instance"},
    {Kind::loading, "[33583] 0.00.027.008 I srv    load_model: loading model 'models/tiny.gguf'"},
};

} // namespace

TEST_CASE("log line: what each one means", "[log_line]") {
    for (const auto& row : k_rows) {
        INFO(row.line);
        const auto fact = classify(row.line);
        CHECK(static_cast<int>(fact.kind) == static_cast<int>(row.kind));
        CHECK(fact.bytes.value_or(0) == row.bytes);
        CHECK(fact.device == row.device);
    }
}

TEST_CASE("log line: the router's own", "[log_line]") {
    const auto spawned = classify("0.02.242.904 I srv          load: spawning server instance with "
                                  "name=a model on port 7 on port 58697");
    CHECK(spawned.kind == Kind::spawned);
    CHECK(spawned.model == "a model on port 7");
    CHECK(spawned.port == 58697);
    const auto exited = classify("0.02.372.881 I srv           run: instance name=heavy exited "
                                 "with status -1073740791");
    CHECK(exited.kind == Kind::exited);
    CHECK(exited.model == "heavy");
    CHECK(exited.status == -1073740791);
    const auto listening =
        classify("0.00.031.762 I srv  llama_server: listening on http://127.0.0.1:10088");
    CHECK(listening.kind == Kind::listening);
    CHECK(listening.port == 10088);
    CHECK_FALSE(listening.from_model);
    // Older builds say it so.
    CHECK(classify("main: router server is listening on http://127.0.0.1:10086").port == 10086);
    CHECK(classify("E srv llama_server: couldn't bind HTTP server socket, hostname: 127.0.0.1, "
                   "port: 10086")
              .kind == Kind::bind_failed);
}

TEST_CASE("log line: a model's process cannot speak for the router", "[log_line]") {
    const auto fact = classify("[40001] 0.00.1.1 I instance name=heavy exited with status 1");
    CHECK(fact.from_model);
    CHECK(fact.port == 40001);
    CHECK(fact.kind == Kind::noise);
    CHECK(classify("[40001] spawning server instance with name=x on port 1").kind == Kind::noise);
    CHECK(classify("[40001] couldn't bind HTTP server socket").kind == Kind::noise);
    const auto listening =
        classify("[33583] 0.00.110.869 I srv  llama_server: listening on http://127.0.0.1:33583");
    CHECK(listening.from_model);
}

TEST_CASE("log line: numbers that are none", "[log_line]") {
    for (const char* line : {
             "[1] failed to allocate buffer of size 99999999999999999999999999",
             "[1] failed to allocate buffer of size -5",
             "[1] failed to allocate buffer of size ",
             "[1] allocating 1e999 MiB on device 0: cudaMalloc failed: out of memory",
             "[1] allocating 1.2.3 MiB on device 0: cudaMalloc failed: out of memory",
         }) {
        INFO(line);
        CHECK(classify(line).kind == Kind::memory);
        CHECK_FALSE(classify(line).bytes);
    }
    CHECK(classify("0.0.0.0 I instance name=x exited with status 99999999999999").kind ==
          Kind::noise);
    CHECK(classify("[99999] 0.00.110.819 I srv  llama_server: model loaded").from_model == false);
}

TEST_CASE("line splitter: pieces, ends of line, length", "[log_line]") {
    LineSplitter splitter;
    CHECK(splitter.feed("one\ntw") == std::vector<std::string>{"one"});
    CHECK(splitter.feed("o\r\n\nthree") == std::vector<std::string>{"two", ""});
    CHECK(splitter.rest() == "three");
    CHECK(splitter.rest() == "");

    const std::string longest(k_line_bytes_max, 'x');
    CHECK(splitter.feed(longest + "\n") == std::vector<std::string>{longest});
    CHECK(splitter.feed(longest + "yyy").empty());
    CHECK(splitter.feed("zzz").empty());
    CHECK(splitter.feed("\nnext\n") == std::vector<std::string>{longest + " ...", "next"});
}

TEST_CASE("line splitter: bytes that are no text do no harm", "[log_line]") {
    const std::string mark = "\xEF\xBF\xBD";
    CHECK(readable(std::string("a\0b", 3)) == "a" + mark + "b");
    CHECK(readable("\xff\xfe") == mark + mark);
    CHECK(readable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") ==
          "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK(readable("\xc3") == mark);                       // cut short
    CHECK(readable("\xc0\xaf") == mark + mark);            // overlong
    CHECK(readable("\xed\xa0\x80") == mark + mark + mark); // a surrogate
    CHECK(readable("\xf5\x80\x80\x80").substr(0, 3) == mark);
    CHECK(readable("\x1b[0;31mred\x1b[0m") == "red");
    CHECK(readable("\x1b]0;title\x07") == mark + "]0;title" + mark);
    CHECK(readable("a\tb") == "a\tb");
}
