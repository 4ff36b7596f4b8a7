// Frees the memory of models that nobody has asked for some time (--idle-unload). llama-server's
// own
// --sleep-idle-seconds keeps the process and had a use after free (CVE-2026-43631), so its router
// is told to unload them.
#pragma once

#include "shared.hpp"

namespace odysseus::proxy {

class IdleUnload {
  public:
    explicit IdleUnload(Shared& shared) : m_shared(shared) {}
    // Once, in the loop's thread; ends when the loop stops.
    Detached watch(Loop& loop);

  private:
    [[nodiscard]] Task<> look_while_serving(Waiter& waiter);
    [[nodiscard]] bool is_due();
    [[nodiscard]] Task<> unload_all(Waiter& waiter);

    Shared& m_shared;
    std::uint64_t m_unloaded_at = 0; // how many requests there had been
};

} // namespace odysseus::proxy
