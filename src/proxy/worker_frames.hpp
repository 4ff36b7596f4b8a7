// What goes through the tunnel between odysseus and `odysseus worker`, after their hello: frames of
// one byte for the kind, four for the length (most significant first), and so many bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

struct WorkerFrame {
    enum class Kind : char {
        open = 'o',  // a connection to the RPC server begins; to the worker
        data = 'd',  // bytes of it
        close = 'c', // it ended; from the worker: what was sent before is all there is of it
        beat = 'b',  // nothing, as a sign of life
        bye = 'e',   // the last one, with a reason in words
    };
    Kind kind = Kind::beat;
    std::string_view bytes; // until the reader is used again
};
inline constexpr std::size_t k_frame_bytes_max = std::size_t{64} * 1024;

[[nodiscard]] std::string frame_head(WorkerFrame::Kind kind, std::size_t bytes);

class WorkerFrames {
  public:
    void feed(std::string_view bytes);
    // Absent: the rest of it has not come, or broken().
    [[nodiscard]] std::optional<WorkerFrame> next();
    [[nodiscard]] bool broken() const { return m_broken; } // it is no such stream

  private:
    std::string m_in;
    std::size_t m_used = 0; // of m_in
    bool m_broken = false;
};

} // namespace odysseus::proxy
