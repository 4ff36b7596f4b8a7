// What Ollama's API needs beside the request that it was asked with.
#pragma once

#include "loop.hpp"

#include <cstdint>
#include <string>

namespace odysseus::proxy {

struct Shared;

[[nodiscard]] std::int64_t system_time_ns(); // since 1970

// Unloads a model as soon as no request uses it; gives up when that takes too long.
Detached unload_when_unused(Shared& shared, Loop& loop, std::string model);

} // namespace odysseus::proxy
