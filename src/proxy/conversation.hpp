// Which conversation a request goes on with: its next turn is answered fastest where the last one
// was, because what was said so far is in that machine's cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace odysseus::proxy {

// A number for the model and what the conversation begins with: all up to the first message of the
// user, or the first words of a prompt. Looks at the first 256 KiB of a JSON body. Absent: it is
// none.
[[nodiscard]] std::optional<std::uint64_t> conversation_of(std::string_view model,
                                                           std::string_view body);

// Where conversations are; the one that was not asked for longest is forgotten first.
class ConversationPlaces {
  public:
    explicit ConversationPlaces(std::size_t conversations_max) : m_max(conversations_max) {}
    [[nodiscard]] std::optional<int> find(std::uint64_t conversation) const;
    void keep(std::uint64_t conversation, int place);
    [[nodiscard]] std::size_t size() const { return m_order.size(); }

  private:
    using Order = std::list<std::pair<std::uint64_t, int>>; // the latest first
    std::size_t m_max;
    Order m_order;
    std::unordered_map<std::uint64_t, Order::iterator> m_places;
};

} // namespace odysseus::proxy
