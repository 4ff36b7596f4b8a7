#include "switch_queue.hpp"

#include <algorithm>

namespace odysseus::proxy {

SwitchQueue::Ticket SwitchQueue::enter(const std::string& model, bool alone) {
    const auto ticket = m_next++;
    m_waiting.push_back({ticket, model, alone});
    admit_all_that_may();
    return ticket;
}

std::vector<SwitchQueue::Ticket> SwitchQueue::leave(Ticket ticket) {
    const auto is_it = [ticket](const Request& request) { return request.ticket == ticket; };
    // The newest first: long streams stay in front.
    if (const auto found = std::find_if(m_running.rbegin(), m_running.rend(), is_it);
        found != m_running.rend()) {
        if (const auto slot = slot_of(found->model); slot != m_slots.end()) {
            if (found->alone) {
                slot->alone = false;
            } else {
                --slot->users;
            }
        }
        m_running.erase(std::next(found).base());
    } else {
        m_waiting.remove_if(is_it);
    }
    return admit_all_that_may();
}

bool SwitchQueue::admitted(Ticket ticket) const {
    return std::any_of(m_running.rbegin(), m_running.rend(),
                       [ticket](const Request& request) { return request.ticket == ticket; });
}

std::vector<SwitchQueue::Slot>::iterator SwitchQueue::slot_of(const std::string& model) {
    return std::find_if(m_slots.begin(), m_slots.end(),
                        [&model](const Slot& one) { return one.model == model; });
}

// A model without a slot is not loaded: nobody can be disturbed.
bool SwitchQueue::admit_alone(const std::string& model) {
    const auto slot = slot_of(model);
    if (slot == m_slots.end()) return true;
    if (slot->users > 0 || slot->alone) return false;
    slot->alone = true;
    return true;
}

SwitchQueue::Slot* SwitchQueue::slot_for(const std::string& model) {
    auto slot = slot_of(model);
    if (slot != m_slots.end() && slot->alone) return nullptr;
    if (slot == m_slots.end()) {
        if (m_models_max != 0 && m_slots.size() >= m_models_max) {
            const auto idle = std::find_if(m_slots.begin(), m_slots.end(), [](const Slot& one) {
                return one.users == 0 && !one.alone;
            });
            if (idle == m_slots.end()) return nullptr;
            m_slots.erase(idle);
        }
        m_slots.push_back({model});
    } else {
        std::rotate(slot, slot + 1, m_slots.end()); // now the most recently used
    }
    return &m_slots.back();
}

std::vector<SwitchQueue::Ticket> SwitchQueue::admit_all_that_may() {
    std::vector<Ticket> admitted;
    bool somebody_was_passed_too_often = false;
    std::vector<Request*> stuck; // those before the one that is looked at
    for (auto request = m_waiting.begin(); request != m_waiting.end();) {
        if (request->alone) {
            if (!admit_alone(request->model)) {
                ++request;
                continue;
            }
            admitted.push_back(request->ticket);
            m_running.push_back(std::move(*request));
            request = m_waiting.erase(request);
            continue;
        }
        const bool in_use =
            std::any_of(m_slots.begin(), m_slots.end(), [&request](const Slot& slot) {
                return slot.model == request->model && slot.users > 0;
            });
        // Behind somebody who waits only a model in use may go on, and not without end.
        const bool may_try = stuck.empty() || (in_use && !somebody_was_passed_too_often);
        Slot* slot = may_try ? slot_for(request->model) : nullptr;
        if (slot == nullptr) {
            somebody_was_passed_too_often |= request->passed >= k_passes_max;
            stuck.push_back(&*request);
            ++request;
            continue;
        }
        for (auto* passed : stuck) {
            somebody_was_passed_too_often |= ++passed->passed >= k_passes_max;
        }
        ++slot->users;
        admitted.push_back(request->ticket);
        m_running.push_back(std::move(*request));
        request = m_waiting.erase(request);
    }
    return admitted;
}

} // namespace odysseus::proxy
