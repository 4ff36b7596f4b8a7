// What a person sees: results on stdout, everything else on stderr; colour, progress and questions
// only where a terminal is at the other end (NO_COLOR and TERM=dumb
// are honoured). Control characters in what is shown, such as in a file's name, become visible as
// "\u001b" (base/visible.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::system {

[[nodiscard]] bool stderr_is_terminal();
[[nodiscard]] bool can_ask(); // stdin and stderr are both terminals

// How many characters fit into a row of stdout; 0: it is no terminal, or a very narrow one.
[[nodiscard]] std::size_t output_columns();
// What is written next takes the place of the "^C" that a terminal shows.
void hide_echo();

// To stdout, at once. A closed pipe is no error: nobody reads on.
void print(const std::string& text);
// "odysseus: ..." to stderr; on a terminal its rows end between words.
void complain(const std::string& sentence);
// A calm line to stderr for a person, likewise; `label` stands out where colour is allowed.
void say(const std::string& label, const std::string& text);
// Asks on stderr and reads one line from stdin; absent at its end. Throws Stopped as soon as
// `stopped` says so; it may be empty.
[[nodiscard]] std::optional<std::string> ask(const std::string& question,
                                             const std::function<bool()>& stopped = {});

// Columns aligned by their widest cell (counted in code points), two spaces between.
class Table {
  public:
    explicit Table(std::vector<std::string> head);
    void add(std::vector<std::string> row);
    [[nodiscard]] std::string text() const;
    // For stdout: on a terminal too narrow for it the first and the last column are cut, then the
    // last columns left out, down to three.
    void print() const;
    [[nodiscard]] std::string text_within(std::size_t room) const; // in characters

  private:
    void shorten(std::size_t column, std::size_t most);
    [[nodiscard]] std::size_t width(std::size_t column) const;
    [[nodiscard]] std::string text(std::size_t columns) const;
    std::vector<std::vector<std::string>> m_rows;
};

// A progress bar that redraws itself on a terminal (bytes, share, speed, time left); elsewhere one
// line at the start and one at the end. One thread.
class ProgressBar {
  public:
    explicit ProgressBar(const std::string& what, std::string label = "download");
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    void update(std::int64_t done_bytes, std::optional<std::int64_t> total_bytes);
    void finish(); // the last state stays on the screen; later updates change nothing

  private:
    void draw(bool last);

    using Clock = std::chrono::steady_clock;
    std::string m_what;
    std::string m_label; // of the line where there is no terminal
    bool m_terminal;
    Clock::time_point m_start = Clock::now();
    Clock::time_point m_drawn{};
    std::int64_t m_first_bytes = -1; // where this run began: a resumed download starts above 0
    std::int64_t m_done_bytes = 0;
    std::optional<std::int64_t> m_total_bytes;
    bool m_open = false;
    bool m_finished = false;
};

} // namespace odysseus::system
