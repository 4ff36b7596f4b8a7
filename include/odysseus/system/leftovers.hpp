// What an odysseus whose guard was killed too left running. The record names the child beyond its
// number (when it began, which program it is), so that a stranger who got the number since is never
// touched.
#pragma once

#include "odysseus/system/process_info.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace odysseus::system {

// Trouble with the file is not the caller's: a record is a help, not a condition.
void record_child(const std::filesystem::path& file, std::int64_t pid);
void forget_child(const std::filesystem::path& file);

// The process that the record names, while it runs; for looking only.
[[nodiscard]] std::optional<ProcessIdentity> recorded_child(const std::filesystem::path& file);

// Ends what the record names and still runs, the members of its process group that run the same
// program included. The sentence says what was ended; nothing when there was nothing. Call it while
// holding the instance lock.
[[nodiscard]] std::optional<std::string> clean_leftovers(const std::filesystem::path& file);

} // namespace odysseus::system
