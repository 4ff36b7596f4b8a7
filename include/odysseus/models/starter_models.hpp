// The short list that a machine without any model is offered: small, well known, all of them open
// without a licence page in between. As of November 2026, sizes as published by the hub; the
// download itself goes by the hub's own listing.
#pragma once

#include "odysseus/models/model_room.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace odysseus::models {

struct StarterModel {
    const char* title; // "Qwen3 8B"
    const char* use;   // what it is good for
    const char* name;  // what `odysseus pull` takes
    std::int64_t size_bytes;
};
[[nodiscard]] const std::vector<StarterModel>& starter_models(); // the smallest first

// Whether it fits with a context of 4096 tokens; a machine whose memory is not known: every one.
[[nodiscard]] Fits fits(const StarterModel& model, const ModelRoom& room);

// What Enter takes: the best all-round model that fits whole, leaving room for a long conversation;
// the smallest where nothing fits. Without a GPU at most one of 4B: more is read word by word
// there.
[[nodiscard]] std::size_t recommended_starter(const ModelRoom& room, bool with_gpu);

// What a person typed at the list.
struct StarterAnswer {
    enum class Kind { chosen, skipped, unclear } kind = Kind::unclear;
    std::size_t index = 0; // of starter_models()
};
// "3" from 1, "" the recommended one, "s" and "skip" none of them.
[[nodiscard]] StarterAnswer starter_answer(const std::string& text, std::size_t recommended);

} // namespace odysseus::models
