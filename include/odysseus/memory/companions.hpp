// Small models that stay loaded beside the only chat model: a program that searches and answers
// asks both in turn, and would swap them each time.
#pragma once

#include "odysseus/memory/context_choice.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace odysseus::memory {

struct Companions {
    std::vector<std::string> ids; // embedding and rerank models
    std::int64_t bytes = 0;       // of memory that they take, with what they compute in
};

// None unless there is exactly one chat model, all of them fit beside it, and its context stays, or
// is at least 8192 tokens.
[[nodiscard]] Companions companions_of(const hardware::Machine& machine,
                                       const std::vector<models::Model>& models,
                                       const ContextWish& wish);

// What is left of the machine's memory for others.
[[nodiscard]] hardware::Machine machine_beside(hardware::Machine machine, std::int64_t bytes);

} // namespace odysseus::memory
