#include "odysseus/system/heap.hpp"

namespace odysseus::system {

void limit_heap_arenas() {}

void return_unused_memory() {}

} // namespace odysseus::system
