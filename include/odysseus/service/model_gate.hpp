// Lets requests through to llama-server so that models are switched one at a time
// (logic/switch_queue.hpp).
#pragma once

#include "odysseus/logic/switch_queue.hpp"
#include "odysseus/service/upstream.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

namespace odysseus {

// Thread-safe. Outlives every Pass that it gave.
class ModelGate {
  public:
    explicit ModelGate(std::size_t models_max) : m_queue(models_max) {}

    // Held while a request runs, its stream included; letting go of it lets the next one in.
    // Move-only.
    class Pass {
      public:
        Pass() = default;
        Pass(ModelGate* gate, SwitchQueue::Ticket ticket) : m_gate(gate), m_ticket(ticket) {}
        Pass(Pass&& other) noexcept;
        Pass& operator=(Pass&& other) noexcept;
        ~Pass();
        explicit operator bool() const { return m_gate != nullptr; }

      private:
        ModelGate* m_gate = nullptr;
        SwitchQueue::Ticket m_ticket = 0;
    };

    // Waits for its turn; an empty Pass when `limit` went by or the client gave up.
    [[nodiscard]] Pass enter(const std::string& model, std::chrono::milliseconds limit,
                             const GaveUp& gave_up);
    [[nodiscard]] std::size_t waiting() const;

  private:
    void leave(SwitchQueue::Ticket ticket);

    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    SwitchQueue m_queue;
};

} // namespace odysseus
