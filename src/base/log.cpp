#include "odysseus/base/log.hpp"

#include "odysseus/base/background_output.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"
#include "odysseus/base/write_behind.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <utility>
#include <vector>

namespace odysseus::log {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{5} * 1024 * 1024;
constexpr std::size_t k_files_kept = 3;
constexpr std::chrono::minutes k_trouble_every{10};
constexpr std::size_t k_waiting_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t k_behind_bytes_max = std::size_t{4} * 1024 * 1024;

// How many bytes at the front are one character above ASCII (RFC 3629); 0: they are none.
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto lead = byte(0);
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    const auto second = byte(1);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool beyond = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
    return overlong || beyond ? 0 : bytes;
}

// JSON string contents (RFC 8259, section 7). What is no UTF-8 becomes U+FFFD: names of files and
// what clients send may hold any bytes.
void append_escaped(std::string& out, std::string_view text) {
    static constexpr char k_hex[] = "0123456789abcdef";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7F) {
            out += "\\u00";
            out += k_hex[byte >> 4];
            out += k_hex[byte & 15];
        } else if (byte < 0x80) {
            out += c;
        } else if (byte == 0xC2 && i + 1 < text.size() &&
                   (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80) { // C1
            const auto control = static_cast<unsigned char>(text[++i]);
            out += "\\u00";
            out += k_hex[control >> 4];
            out += k_hex[control & 15];
        } else if (const auto bytes = character_bytes(text.substr(i)); bytes > 0) {
            out += text.substr(i, bytes);
            i += bytes - 1;
        } else {
            out += "\\ufffd";
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

// One place that lines go to; absent logger: there is none.
struct Outlet {
    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<WriteBehind> behind; // absent: who logs writes

    void write(std::size_t bytes, std::function<void()> work) const {
        if (behind) {
            behind->post(bytes, std::move(work));
        } else {
            work();
        }
    }
    void flush() const {
        if (logger) write(0, [to = logger] { to->flush(); });
    }
};

struct Loggers {
    Outlet terminal;
    Outlet file;
    Format format = Format::text;
    bool for_people = false;
};

struct State {
    std::atomic<bool> terminal_is_stuck{false};
    std::mutex mutex;
    Loggers loggers;
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

constexpr const char* k_text_pattern = "%H:%M:%S.%e %L %v";
constexpr const char* k_people_pattern = "%H:%M:%S  %v";
constexpr const char* k_json_pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink, const char* pattern) {
    auto logger = std::make_shared<spdlog::logger>("odysseus", std::move(sink));
    logger->set_pattern(pattern);
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

Loggers loggers() {
    auto& shared = state();
    const std::lock_guard lock(shared.mutex);
    if (!shared.loggers.terminal.logger)
        shared.loggers.terminal.logger =
            make_logger(std::make_shared<TerminalSink>(), k_text_pattern);
    return shared.loggers;
}

std::string json_line(std::string_view message, Fields fields) {
    std::string line = "\"message\":\"";
    append_escaped(line, message);
    line += '"';
    for (const auto& field : fields) {
        line += ",\"";
        append_escaped(line, field.key);
        line += "\":\"";
        append_escaped(line, field.value);
        line += '"';
    }
    return line;
}

// A message may have several lines; a value, which clients and files may choose, has one.
std::string text_line(std::string_view message, Fields fields) {
    std::string line;
    // A line end in a message cannot begin what looks like a line of the log.
    for (const char c : visible(message)) {
        line += c;
        if (c == '\n') line += "    ";
    }
    for (const auto& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        line += visible_line(field.value);
    }
    return line;
}

// With the time of now, whenever it is written.
void put(const Outlet& outlet, Level level, std::string line) {
    const auto when = spdlog::log_clock::now();
    const auto bytes = line.size();
    outlet.write(
        bytes, [to = outlet.logger, when, level, text = std::move(line), flushes = t_batches == 0] {
            to->log(when, spdlog::source_loc{}, native(level),
                    spdlog::string_view_t(text.data(), text.size()));
            if (flushes) to->flush();
        });
}

void write_to_terminal(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

void write(Level level, std::string_view message, Fields fields,
           std::optional<std::string_view> shown = std::nullopt) {
    const auto [terminal, file, format, for_people] = loggers();
    if (!terminal.logger->should_log(native(level))) return;
    auto line = format == Format::json ? json_line(message, fields) : text_line(message, fields);
    if (file.logger) put(file, level, line);
    if (!for_people || !shown) {
        put(terminal, level, std::move(line));
    } else if (!shown->empty()) {
        put(terminal, level, visible(*shown));
    }
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

void set_up(Level level, Format format, const std::optional<std::filesystem::path>& file,
            bool for_people) {
    Loggers made;
    made.format = format;
    made.for_people = for_people && format == Format::text;
    const auto* pattern = format == Format::json ? k_json_pattern : k_text_pattern;
    made.terminal.logger =
        make_logger(std::make_shared<TerminalSink>(), made.for_people ? k_people_pattern : pattern);
    made.terminal.logger->set_level(native(level));
    std::string trouble;
    if (file) {
        try {
            made.file.logger = make_logger(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                                               file->string(), k_file_bytes_max, k_files_kept),
                                           pattern);
            made.file.logger->set_level(native(level));
        } catch (const std::exception& error) {
            trouble = error.what();
        }
    }
    {
        auto& shared = state();
        const std::lock_guard lock(shared.mutex);
        shared.loggers = std::move(made);
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
void event(Level level, std::string_view message, Fields fields, std::string_view shown) {
    write(level, message, fields, shown);
}

void record(std::string_view message) {
    const auto [terminal, file, format, for_people] = loggers();
    if (file.logger)
        put(file, Level::info,
            format == Format::json ? json_line(message, {}) : text_line(message, {}));
}

Batch::Batch() {
    ++t_batches;
}

Batch::~Batch() {
    if (--t_batches > 0) return;
    const auto shared = loggers();
    shared.terminal.flush();
    shared.file.flush();
}

} // namespace odysseus::log

namespace odysseus {
namespace {

std::shared_ptr<WriteBehind> written_behind(const char* where) {
    return std::make_shared<WriteBehind>(log::k_behind_bytes_max, [where](std::uint64_t count) {
        log::warn(concat(count, " lines are missing here: ", where, " took no more"));
    });
}

} // namespace

void show(std::string text) {
    const auto terminal = log::loggers().terminal;
    const auto bytes = text.size();
    terminal.write(bytes, [to = terminal.logger, shown = std::move(text)] {
        to->flush(); // what was logged before
        log::write_to_terminal(shown);
    });
}

BackgroundOutput::BackgroundOutput() {
    auto& shared = log::state();
    (void)log::loggers(); // there is a logger for the terminal
    const std::lock_guard lock(shared.mutex);
    shared.loggers.terminal.behind = written_behind("the terminal");
    if (shared.loggers.file.logger) shared.loggers.file.behind = written_behind("the log file");
}

BackgroundOutput::~BackgroundOutput() {
    log::Outlet terminal;
    log::Outlet file;
    auto& shared = log::state();
    {
        const std::lock_guard lock(shared.mutex);
        terminal.behind = std::move(shared.loggers.terminal.behind);
        file.behind = std::move(shared.loggers.file.behind);
    }
    const bool all_written = terminal.behind->end();
    log::state().terminal_is_stuck = !all_written;
}

bool output_is_stuck() {
    return log::state().terminal_is_stuck;
}

} // namespace odysseus
