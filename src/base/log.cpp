#include "odysseus/base/log.hpp"

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <vector>

namespace odysseus::log {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{5} * 1024 * 1024;
constexpr std::size_t k_files_kept = 3;
constexpr std::chrono::minutes k_trouble_every{10};
constexpr std::size_t k_waiting_bytes_max = std::size_t{64} * 1024;

// JSON string contents (RFC 8259, section 7). Bytes of 0x80 and more pass as they are.
void append_escaped(std::string& out, std::string_view text) {
    static constexpr char k_hex[] = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += k_hex[byte >> 4];
            out += k_hex[byte & 15];
        } else {
            out += c;
        }
    }
}

// Writes whole lines, and as many as there are at once.
class TerminalSink final : public spdlog::sinks::base_sink<std::mutex> {
  private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        formatter_->format(message, m_waiting);
        if (m_waiting.size() >= k_waiting_bytes_max) flush_();
    }
    void flush_() override {
        std::fwrite(m_waiting.data(), 1, m_waiting.size(), stderr);
        m_waiting.clear();
    }
    spdlog::memory_buf_t m_waiting;
};

thread_local int t_batches = 0;

struct State {
    std::mutex mutex;
    std::shared_ptr<spdlog::logger> logger;
    Format format = Format::text;
};

State& state() {
    static State instance;
    return instance;
}

// The log file cannot be written: a full disk, a drive that was removed. Said on the terminal, once
// in a while; what odysseus does goes on.
void tell_trouble(const std::string& reason) {
    using Clock = std::chrono::steady_clock;
    static std::mutex mutex;
    static std::optional<Clock::time_point> told;
    const std::lock_guard lock(mutex);
    const auto now = Clock::now();
    if (told && now - *told < k_trouble_every) return;
    told = now;
    std::fprintf(stderr, "odysseus: the log file is not written: %s\n", reason.c_str());
}

std::shared_ptr<spdlog::logger> make_logger(std::vector<spdlog::sink_ptr> sinks, Format format) {
    auto logger = std::make_shared<spdlog::logger>("odysseus", sinks.begin(), sinks.end());
    logger->set_pattern(format == Format::json
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                            : "%H:%M:%S.%e %L %v");
    logger->flush_on(spdlog::level::warn);
    logger->set_error_handler(tell_trouble);
    return logger;
}

spdlog::level::level_enum native(Level level) {
    switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    case Level::off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

void write(Level level, std::string_view message, Fields fields) {
    std::shared_ptr<spdlog::logger> logger;
    Format format = Format::text;
    {
        auto& shared = state();
        const std::lock_guard lock(shared.mutex);
        if (!shared.logger) {
            shared.logger = make_logger({std::make_shared<TerminalSink>()}, Format::text);
        }
        logger = shared.logger;
        format = shared.format;
    }
    if (!logger->should_log(native(level))) return;
    std::string line;
    if (format == Format::json) {
        line += "\"message\":\"";
        append_escaped(line, message);
        line += '"';
        for (const auto& field : fields) {
            line += ",\"";
            append_escaped(line, field.key);
            line += "\":\"";
            append_escaped(line, field.value);
            line += '"';
        }
    } else {
        line += message;
        for (const auto& field : fields) {
            line += ' ';
            line += field.key;
            line += '=';
            line += field.value;
        }
    }
    logger->log(native(level), spdlog::string_view_t(line.data(), line.size()));
    if (t_batches == 0) logger->flush();
}

} // namespace

std::optional<Level> level_from(std::string_view name) {
    if (name == "debug") return Level::debug;
    if (name == "info") return Level::info;
    if (name == "warn") return Level::warn;
    if (name == "error") return Level::error;
    if (name == "off") return Level::off;
    return std::nullopt;
}

std::optional<Format> format_from(std::string_view name) {
    if (name == "text") return Format::text;
    if (name == "json") return Format::json;
    return std::nullopt;
}

void set_up(Level level, Format format, const std::optional<std::filesystem::path>& file) {
    std::vector<spdlog::sink_ptr> sinks{std::make_shared<TerminalSink>()};
    std::string trouble;
    if (file) {
        try {
            sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                file->string(), k_file_bytes_max, k_files_kept));
        } catch (const std::exception& error) {
            trouble = error.what();
        }
    }
    auto logger = make_logger(std::move(sinks), format);
    logger->set_level(native(level));
    {
        auto& shared = state();
        const std::lock_guard lock(shared.mutex);
        shared.logger = std::move(logger);
        shared.format = format;
    }
    if (!trouble.empty()) warn("no log file: " + trouble);
}

void debug(std::string_view message, Fields fields) {
    write(Level::debug, message, fields);
}
void info(std::string_view message, Fields fields) {
    write(Level::info, message, fields);
}
void warn(std::string_view message, Fields fields) {
    write(Level::warn, message, fields);
}
void error(std::string_view message, Fields fields) {
    write(Level::error, message, fields);
}

Batch::Batch() {
    ++t_batches;
}

Batch::~Batch() {
    if (--t_batches > 0) return;
    auto& shared = state();
    const std::lock_guard lock(shared.mutex);
    if (shared.logger) shared.logger->flush();
}

} // namespace odysseus::log
