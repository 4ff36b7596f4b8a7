#include "odysseus/system/terminal.hpp"

#include "odysseus/base/background_output.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"
#include "odysseus/base/wrap.hpp"
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

std::size_t prose_columns(Standard stream) {
    constexpr std::size_t k_least = 40; // narrower, and breaking at words does not help
    const auto columns = is_terminal(stream) ? terminal_columns(stream) : 0;
    return columns >= k_least ? columns : 0;
}

// Only the first of its rows is prose; behind it come lines of a log, below it, and no labels.
std::string prose(const std::string& raw, std::size_t indent) {
    const auto text = visible(raw);
    const auto end = text.find('\n');
    auto rows = wrapped(text.substr(0, end), prose_columns(Standard::error), indent, indent);
    if (end == std::string::npos) return rows;
    for (const char c : text.substr(end)) {
        rows += c;
        if (c == '\n') rows.append(indent, ' ');
    }
    return rows;
}

} // namespace

bool stderr_is_terminal() {
    return is_terminal(Standard::error);
}

bool can_ask() {
    return is_terminal(Standard::input) && stderr_is_terminal();
}

std::size_t output_columns() {
    return prose_columns(Standard::output);
}

void hide_echo() {
    if (!stderr_is_terminal()) return;
    show("\r");
}

void print(const std::string& raw) {
    const auto text = visible(raw);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

void complain(const std::string& sentence) {
    const std::string who = "odysseus: ";
    if (!output_is_stuck()) show(who + prose(sentence, who.size()) + "\n");
}

void say(const std::string& label, const std::string& text) {
    constexpr std::size_t k_label_cells = 10;
    std::string line = label;
    if (line.size() < k_label_cells) line.append(k_label_cells - line.size(), ' ');
    if (colour_allowed()) line = "\x1b[1;36m" + line + "\x1b[0m";
    line += prose(text, k_label_cells) + "\n";
    show(std::move(line));
}

std::optional<std::string> ask(const std::string& question, const std::function<bool()>& stopped) {
    constexpr int k_look_ms = 100;
    std::fputs(visible(question).c_str(), stderr);
    std::fflush(stderr);
    // A line is read when it is there, so that Ctrl-C ends the wait.
    while (stopped && std::cin.rdbuf()->in_avail() <= 0 && !input_waits(k_look_ms)) {
        if (!stopped()) continue;
        std::fputs("\n", stderr);
        throw Stopped("");
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

namespace {

std::size_t widest_row(const std::string& table) {
    std::size_t widest = 0;
    for (const auto line : lines_of(table))
        widest = std::max(widest, characters(line));
    return widest;
}

} // namespace

void Table::print() const {
    system::print(text_within(columns_of(Standard::output)));
}

void Table::shorten(std::size_t column, std::size_t most) {
    for (auto& row : m_rows) {
        if (column < row.size()) row[column] = shortened(row[column], most);
    }
}

std::size_t Table::width(std::size_t column) const {
    std::size_t widest = 0;
    for (const auto& row : m_rows)
        widest = std::max(widest, column < row.size() ? characters(row[column]) : 0);
    return widest;
}

std::string Table::text_within(std::size_t room) const {
    constexpr std::size_t k_columns_least = 3;
    constexpr std::size_t k_cut_least = 16;
    auto table = text();
    if (widest_row(table) <= room) return table;
    auto cut = *this;
    cut.shorten(0, room * 2 / 5);
    for (auto columns = m_rows.front().size();; --columns) {
        table = cut.text(columns);
        const auto wide = widest_row(table);
        if (wide <= room) return table;
        const bool fewest = columns <= k_columns_least;
        // The last column can be cut most easily; where no more are left out, the widest one.
        auto column = columns - 1;
        for (std::size_t other = 0; fewest && other < columns; ++other) {
            if (cut.width(other) > cut.width(column)) column = other;
        }
        const auto excess = wide - room;
        if (cut.width(column) >= excess + k_cut_least) {
            cut.shorten(column, cut.width(column) - excess);
            return cut.text(columns);
        }
        if (fewest) return table;
    }
}

std::string Table::text(std::size_t columns) const {
    std::vector<std::size_t> widths;
    for (const auto& row : m_rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < std::min(columns, row.size()); ++i)
            widths[i] = std::max(widths[i], characters(row[i]));
    }
    std::string out;
    for (const auto& row : m_rows) {
        std::string line;
        const auto cells = std::min(columns, row.size());
        for (std::size_t i = 0; i < cells; ++i) {
            line += row[i];
            if (i + 1 < cells) line.append(widths[i] - characters(row[i]) + 2, ' ');
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
