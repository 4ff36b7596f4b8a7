// One client's connection: reads requests one after the other, answers what is odysseus's own, and
// hands the rest to an Exchange. Bytes that the client does not take at once are kept here.
#pragma once

#include "proxy_core.hpp"
#include "proxy_request.hpp"

#include "http_forward.hpp"

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace odysseus {

class Exchange;
class OwnQuestion;

class Client final : public Watched {
  public:
    Client(ProxyCore& core, std::uint64_t id, platform::Socket socket);
    ~Client() override;

    void on_ready(const platform::Ready& ready) override;
    void sweep();      // deadlines
    void begin_stop(); // no request after this one
    void upstream_settled();
    void look_ended(bool begun_for_it); // after ProxyCore::call_after_look
    [[nodiscard]] std::uint64_t id() const { return m_id; }

    // For the exchange. Sends what goes now and keeps the rest; false: the client has gone, and
    // with it everything here.
    [[nodiscard]] bool write(std::initializer_list<std::string_view> pieces);
    [[nodiscard]] bool takes_more() const { return m_out.empty(); }
    void answer(const OwnAnswer& answer);
    void answer_error(int status, std::string_view code, std::string_view message,
                      std::string_view param = {},
                      std::optional<std::chrono::seconds> retry_after = {});
    void exchange_ended(bool keep_connection);
    void release_body(); // the request will not be sent again
    void cut();          // at once, whatever is still to be sent
    [[nodiscard]] ClientHeadInput head_input() const;

  private:
    enum class Stage {
        head,       // between requests, or within a head
        body,       // of the present request
        question,   // odysseus asks llama-server or the disk before it can answer
        exchange,   // the request is llama-server's
        last_bytes, // what is left goes out, then the connection ends
        lingering,  // all is sent; reads on for a moment so that the client sees it
    };

    void read_input(bool hung_up);
    void process_input();
    void process_next();
    void begin_request();
    [[nodiscard]] bool admit();
    void answer_preflight();
    void take_body();
    void request_complete();
    void answer_endpoint();
    void forward();
    void ask_again(const UnknownModel& unknown);
    void ask_for_models(std::string_view one);
    void answer_models(const std::string& wanted, const std::string& list);
    void refuse(const Refusal& refusal);
    void end_after_output();
    void next_request();
    void flush();
    void watch();
    void count_body(std::size_t bytes);
    void log_own(int status, std::size_t bytes);

    ProxyCore& m_core;
    const std::uint64_t m_id;
    platform::Socket m_socket;
    platform::Interest m_interest{.read = true};
    Stage m_stage = Stage::head;
    bool m_hung_up = false;
    bool m_processing = false;
    bool m_ending = false; // the connection ends after the present answer
    std::string m_in;      // read and not yet used
    ByteBuffer m_out;      // not yet taken by the client
    std::unique_ptr<ProxyRequest> m_request;
    std::unique_ptr<Exchange> m_exchange;
    std::unique_ptr<OwnQuestion> m_question;
    std::size_t m_counted_body = 0;
    TimePoint m_since;       // the present stage's last progress
    TimePoint m_write_since; // the client last took something
    bool m_head_begun = false;
};

} // namespace odysseus
