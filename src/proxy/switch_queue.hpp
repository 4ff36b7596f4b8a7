// Who may use llama-server next, when it holds fewer models at once than are asked for.
// llama-server's router has races of its own when models are switched under load (llama.cpp #28443,
// #28698, #28774), so odysseus never lets it come to that: a model is only switched when nobody
// uses the one that must go. A pure state machine: no clock, no thread. Requests are served in the
// order of their arrival, except that those for a model that is in use may pass a waiting one for
// another model a limited number of times: switching costs a load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

namespace odysseus::proxy {

class SwitchQueue {
  public:
    using Ticket = std::uint64_t;
    static constexpr int k_passes_max = 16;

    // models_max: how many models llama-server holds at once (its --models-max); 0: any number.
    explicit SwitchQueue(std::size_t models_max) : m_models_max(models_max) {}

    // A request for `model` arrives. Whether it may go on at once is told by admitted(). One that
    // wants the model alone, to unload it, waits until nobody uses it and holds up nobody else.
    [[nodiscard]] Ticket enter(const std::string& model, bool alone = false);
    // It is done, or it does not want to wait any longer. Returns those that may go on because of
    // it.
    std::vector<Ticket> leave(Ticket ticket);
    [[nodiscard]] bool admitted(Ticket ticket) const;

    [[nodiscard]] std::size_t waiting() const { return m_waiting.size(); }
    [[nodiscard]] std::size_t running() const { return m_running.size(); }

  private:
    struct Request {
        Ticket ticket;
        std::string model;
        bool alone = false;
        int passed = 0; // how many went past it
    };
    struct Slot {
        std::string model;
        std::size_t users = 0;
        bool alone = false; // somebody has it who wants it alone
    };
    std::vector<Ticket> admit_all_that_may();
    [[nodiscard]] std::vector<Slot>::iterator slot_of(const std::string& model);
    [[nodiscard]] bool admit_alone(const std::string& model);
    [[nodiscard]] Slot* slot_for(const std::string& model); // null: it has to wait

    std::size_t m_models_max;
    Ticket m_next = 1;
    std::list<Request> m_waiting; // in order of arrival
    std::vector<Request> m_running;
    std::vector<Slot> m_slots; // least recently used first
};

} // namespace odysseus::proxy
