#include "odysseus/system/service_manager.hpp"

namespace odysseus::platform {

void notify_ready() {}

void notify_stopping() {}

} // namespace odysseus::platform
