// How each model is run: its context, and where its weights lie. The supervisor asks it before a
// model is used, and tells it what a memory failure has taught.
#pragma once

#include "odysseus/memory/placement.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::server {

// Thread-safe; answers at once. Models are named by llama-server's id.
class ModelSetups {
  public:
    virtual ~ModelSetups() = default;
    // Several models are held at once: one context for all of them.
    [[nodiscard]] virtual bool is_shared() const = 0;
    // Absent: it is none of ours, and runs with whatever there is.
    [[nodiscard]] virtual std::optional<memory::Setup> of(const std::string& model) const = 0;
    // Writes it where llama-server reads it. Throws Error.
    virtual void set(const std::string& model, const memory::Setup& setup) = 0;
    // It had more before memory failures of this launch, and it is time to try whether that memory
    // is back. `climb` sets it again, where it is about to be loaded anew, and throws Error.
    [[nodiscard]] virtual bool may_climb(const std::string& /*model*/) const { return false; }
    virtual bool climb(const std::string& /*model*/) { return false; }
    // What to try after `failed` ran out of the GPU's memory, in this order (placements_below).
    [[nodiscard]] virtual std::vector<memory::Setup>
    below(const std::string& model, const memory::Setup& failed, bool race) const = 0;
    // Why the machine cannot hold it at all, now; absent: it can, or nobody knows.
    [[nodiscard]] virtual std::optional<std::string> refusal(const std::string& model) const = 0;
    // Why it cannot run now, where that is another machine's trouble (--worker) that may end; else
    // absent.
    [[nodiscard]] virtual std::optional<std::string> waits_for(const std::string& /*model*/) const {
        return std::nullopt;
    }
    // For people: where its weights lie, as a sentence; empty: all on the GPU.
    [[nodiscard]] virtual std::string sentence(const std::string& model) const = 0;
    // For people: what it needs and what there is, as a clause; empty: not known.
    [[nodiscard]] virtual std::string figures(const std::string& model) const = 0;
    // It held, and answered. `failed_tokens`: what ran out of memory before that, if anything.
    virtual void held(const std::string& model, const memory::Setup& setup,
                      std::optional<std::int64_t> failed_tokens) = 0;
};

} // namespace odysseus::server
