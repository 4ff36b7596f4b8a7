#include "odysseus/system/terminal.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"
#include "progress_line.hpp"
#include "tty.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <string_view>

namespace odysseus::system {
namespace {

constexpr std::chrono::milliseconds k_redraw_ms{100};

// A terminal that understands nothing but text, such as an editor's shell window.
bool is_dumb() {
    const char* term = std::getenv("TERM");
    return term != nullptr && std::string_view(term) == "dumb";
}

bool colour_allowed() {
    const char* no_color = std::getenv("NO_COLOR"); // https://no-color.org
    return stderr_is_terminal() && !is_dumb() && (no_color == nullptr || *no_color == '\0');
}

// What a table has to fit into; far more than a terminal has when it is none.
std::size_t columns_of(Standard stream) {
    constexpr std::size_t k_least = 40; // narrower, and leaving columns out does not help
    const auto columns = terminal_columns(stream);
    return columns >= k_least ? columns : std::numeric_limits<std::size_t>::max();
}

std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

} // namespace

bool stderr_is_terminal() {
    return is_terminal(Standard::error);
}

bool can_ask() {
    return is_terminal(Standard::input) && stderr_is_terminal();
}

void print(const std::string& raw) {
    const auto text = visible(raw);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

void complain(const std::string& sentence) {
    const auto text = "odysseus: " + visible(sentence) + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

void say(const std::string& label, const std::string& text) {
    std::string line = label;
    constexpr std::size_t k_label_cells = 10;
    if (line.size() < k_label_cells) line.append(k_label_cells - line.size(), ' ');
    if (colour_allowed()) line = "\x1b[1;36m" + line + "\x1b[0m";
    for (const char c : visible(text)) {
        line += c;
        if (c == '\n') line.append(k_label_cells, ' '); // below the first line, and no label
    }
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
}

std::optional<std::string> ask(const std::string& question, const std::function<bool()>& stopped) {
    constexpr int k_look_ms = 100;
    std::fputs(visible(question).c_str(), stderr);
    std::fflush(stderr);
    // A line is read when it is there, so that Ctrl-C ends the wait.
    while (stopped && std::cin.rdbuf()->in_avail() <= 0 && !input_waits(k_look_ms)) {
        if (!stopped()) continue;
        std::fputs("\n", stderr);
        throw Stopped("the question was not answered");
    }
    std::string answer;
    if (std::getline(std::cin, answer)) return std::string(trimmed(answer));
    std::fputs("\n", stderr); // what comes next is not part of the question
    return std::nullopt;
}

Table::Table(std::vector<std::string> head) {
    m_rows.push_back(std::move(head));
}

void Table::add(std::vector<std::string> row) {
    for (auto& cell : row)
        cell = visible_line(cell);
    m_rows.push_back(std::move(row));
}

std::string Table::text() const {
    return text(m_rows.front().size());
}

void Table::print() const {
    constexpr std::size_t k_columns_least = 3;
    const auto room = columns_of(Standard::output);
    for (auto columns = m_rows.front().size();; --columns) {
        const auto table = text(columns);
        std::size_t widest = 0;
        for (const auto line : lines_of(table))
            widest = std::max(widest, width_of(std::string(line)));
        if (widest > room && columns > k_columns_least) continue;
        system::print(table);
        return;
    }
}

std::string Table::text(std::size_t columns) const {
    std::vector<std::size_t> widths;
    for (const auto& row : m_rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < std::min(columns, row.size()); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string out;
    for (const auto& row : m_rows) {
        std::string line;
        const auto cells = std::min(columns, row.size());
        for (std::size_t i = 0; i < cells; ++i) {
            line += row[i];
            if (i + 1 < cells) line.append(widths[i] - width_of(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

ProgressBar::ProgressBar(const std::string& what, std::string label)
    : m_what(visible_line(what)), m_label(std::move(label)),
      m_terminal(stderr_is_terminal() && !is_dumb()) {}

ProgressBar::~ProgressBar() {
    if (m_open && m_terminal) std::fputc('\n', stderr);
}

void ProgressBar::update(std::int64_t done_bytes, std::optional<std::int64_t> total_bytes) {
    if (m_finished) return;
    if (m_first_bytes < 0) m_first_bytes = done_bytes;
    m_done_bytes = done_bytes;
    m_total_bytes = total_bytes;
    const auto now = Clock::now();
    if (!m_open && !m_terminal) {
        say(m_label, concat(m_what, total_bytes ? concat(" (", byte_text(*total_bytes), ")") : ""));
    }
    m_open = true;
    if (m_terminal && now - m_drawn >= k_redraw_ms) {
        m_drawn = now;
        draw(false);
    }
}

void ProgressBar::finish() {
    m_finished = true;
    if (!m_open) return;
    draw(true);
    m_open = false;
}

void ProgressBar::draw(bool last) {
    const double seconds = std::chrono::duration<double>(Clock::now() - m_start).count();
    const double speed =
        seconds > 0
            ? static_cast<double>(m_done_bytes - std::max<std::int64_t>(m_first_bytes, 0)) / seconds
            : 0;
    const std::string rate = byte_text(static_cast<std::int64_t>(speed)) + "/s";
    if (!m_terminal) {
        say("", concat(byte_text(m_done_bytes), " in ", duration_text(seconds), ", ", rate));
        return;
    }
    auto line = "\r" + progress_line({m_what, m_done_bytes, m_total_bytes, speed, last},
                                     terminal_columns(Standard::error));
    line += "\x1b[K"; // erases what a longer line left behind
    if (last) line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
}

} // namespace odysseus::system
