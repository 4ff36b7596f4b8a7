// The session's way to another machine (--peer), before this one's own llama-server is asked or
// after that has failed; docs/machines.md.
#include "session.hpp"

#include "endpoints.hpp"
#include "odysseus/base/text.hpp"

#include <algorithm>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_failure_body_max = std::size_t{64} * 1024;

// The name that a request gets for the machine that answers it.
class NameThere final : public models::ModelDirectory {
  public:
    explicit NameThere(std::string id) : m_id(std::move(id)) {}
    [[nodiscard]] models::ModelLookup lookup(std::string_view /*asked*/) const override {
        return {.known = true, .id = m_id, .ambiguous = false, .suggested = {}};
    }
    [[nodiscard]] std::vector<models::Model> models() const override { return {}; }
    [[nodiscard]] std::vector<std::string> folder_ids() const override { return {}; }
    bool refresh() override { return false; }

  private:
    std::string m_id;
};

bool refuses_key(int status) {
    return status == 401 || status == 403;
}

HereState here_state(server::State state) {
    if (state == server::State::ready) return HereState::ready;
    const bool failed = state == server::State::failed || state == server::State::stopping;
    return failed ? HereState::failed : HereState::not_yet;
}

std::string failure_of(int status) {
    if (status == 0) return "it broke the connection before it answered";
    return concat("it answered with HTTP ", status,
                  refuses_key(status) ? " (the key of --peer URL#KEY)" : "");
}

} // namespace

bool Session::may_be_forwarded() const {
    const auto& request = *m_request;
    if (!m_shared.peers.any() || request.forwarded || !request.with_key) return false;
    if (request.ollama && request.ollama->form == OllamaForm::unload) return false;
    return needs_model(request.head.method, request.head.path);
}

// Whether this machine's model bears the name that was asked for.
bool Session::bears_name() const {
    const auto& asked = m_request->asked;
    if (asked.empty() || same_name(asked, m_request->model)) return true;
    const auto models = m_shared.models.models();
    const auto found = std::find_if(models.begin(), models.end(), [this](const auto& model) {
        return model.id == m_request->model;
    });
    if (found == models.end()) return false;
    return std::any_of(found->names.begin(), found->names.end(),
                       [&asked](const auto& name) { return same_name(name, asked); });
}

RouteWish Session::route_wish() const {
    RouteWish wish;
    wish.id = m_request->model;
    wish.asked = m_request->asked.empty() ? wish.id : m_request->asked;
    wish.id_by_name = bears_name();
    wish.openai = is_openai_endpoint(m_request->head.path);
    if (m_conversation) wish.kept = m_shared.peers.place_of(*m_conversation);
    wish.tried = m_tried;
    return wish;
}

RouteHere Session::route_here() const {
    const auto serving = m_shared.upstream.current();
    const auto& counters = m_shared.counters;
    const std::uint64_t in_all = counters.active;
    const std::uint64_t unloaded_at = counters.idle_unloaded_at;
    const bool unloaded = unloaded_at != 0 && unloaded_at + in_all == counters.total;
    const auto not_here = m_shared.peers.active() + 1; // and this one
    RouteHere here;
    here.state = here_state(serving.state);
    here.loaded = !unloaded && !serving.model.empty() && serving.model == m_request->model;
    here.other_loaded =
        !unloaded && !serving.model.empty() && !here.loaded && m_shared.settings.models_max == 1;
    if (m_shared.pages.fits_of && !m_request->model.empty())
        here.fits = m_shared.pages.fits_of(m_request->model);
    here.active = in_all > not_here ? in_all - not_here : 0;
    return here;
}

// Whether a peer has the model that this machine does not know.
Task<bool> Session::known_elsewhere() {
    if (!may_be_forwarded()) co_return false;
    co_await m_shared.peers.first_look(m_client);
    co_return peers_have(m_request->asked, m_shared.peers.now());
}

// True: a peer has answered. False: this machine is to, or has had its turn.
Task<bool> Session::answered_by_peer() {
    if (!may_be_forwarded()) co_return false;
    if (m_request->json && !m_conversation) {
        const auto& model = m_request->model.empty() ? m_request->asked : m_request->model;
        m_conversation = conversation_of(model, m_request->body.view());
    }
    while (true) {
        const auto peers = m_shared.peers.now();
        const auto chosen = route(route_wish(), route_here(), peers);
        if (!chosen && m_request->model.empty())
            throw Refused{.status = 503,
                          .code = "peer_unavailable",
                          .message = concat("The model '", m_request->asked.substr(0, 200),
                                            "' is on another machine, which cannot be asked now",
                                            m_peer_failure, "."),
                          .retry_after = m_shared.peers.retry_after()};
        if (!chosen || chosen->place == k_here) {
            if (chosen && m_conversation) m_shared.peers.keep(*m_conversation, k_here);
            co_return false;
        }
        m_tried.push_back(chosen->place);
        const bool answered =
            co_await answered_at(*chosen, peers[static_cast<std::size_t>(chosen->place)]);
        if (answered) co_return true;
    }
}

bool Session::other_place() const {
    return route(route_wish(), route_here(), m_shared.peers.now()).has_value();
}

void Session::name_model_here() {
    (void)settle_names(*m_request, m_shared.models,
                       [this](std::string_view id) { return m_shared.looks.is_foreign(id); });
}

std::vector<std::string> Session::names_elsewhere(const std::vector<std::string>& here) const {
    std::vector<std::string> names;
    if (m_request->forwarded) return names;
    for (auto& entry : peer_entries(here, m_shared.peers.now()))
        names.push_back(std::move(entry.id));
    return names;
}

std::string Session::head_to_peer(const PeerAddress& address, const RoutePeer& peer) const {
    const auto target = concat(address.path, target_at_peer(peer.view, m_request->target));
    UpstreamHeadInput input;
    input.target = target;
    input.host = address.authority;
    input.content_length = m_request->content_length();
    input.as_json = m_request->json;
    input.body_inflated = m_request->coding != Coding::none;
    input.drop_client_key = true; // it was meant for this odysseus
    input.upstream_key = address.key;
    input.to_peer = true;
    return upstream_head(m_request->head, input);
}

// False: another machine may answer it, no byte of an answer has gone to the client.
Task<bool> Session::answered_at(const Route& there, const RoutePeer& peer) {
    Peers::Use use(m_shared.peers, there.place);
    const auto asked = m_request->asked;
    const NameThere name(there.model);
    (void)settle_names(*m_request, name, [](std::string_view) { return false; });
    m_request->asked = asked;
    const auto head = head_to_peer(use.address(), peer);
    Exchange exchange(m_client, m_request->pieces(head), false);
    exchange.connect_max = use.connect_max();
    const auto came = co_await exchange.begin(use.destination());
    bool begun = came == Exchange::Came::some;
    if (begun && exchange.head.status < 400) begun = co_await has_begun(exchange);
    const int status = begun ? exchange.head.status : 0;
    if (status == 0 || can_fail_over(status)) {
        const auto why = exchange.trouble.empty() ? failure_of(status) : exchange.trouble;
        m_peer_failure = concat(" (", peer.name, ": ", why, ")");
        if (status != 404 && status != 408 && status != 429) use.failed(why);
        name_model_here();
        const bool told = status != 0 && !refuses_key(status) && !other_place();
        if (!told) co_return false;
    } else {
        use.worked();
        if (m_conversation) m_shared.peers.keep(*m_conversation, there.place);
    }
    m_peer = peer.name;
    if (status < 400) {
        co_await relay(exchange, exchange.content());
        if (!exchange.complete()) use.failed("the connection broke in the middle of an answer");
    } else {
        server::Failure failure;
        failure.status = status;
        failure.body = co_await rest_of(exchange, k_failure_body_max);
        co_await pass_on(exchange, failure);
    }
    co_return true;
}

} // namespace odysseus::proxy
