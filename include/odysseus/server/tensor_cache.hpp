// The folder in which llama.cpp's RPC server keeps tensors of more than 10 MiB, each in a file
// whose name is the FNV-1a of its content. It checks nothing of that itself, and knows no limit.
#pragma once

#include <cstdint>
#include <filesystem>

namespace odysseus::server {

struct CacheCheck {
    std::int64_t bytes = 0; // that are kept
    int damaged = 0;        // files that were removed because they are not what their name says
    int dropped = 0;        // ... because of the limit, the oldest first
};
// Reads the files that were written at or after `since`; the others were read before. Call it while
// no RPC server runs. What cannot be read or removed is passed over.
[[nodiscard]] CacheCheck check_tensor_cache(const std::filesystem::path& folder,
                                            std::int64_t bytes_max,
                                            std::filesystem::file_time_type since);

} // namespace odysseus::server
