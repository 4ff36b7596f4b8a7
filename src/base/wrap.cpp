#include "odysseus/base/wrap.hpp"

#include <algorithm>

namespace odysseus {
namespace {

bool begins_character(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

} // namespace

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent,
                    std::size_t begun) {
    if (columns == 0) return std::string(text);
    std::string out;
    std::size_t column = begun;
    bool first = true; // of its row
    for (bool more = true; more;) {
        const auto end = text.find(' ');
        const auto word = text.substr(0, end);
        more = end != std::string_view::npos;
        if (more) text.remove_prefix(end + 1);
        const auto width = characters(word);
        if (!first && column + 1 + width > columns) {
            out += '\n' + std::string(indent, ' ');
            column = indent;
        } else if (!first) {
            out += ' ';
            ++column;
        }
        out += word;
        column += width;
        first = false;
    }
    return out;
}

std::string shortened(std::string_view text, std::size_t most) {
    if (characters(text) <= most) return std::string(text);
    if (most == 0) return {};
    std::size_t bytes = 0;
    std::size_t count = 0;
    for (; bytes < text.size(); ++bytes) {
        if (begins_character(text[bytes]) && count++ == most - 1) break;
    }
    return std::string(text.substr(0, bytes)) + "…";
}

} // namespace odysseus
