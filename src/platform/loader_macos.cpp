#include "odysseus/platform/loader.hpp"

namespace odysseus::platform {

void seat_loader(const std::filesystem::path&) {}

} // namespace odysseus::platform
