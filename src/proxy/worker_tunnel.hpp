// One session between odysseus and `odysseus worker`: TLS between the machines, and in it one
// connection after the other between a model's process here and the RPC server there
// (docs/machines.md).
#pragma once

#include "byte_buffer.hpp"
#include "loop.hpp"
#include "worker_frames.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// The session is over, with the reason as a part of a sentence.
struct TunnelEnd {
    std::string why;
};

// Of one loop. Everything that waits throws TunnelEnd when the other machine has gone.
class WorkerTunnel final : public Waiter {
  public:
    WorkerTunnel(Loop& loop, std::shared_ptr<Connection> remote);
    ~WorkerTunnel() override;

    // --- before frames go ------------------------------------------------------------------
    void send(std::string_view bytes);
    // A line without its end, at most 8 KiB.
    [[nodiscard]] Task<std::string> line(TimePoint until);
    // Until all was sent, and the other side has ended the connection or `until` has come.
    [[nodiscard]] Task<> sent(TimePoint until);
    [[nodiscard]] const Connection& remote() const { return *m_remote; }

    // --- frames: until the session ends, which throws ------------------------------------------
    // At the worker: each connection leads to this port of 127.0.0.1.
    [[nodiscard]] Task<> carry_to(int port);
    // At the other side: `turn` is called at least once a second.
    [[nodiscard]] Task<> carry(const std::function<void()>& turn);
    [[nodiscard]] bool takes_connection() const { return !m_near && !m_closing; }
    void take(TcpSocket socket); // a connection begins
    // The session ends with this, told to the other machine.
    void end(std::string why);

  protected:
    void woken() override;

  private:
    void begin();
    void exchange();
    void flush_far();
    void flush_near();
    void read_far();
    void read_near();
    void handle(const WorkerFrame& frame);
    void handle_at_worker(const WorkerFrame& frame);
    void near_ended();
    void frame(WorkerFrame::Kind kind, std::string_view bytes = {});
    void check_time();
    void arm();
    [[noreturn]] void far_ended() const;

    const std::shared_ptr<Connection> m_remote;
    std::shared_ptr<Connection> m_near; // null: no connection now
    WorkerFrames m_frames;
    ByteBuffer m_to_far;
    ByteBuffer m_to_near;
    std::string m_in; // of the lines
    int m_port = 0;   // of the RPC server; 0: at the side of the models
    // The near connection was ended by its client and not yet by the RPC server: its end is waited
    // for at the worker, the worker's word at the other side.
    bool m_closing = false;
    std::string m_ending;
    TimePoint m_heard;
    TimePoint m_told;
    TimePoint m_closing_since;
};

} // namespace odysseus::proxy
