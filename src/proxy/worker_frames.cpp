#include "worker_frames.hpp"

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_head_bytes = 5;

} // namespace

std::string frame_head(WorkerFrame::Kind kind, std::size_t bytes) {
    std::string head(1, static_cast<char>(kind));
    for (int shift = 24; shift >= 0; shift -= 8)
        head += static_cast<char>((bytes >> shift) & 0xff);
    return head;
}

void WorkerFrames::feed(std::string_view bytes) {
    m_in.erase(0, m_used);
    m_used = 0;
    m_in += bytes;
}

std::optional<WorkerFrame> WorkerFrames::next() {
    const auto rest = std::string_view(m_in).substr(m_used);
    if (m_broken || rest.size() < k_head_bytes) return std::nullopt;
    std::size_t length = 0;
    for (std::size_t i = 1; i < k_head_bytes; ++i)
        length = length << 8 | static_cast<unsigned char>(rest[i]);
    constexpr std::string_view k_kinds = "odcbe";
    m_broken = k_kinds.find(rest.front()) == std::string_view::npos || length > k_frame_bytes_max;
    if (m_broken || rest.size() < k_head_bytes + length) return std::nullopt;
    m_used += k_head_bytes + length;
    return WorkerFrame{static_cast<WorkerFrame::Kind>(rest.front()),
                       rest.substr(k_head_bytes, length)};
}

} // namespace odysseus::proxy
