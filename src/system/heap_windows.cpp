#include "odysseus/system/heap.hpp"

namespace odysseus::platform {

void limit_heap_arenas() {}

void return_unused_memory() {}

} // namespace odysseus::platform
