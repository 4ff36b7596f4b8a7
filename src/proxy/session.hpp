// One client's connection, from its first request to its end.
#pragma once

#include "dialect.hpp"
#include "router_remark.hpp"

#include "exchange.hpp"
#include "ollama_models.hpp"
#include "request.hpp"
#include "shared.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

class LineTask;

class Session {
  public:
    Session(Shared& shared, Loop& loop, TcpSocket socket, Door door);
    [[nodiscard]] Task<> serve(); // throws nothing but what std gives: no memory

  private:
    // How a request ended, for the log and the counters.
    struct Record {
        int status = 0;
        std::uint64_t bytes = 0;
        TimePoint first_byte{};
        bool passed_on = false; // llama-server's answer
        bool replayed = false;
        std::string asked; // a name that no model has
        std::string code;  // of an error of our own
        std::string end;
        std::string tail; // of llama-server's answer
    };

    [[nodiscard]] Task<bool> serve_request();
    [[nodiscard]] Task<bool> answer_by_itself();
    [[nodiscard]] Task<OwnAnswer> models_page();
    [[nodiscard]] Task<> pull_for_page(); // page_pull.cpp
    [[nodiscard]] Task<> send_lines(LineTask& task);

    // Ollama's API (ollama.cpp).
    [[nodiscard]] Task<bool> answer_ollama(OllamaEndpoint endpoint);
    [[nodiscard]] Task<> translate(OllamaEndpoint endpoint);
    [[nodiscard]] Task<std::vector<OllamaModel>> ollama_models();
    [[nodiscard]] Task<OwnAnswer> ollama_list(OllamaEndpoint endpoint);
    [[nodiscard]] Task<OwnAnswer> shown_model();
    [[nodiscard]] Task<> pull_model();
    [[nodiscard]] Task<> pull(const std::string& name, bool stream);
    void end_pull(bool stream, std::string before);
    [[nodiscard]] Task<> relay_ollama(Exchange& exchange, std::string_view content);
    [[nodiscard]] Task<> relay_lines(Exchange& exchange, std::string_view content);
    [[nodiscard]] Task<> relay_whole(Exchange& exchange, std::string_view content);
    [[nodiscard]] const std::string& ollama_model() const;
    [[nodiscard]] std::int64_t since_begin_ns() const;
    [[nodiscard]] ResponseHead lines_head() const;
    void begin_lines();

    // Other machines (peer_session.cpp).
    [[nodiscard]] bool may_be_forwarded() const;
    [[nodiscard]] bool bears_name() const;
    [[nodiscard]] bool other_place() const;
    [[nodiscard]] RouteWish route_wish() const;
    [[nodiscard]] RouteHere route_here() const;
    [[nodiscard]] Task<bool> known_elsewhere();
    [[nodiscard]] Task<bool> answered_by_peer();
    [[nodiscard]] Task<bool> answered_at(const Route& there, const RoutePeer& peer);
    [[nodiscard]] std::string head_to_peer(const PeerAddress& address, const RoutePeer& peer) const;
    void name_model_here();
    // The names of peers' models, beside those that are listed already.
    [[nodiscard]] std::vector<std::string>
    names_elsewhere(const std::vector<std::string>& here) const;

    [[nodiscard]] Task<> settle_model();
    [[nodiscard]] Task<> answer_here();
    [[nodiscard]] Task<Turns::Turn> turn();
    [[nodiscard]] Task<server::Serving> server_ready();
    [[nodiscard]] std::string head_up(const server::Serving& serving) const;

    [[nodiscard]] Task<std::optional<server::Failure>> forward(Exchange& exchange,
                                                               const server::Serving& serving);
    [[nodiscard]] Task<bool> has_begun(Exchange& exchange);
    [[nodiscard]] Task<server::Verdict> verdict_on(const server::Failure& failure);
    [[nodiscard]] Task<bool> cured(const server::Failure& failure);
    [[nodiscard]] Task<> pass_on(Exchange& exchange, const server::Failure& failure);
    [[nodiscard]] Task<> relay(Exchange& exchange, std::string_view content);
    void keep_tail(std::string_view content);
    void begin_answer(const ResponseHead& head);
    [[nodiscard]] std::string with_message_start(std::string_view content, bool last);
    [[nodiscard]] bool send_content(std::string_view content, bool last);
    [[nodiscard]] Task<> cut_answer();
    [[nodiscard]] Task<std::string> why_cut();

    void expect_answer();
    [[nodiscard]] Dialect dialect() const;
    [[nodiscard]] std::optional<std::string> own_words_for(const Exchange& exchange,
                                                           const server::Failure& failure) const;
    void refuse_clearly(const server::Failure& failure) const;
    [[nodiscard]] AskedModel asked_model() const;
    [[nodiscard]] bool leads_to_page(const Exchange& exchange) const;
    void end_with_event(std::string_view error);
    void refuse(const Refused& why);
    void answer(const OwnAnswer& own);
    [[nodiscard]] ClientHeadInput head_input() const;
    void end_request();

    struct InFlight { // counts while it lives
        explicit InFlight(Session& session);
        ~InFlight();
        InFlight(const InFlight&) = delete;
        InFlight& operator=(const InFlight&) = delete;

      private:
        Session& m_session;
    };

    Shared& m_shared;
    const ProxyLimits& m_limits;
    const Door m_door;
    const bool m_peer_is_local;
    ClientStream m_client;
    std::optional<ProxyRequest> m_request;
    Record m_record;
    bool m_body_unread = false;
    bool m_ending = false; // the connection ends after the present answer

    // Of the other machines that the request may go to.
    std::vector<int> m_tried;                    // places
    std::optional<std::uint64_t> m_conversation; // that it goes on with
    std::string m_peer;                          // that answers; empty: llama-server does
    std::string m_peer_failure;                  // the last one, in brackets

    // Of llama-server's answer on its way down.
    std::uint64_t m_generation = 0; // of the llama-server that answers
    std::string m_head_down;        // not sent yet
    bool m_chunked = false;         // the content is sent in chunks
    bool m_events = false;          // it is a stream of events
    bool m_from_router = false;     // the router may have ended it with a remark of its own
    bool m_between_events = true;
    RouterRemark m_remark;
    std::string m_kept;            // perhaps the router's remark
    bool m_message_begins = false; // the first event of a stream of messages is awaited
    std::string m_beginning;       // of it, as far as it has come
};

} // namespace odysseus::proxy
