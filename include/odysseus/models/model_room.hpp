// Whether a model that is not there yet will fit this machine, by its size alone.
#pragma once

#include <cstdint>
#include <optional>

namespace odysseus::models {

enum class Fits {
    yes,
    partly, // a part of it lies in RAM: it runs, several times slower
    no,
};

// What this machine has for a model, in bytes.
struct ModelRoom {
    // Where a model runs fastest: on the GPUs, or in RAM where there is none. Absent: not known.
    std::optional<std::int64_t> fast{};
    std::int64_t ram = 0; // beside them, for the rest of one that is larger
};

[[nodiscard]] constexpr Fits fits_in(const ModelRoom& room, std::int64_t bytes) {
    if (!room.fast || bytes <= *room.fast) return Fits::yes;
    return bytes - *room.fast <= room.ram ? Fits::partly : Fits::no;
}

} // namespace odysseus::models
