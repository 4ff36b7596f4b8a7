// Makes src/models/toy_model.gguf: model_tool make-toy FILE.
#pragma once

#include <string>

namespace odysseus {

// The same bytes every time.
[[nodiscard]] std::string made_toy_model();

} // namespace odysseus
