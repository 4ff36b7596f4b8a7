// Whatever a peer says: what is taken of it can be shown, sent and routed by, and is bounded.
#include "commands/pairing.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/proxy/peer_view.hpp"
#include "proxy/conversation.hpp"
#include "proxy/peer_list.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace odysseus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    proxy::RoutePeer peer;
    peer.name = "box";
    peer.view.answers = true;
    (void)proxy::take_models(peer.view, bytes);
    (void)proxy::take_status(peer.view, bytes);
    if (peer.view.models.size() > 1000) std::abort();
    for (const auto& model : peer.view.models) {
        const bool hidden = std::any_of(model.id.begin(), model.id.end(), [](char c) {
            return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
        });
        if (hidden || model.id.empty() || !is_utf8(model.id)) std::abort();
        proxy::RouteWish wish;
        wish.asked = model.id;
        const auto there = proxy::route(wish, {}, {peer});
        if (!there || there->place != 0) std::abort();
    }
    (void)proxy::with_peer_models(R"({"data":[]})", {peer});
    (void)proxy::conversation_of("m", bytes);
    (void)commands::number_in(bytes, "nonce");
    (void)commands::answer_in(bytes);
    (void)commands::paired_machines(bytes);
    return 0;
}
