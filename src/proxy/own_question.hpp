// Looks at the models folder again and asks llama-server for its own list: for GET /v1/models, and
// before a name is said to be unknown.
#pragma once

#include "proxy_core.hpp"

#include "odysseus/proxy/http_head.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace odysseus {

class OwnQuestion final : public Watched, public LinkUser {
  public:
    // llama-server's answer; absent when it gave none in time. Done must not throw.
    using Done = std::function<void(std::optional<std::string> list)>;

    OwnQuestion(ProxyCore& core, Done done);
    ~OwnQuestion() override;
    void start();
    void sweep();
    void on_link(const platform::Ready& ready) override;
    void on_ready(const platform::Ready& /*ready*/) override {}

  private:
    void link_ready(const platform::Ready& ready);
    void ask(bool folder_changed);
    void take(std::string_view bytes);
    void finish(bool answered, bool keep_link);
    [[nodiscard]] std::optional<std::string> taken_list();

    ProxyCore& m_core;
    Done m_done;
    Link* m_link = nullptr;
    TimePoint m_began;
    std::string m_out;
    std::size_t m_sent = 0;
    std::string m_in;
    std::optional<ResponseHead> m_head;
    ChunkWalker m_chunks;
    std::string m_body;
    bool m_finished = false;
    // Shared with the thread that reads the folder.
    std::shared_ptr<std::atomic<bool>> m_gone = std::make_shared<std::atomic<bool>>(false);
};

} // namespace odysseus
