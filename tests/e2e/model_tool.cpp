// Models for the end-to-end tests, and what odysseus thinks they cost.
//   model_tool toy FILE      the built-in toy model
//   model_tool make-toy FILE what src/models/toy_model.gguf is made by
//   model_tool shapes DIR    a small model for each way of keeping a cache; on stdout a line of
//   JSON
//                            for each run of llama-server to compare with:
//                            {"name", "file", "args", "kv_bytes",
//                            "compute_bytes" (null: not known, or the run changes it)}
//   model_tool classify      for each line of a log on stdin what it is: memory, noise, other
#include "shape_models.hpp"
#include "toy_model_maker.hpp"

#include "odysseus/memory/compute_buffer.hpp"
#include "odysseus/memory/kv_cost.hpp"
#include "odysseus/models/gguf_header.hpp"
#include "odysseus/models/toy_model.hpp"
#include "odysseus/server/log_line.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

using namespace odysseus;

namespace {

[[nodiscard]] bool write(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream out(path, std::ios::binary);
    out << bytes;
    return static_cast<bool>(out.flush());
}

struct Run {
    memory::KvUse use;
    std::vector<std::string> more_args;
};

// Every model with one slot; some also with what changes the cost in another way.
[[nodiscard]] std::vector<Run> runs_of(const std::string& name) {
    std::vector<Run> runs{{{.context = 4096}, {}}};
    if (name == "grouped" || name == "gemma3" || name == "latent" || name == "hybrid" ||
        name == "recurrent") {
        runs.push_back({{.context = 8192, .slots = 4}, {}});
        runs.push_back({{.context = 8192, .slots = 4, .unified = true}, {"--kv-unified"}});
    }
    if (name == "grouped") {
        runs.push_back({{.context = 5000}, {}});             // not a multiple of 256
        runs.push_back({{.context = 5000, .slots = 3}, {}}); // nor is a slot's share
    }
    if (name == "grouped" || name == "latent") {
        const auto typed = [&runs](memory::CacheType key, memory::CacheType value, const char* k,
                                   const char* v) {
            runs.push_back({{.context = 4096, .key_type = key, .value_type = value},
                            {"--cache-type-k", k, "--cache-type-v", v, "-fa", "on"}});
        };
        typed(memory::CacheType::q8_0, memory::CacheType::q8_0, "q8_0", "q8_0");
        if (name == "latent") return runs; // has keys alone, and takes one type for both
        typed(memory::CacheType::q4_0, memory::CacheType::q5_1, "q4_0", "q5_1");
        typed(memory::CacheType::f32, memory::CacheType::bf16, "f32", "bf16");
    }
    if (name == "gemma3") {
        runs.push_back({{.context = 512}, {}}); // less than its window
        runs.push_back({{.context = 4096, .full_window = true}, {"--swa-full"}});
        runs.push_back({{.context = 4096, .micro_batch = 64}, {"--ubatch-size", "64"}});
    }
    return runs;
}

[[nodiscard]] bool write_shapes(const std::filesystem::path& dir) {
    for (const auto& model : testing::shape_models()) {
        const auto bytes = testing::gguf_of(model);
        const auto file = dir / (model.name + ".gguf");
        const auto read = models::read_gguf(bytes);
        const auto* info = std::get_if<models::GgufInfo>(&read);
        const auto shape = info == nullptr ? std::nullopt : models::kv_shape(*info);
        const auto computed = info == nullptr ? std::nullopt : models::compute_shape(*info);
        if (!shape || !write(file, bytes)) {
            std::cerr << "model_tool: " << model.name << " failed\n";
            return false;
        }
        for (const auto& run : runs_of(model.name)) {
            nlohmann::json args = {"-c", std::to_string(run.use.context), "--parallel",
                                   std::to_string(run.use.slots)};
            for (const auto& arg : run.more_args)
                args.push_back(arg);
            nlohmann::json compute;
            if (computed && run.more_args.empty())
                compute = memory::compute_bytes(*computed, run.use.context);
            std::cout << nlohmann::json{{"name", model.name},
                                        {"file", file.string()},
                                        {"args", args},
                                        {"kv_bytes", memory::kv_bytes(*shape, run.use)},
                                        {"compute_bytes", compute}}
                             .dump()
                      << '\n';
        }
    }
    return true;
}

// What the supervisor makes of a line of the log; only what the test of drift tells apart.
[[nodiscard]] const char* kind_name(server::LogFact::Kind kind) {
    using Kind = server::LogFact::Kind;
    switch (kind) {
    case Kind::noise: return "noise";
    case Kind::memory: return "memory";
    default: return "other";
    }
}

[[nodiscard]] int classify_lines() {
    for (std::string line; std::getline(std::cin, line);)
        std::cout << kind_name(server::classify(line).kind) << '\n';
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string(argv[1]) == "classify") return classify_lines();
    const std::string what = argc == 3 ? argv[1] : "";
    if (what == "toy") return write(argv[2], models::toy_model_gguf()) ? 0 : 1;
    if (what == "make-toy") return write(argv[2], made_toy_model()) ? 0 : 1;
    if (what == "shapes") return write_shapes(argv[2]) ? 0 : 1;
    std::cerr << "use: model_tool toy FILE | make-toy FILE | shapes DIR | classify\n";
    return 2;
}
