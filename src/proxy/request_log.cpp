#include "request_log.hpp"

#include "odysseus/base/log.hpp"

#include <chrono>
#include <cstdio>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_lines_waiting_max = 10'000;
// Lines are written in lots, so that a busy proxy does not wake this thread for each.
constexpr std::chrono::milliseconds k_lot{50};

std::string milliseconds_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", value);
    return text;
}

void write_line(const RequestLine& line) {
    if (line.id.empty()) {
        (line.trouble ? log::error : log::info)(line.end, {});
        return;
    }
    log::event(
        line.detail ? log::Level::debug : log::Level::info, "request",
        {{"id", line.id},
         {"method", line.method},
         {"path", line.path},
         {"model", line.model.empty() ? "-" : line.model},
         {"status", std::to_string(line.status)},
         {"bytes", std::to_string(line.bytes)},
         {"first_byte_ms", line.first_byte_ms < 0 ? "-" : milliseconds_text(line.first_byte_ms)},
         {"total_ms", milliseconds_text(line.total_ms)},
         {"end", line.end.empty() ? "complete" : line.end}},
        request_words(line));
}

void write_lot(const std::vector<RequestLine>& lot) {
    try {
        const log::Batch together;
        for (const auto& line : lot)
            write_line(line);
    } catch (...) { // these lines are lost; the next ones may not be
    }
}

} // namespace

void RequestLog::start() {
    m_thread = std::thread([this] { write_all(); });
}

void RequestLog::stop() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
        m_changed.notify_one();
    }
    if (m_thread.joinable()) m_thread.join();
}

void RequestLog::add(RequestLine line) {
    const std::lock_guard lock(m_mutex);
    if (m_lines.size() >= k_lines_waiting_max) return;
    m_lines.push_back(std::move(line));
    if (m_lines.size() == 1) m_changed.notify_one();
}

void RequestLog::tell(const std::string& trouble) noexcept {
    try {
        RequestLine line;
        line.end = trouble;
        add(std::move(line));
    } catch (const std::exception&) { // no memory for it
    }
}

void RequestLog::tell_news(const std::string& news) noexcept {
    try {
        RequestLine line;
        line.end = news;
        line.trouble = false;
        add(std::move(line));
    } catch (const std::exception&) { // no memory for it
    }
}

void RequestLog::write_all() {
    std::vector<RequestLine> lot;
    std::unique_lock lock(m_mutex);
    while (true) {
        m_changed.wait(lock, [this] { return m_stopping || !m_lines.empty(); });
        if (!m_stopping) m_changed.wait_for(lock, k_lot, [this] { return m_stopping; });
        lot.swap(m_lines);
        const bool last = m_stopping;
        lock.unlock();
        write_lot(lot);
        lot.clear();
        if (last) return;
        lock.lock();
    }
}

} // namespace odysseus::proxy
