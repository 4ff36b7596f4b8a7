#include "odysseus/platform/memory.hpp"

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace odysseus::platform {
namespace {

constexpr int k_arenas_max = 2;

} // namespace

void limit_heap_arenas() {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, k_arenas_max);
#endif
}

void return_unused_memory() {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    // Only code ("r-xp" of a file): such pages are never changed, so dropping them loses nothing
    // (madvise(2)). Read-only data may hold relocated pointers and must stay.
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long long from = 0;
        unsigned long long to = 0;
        char mode[5] = {};
        if (std::sscanf(line.c_str(), "%llx-%llx %4s", &from, &to, mode) != 3) continue;
        if (std::string(mode) != "r-xp" || line.find('/') == std::string::npos) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells addresses as numbers
        madvise(reinterpret_cast<void*>(static_cast<std::uintptr_t>(from)), to - from,
                MADV_DONTNEED);
    }
}

} // namespace odysseus::platform
