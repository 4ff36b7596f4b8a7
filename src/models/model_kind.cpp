#include "model_kind.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace odysseus::models {
namespace {

// llama.cpp's values of ARCHITECTURE.pooling_type.
constexpr std::int64_t k_pooling_none = 0;
constexpr std::int64_t k_pooling_rank = 4;

// Architectures that only encode: nothing but vectors comes of them.
constexpr std::array<std::string_view, 11> k_encoders{
    "bert",     "nomic-bert", "nomic-bert-moe",  "jina-bert-v2", "jina-bert-v3", "modern-bert",
    "neo-bert", "eurobert",   "gemma-embedding", "llama-embed",  "t5encoder"};

} // namespace

ModelKind kind_of(const GgufInfo& info, std::string_view stem) {
    const auto pooling = info.number("pooling_type");
    const bool encodes =
        std::find(k_encoders.begin(), k_encoders.end(), info.architecture) != k_encoders.end();
    if (pooling == k_pooling_rank) return ModelKind::rerank;
    if (encodes && lowered(stem).find("rerank") != std::string::npos) return ModelKind::rerank;
    // A decoder that says how its vectors are pooled was made for that.
    const bool pools = pooling.value_or(k_pooling_none) != k_pooling_none;
    return encodes || pools ? ModelKind::embedding : ModelKind::chat;
}

bool tells_pooling(const GgufInfo& info) {
    return info.number("pooling_type").value_or(k_pooling_none) != k_pooling_none;
}

const char* Model::kind_name() const {
    switch (kind) {
    case ModelKind::embedding: return "embedding";
    case ModelKind::rerank: return "rerank";
    case ModelKind::chat: break;
    }
    return mmproj ? "vision" : "chat";
}

} // namespace odysseus::models
