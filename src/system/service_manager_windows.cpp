#include "odysseus/system/service_manager.hpp"

namespace odysseus::system {

void notify_ready() {}

void notify_stopping() {}

} // namespace odysseus::system
