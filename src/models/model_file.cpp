#include "odysseus/models/model_file.hpp"

#include <fstream>

namespace odysseus::models {

std::variant<GgufInfo, GgufRefused> read_model_header(const std::filesystem::path& file) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file, error);
    if (error) return GgufRefused{"it cannot be read: " + error.message()};
    std::ifstream in;
    in.rdbuf()->pubsetbuf(nullptr, 0); // the reader has a window of its own
    in.open(file, std::ios::binary);
    if (!in) return GgufRefused{"it cannot be opened"};
    return read_gguf(
        [&in](std::uint64_t offset, char* into, std::size_t count) {
            in.seekg(static_cast<std::streamoff>(offset));
            in.read(into, static_cast<std::streamsize>(count));
            return in.good();
        },
        bytes);
}

} // namespace odysseus::models
