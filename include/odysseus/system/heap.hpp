// Keeping an idle launcher small.
#pragma once

namespace odysseus::system {

// At the start, before threads: few heap arenas, so that many short-lived threads do not each keep
// one.
void limit_heap_arenas();

// After start-up: gives the heap's free pages back. Does nothing where the system offers no such
// thing.
void return_unused_memory();

} // namespace odysseus::system
