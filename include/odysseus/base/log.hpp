// The program's log: to stderr, and to a file once one is named. The only door to spdlog.
// All functions may be called from any thread, and before set_up (then they write plain text to
// stderr).
#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::log {

enum class Level { debug, info, warn, error, off };
enum class Format { text, json };

// One key with its value: "key=value" in text, a string member in JSON. Never put a key, a token or
// a prompt here.
struct Field {
    std::string_view key;
    std::string value;
};
using Fields = std::initializer_list<Field>;

[[nodiscard]] std::optional<Level> level_from(std::string_view name);
[[nodiscard]] std::optional<Format> format_from(std::string_view name);

// Also writes to `file` when given (rotated at 5 MiB, three kept); a file that cannot be opened is
// one warning. `for_people`: stderr is a terminal that a person reads, which gets the time of day
// and a sentence; in the text format only.
void set_up(Level level, Format format, const std::optional<std::filesystem::path>& file,
            bool for_people = false);

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warn(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});
// One that a terminal for people shows as `shown` instead; empty: it does not show it.
void event(Level level, std::string_view message, Fields fields, std::string_view shown);
// To the file alone: what is too much for the sentence that a person reads.
void record(std::string_view message);

// While one lives, debug and info lines of its thread are gathered and written together when it
// goes, at the latest: for one who writes many at a time.
class Batch {
  public:
    Batch();
    ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
};

} // namespace odysseus::log
