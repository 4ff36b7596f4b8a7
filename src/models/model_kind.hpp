// What a model is for, by its metadata.
#pragma once

#include "odysseus/models/gguf_header.hpp"
#include "odysseus/models/model.hpp"

#include <string_view>

namespace odysseus::models {

// `stem`: its file's name, for older files of rerankers that say nothing of it.
[[nodiscard]] ModelKind kind_of(const GgufInfo& info, std::string_view stem);
// Whether it says how the vectors of its tokens become one.
[[nodiscard]] bool tells_pooling(const GgufInfo& info);

} // namespace odysseus::models
