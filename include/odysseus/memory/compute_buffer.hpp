// What llama.cpp needs on a GPU beside weights and cache, from a model's shape: an upper bound of
// what it reserves at the start (src/llama-context.cpp, graph_reserve) with its default batches.
// tests/e2e/test_kv_cost.py holds it against llama-fit-params.
#pragma once

#include "odysseus/base/backend.hpp"
#include "odysseus/models/compute_shape.hpp"

#include <cstdint>

namespace odysseus::memory {

// Bytes of the compute buffer for a context of `tokens` (of all slots together).
[[nodiscard]] std::int64_t compute_bytes(const models::ComputeShape& shape, std::int64_t tokens);

// What stays free on a device of so many bytes: its driver's own share, and other programs' growth.
[[nodiscard]] std::int64_t spare_bytes(std::int64_t device_bytes, Backend backend);

} // namespace odysseus::memory
