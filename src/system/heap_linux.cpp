#include "odysseus/system/heap.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace odysseus::system {

void limit_heap_arenas() {
#ifdef __GLIBC__
    constexpr int k_arenas_max = 2;
    mallopt(M_ARENA_MAX, k_arenas_max);
#endif
}

void return_unused_memory() {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

} // namespace odysseus::system
