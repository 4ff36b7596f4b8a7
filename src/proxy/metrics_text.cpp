#include "metrics_text.hpp"

#include "odysseus/base/text.hpp"

#include <cstdint>
#include <locale>
#include <sstream>

namespace odysseus::proxy {
namespace {

std::string number(double value) {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out.precision(15);
    out << value;
    return out.str();
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

} // namespace

void MetricsText::begin(std::string_view name, std::string_view help, std::string_view type) {
    m_text += concat("# HELP ", name, ' ', help, "\n# TYPE ", name, ' ', type, '\n');
}

void MetricsText::counter(std::string_view name, std::string_view help, double value) {
    begin(name, help, "counter");
    m_text += concat(name, ' ', number(value), '\n');
}

void MetricsText::gauge(std::string_view name, std::string_view help, double value) {
    begin(name, help, "gauge");
    m_text += concat(name, ' ', number(value), '\n');
}

void MetricsText::add_labelled(std::string_view name, std::string_view label,
                               std::string_view value, double count) {
    m_text += concat(name, '{', label, "=\"", escaped(value), "\"} ", number(count), '\n');
}

} // namespace odysseus::proxy
