#include "pulled_origins_file.hpp"

#include "odysseus/system/files.hpp"

namespace odysseus::models {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{4} * 1024 * 1024;

} // namespace

PulledOrigins read_pulled_origins(const std::filesystem::path& file) {
    return pulled_origins_from(system::read_file(file, k_file_bytes_max).value_or(""));
}

void note_pulled(const std::filesystem::path& file, const std::vector<PulledFile>& pulled,
                 const std::string& origin) {
    const auto before = read_pulled_origins(file);
    auto origins = before;
    for (const auto& each : pulled)
        origins[each] = origin;
    if (origins == before) return;
    system::write_file_atomically(file, pulled_origins_text(origins));
}

} // namespace odysseus::models
