// One request on its way through llama-server, from the first attempt to the last byte of its
// answer. Until the first byte has gone to the client a failure can be cured and the request sent
// again, once; after that, what llama-server sends is passed on as it comes.
#pragma once

#include "router_remark.hpp"

#include "proxy_core.hpp"
#include "proxy_request.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus {

class Exchange final : public Watched, public LinkUser {
  public:
    Exchange(ProxyCore& core, Client& client, ProxyRequest& request);
    ~Exchange() override;

    void start();
    void upstream_settled(); // after ProxyCore::call_when_ready
    void client_takes_more();
    void client_left();
    void sweep();
    void on_link(const platform::Ready& ready) override;
    void on_ready(const platform::Ready& /*ready*/) override {}

  private:
    enum class Stage {
        waiting, // llama-server is starting, or works with another model
        sending, // connecting, and sending the request
        head,    // waits for the answer's head
        holding, // collects the body of a failure, to have it judged
        judging, // the supervisor looks for the cause
        relaying,
        ended,
    };

    void attempt();
    void link_ready(const platform::Ready& ready);
    [[nodiscard]] bool my_turn();
    void leave_switches();
    void connect(bool fresh);
    void send_request();
    [[nodiscard]] bool paused() const;
    void watch_link();
    void let_body_go();
    void receive();
    void take(std::string_view bytes);
    void link_broke();
    void judge();
    void judged(const Verdict& verdict);
    void give_up(int status, std::string_view code, const std::string& message,
                 std::optional<std::chrono::seconds> retry_after = {});
    void ping();
    void end(const char* how, int status);
    void drop_link();

    // The way back (proxy_relay.cpp).
    void take_head();
    [[nodiscard]] std::optional<std::string_view> first_content(std::string_view body) const;
    void pass_head();
    void hold(std::string_view bytes);
    void relay(std::string_view bytes);
    void relay_chunks(std::string_view bytes);
    [[nodiscard]] bool relay_content(std::string_view piece);
    [[nodiscard]] bool send_down(std::string_view a, std::string_view b = {},
                                 std::string_view c = {});
    void release_link(bool extra_bytes);
    void answer_complete(bool extra_bytes);
    void pass_on_failure();
    void end_pinged(std::string_view error, int status);

    ProxyCore& m_core;
    Client& m_client;
    ProxyRequest& m_request;
    Stage m_stage = Stage::waiting;
    Link* m_link = nullptr;
    Serving m_serving;
    SwitchQueue::Ticket m_ticket = 0; // 0: none
    std::string m_head_up;
    std::size_t m_sent = 0;
    std::chrono::steady_clock::time_point m_sent_at{}; // of this attempt
    bool m_all_sent = false;
    bool m_takes_no_more = false; // llama-server answers, and reads no further
    bool m_stale_retry_done = false;
    bool m_replayed = false;

    std::string m_in; // the answer's head, which m_head points into, and what came with it
    ResponseHead m_head;
    std::size_t m_head_bytes = 0;
    ChunkWalker m_chunks;
    RouterRemark m_remark;
    std::uint64_t m_left = 0; // of a body of known length
    std::string m_held;       // of a failure: the body as it came,
    std::string m_failure;    // and its content
    ChunkWalker m_held_chunks;

    std::string m_head_down;  // not yet sent
    bool m_raw_chunks = true; // the client takes chunks
    bool m_keep_client = false;
    bool m_pinged = false; // a head of ours went out, and comments; the body is chunked by us
    TimePoint m_waiting_since;
    TimePoint m_last_ping;
    TimePoint m_first_byte;
    std::uint64_t m_bytes = 0;
    // Shared with the thread that waits for a verdict.
    std::shared_ptr<std::atomic<bool>> m_gone = std::make_shared<std::atomic<bool>>(false);
};

} // namespace odysseus
