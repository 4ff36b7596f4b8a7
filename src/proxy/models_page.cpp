// Which models there are: the list that clients get, and the look before a name is said to be
// unknown.
#include "session.hpp"

#include "odysseus/download/url.hpp"
#include "odysseus/proxy/models_answer.hpp"
#include "ollama_endpoints.hpp"
#include "peer_list.hpp"

namespace odysseus::proxy {
namespace {

[[noreturn]] void refuse_unknown(const UnknownModel& unknown) {
    const bool named = !unknown.asked.empty();
    throw Refused{.status = named ? 404 : 400,
                  .code = named ? "model_not_found" : "model_missing",
                  .message = unknown_model_message(unknown),
                  .param = "model"};
}

} // namespace

Task<OwnAnswer> Session::models_page() {
    const auto asks_peer = m_request->forwarded; // it needs no more than there is
    co_await m_shared.looks.look(m_client, !asks_peer);
    const auto& path = m_request->head.path;
    const std::string_view one = "/v1/models/";
    const auto wanted = path.starts_with(one)
                            ? download::percent_decoded(path.substr(one.size()), false).value_or("")
                            : std::string();
    const auto list = m_shared.looks.list();
    const auto models = m_shared.models.models();
    const auto context_of = [this](const std::string& id) { return m_shared.context_of(id); };
    OwnAnswer found;
    std::string all = models_answer(list, models, m_shared.models.folder_ids(), context_of);
    if (m_shared.peers.any() && !m_request->forwarded) {
        co_await m_shared.peers.first_look(m_client);
        all = with_peer_models(all, m_shared.peers.now());
    }
    if (wanted.empty()) {
        found.body = std::move(all);
    } else if (auto listed = listed_entry(all, wanted)) {
        found.body = std::move(*listed);
    } else {
        const auto meant = m_shared.models.lookup(wanted);
        auto entry = model_entry(list, models, meant.known ? meant.id : wanted, context_of);
        if (!entry) refuse_unknown({wanted, meant.suggested, meant.ambiguous});
        found.body = std::move(*entry);
    }
    co_return found;
}

// A name that nobody knows may be that of a new file, or of one of llama-server's own models.
Task<> Session::settle_model() {
    const auto is_foreign = [this](std::string_view id) { return m_shared.looks.is_foreign(id); };
    if (!settle_names(*m_request, m_shared.models, is_foreign)) co_return;
    const bool elsewhere = co_await known_elsewhere();
    if (elsewhere) co_return;
    co_await m_shared.looks.look(m_client, false);
    const auto unknown = settle_names(*m_request, m_shared.models, is_foreign);
    if (unknown) m_record.asked = unknown->asked;
    if (unknown && m_request->ollama && !unknown->asked.empty()) {
        throw Refused{.status = 404,
                      .code = "model_not_found",
                      .message = ollama_unknown_model(unknown->asked, unknown->suggested)};
    }
    if (unknown) refuse_unknown(*unknown);
}

} // namespace odysseus::proxy
