// Prometheus's text format (version 0.0.4).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace odysseus::proxy {

class MetricsText {
  public:
    void counter(std::string_view name, std::string_view help, double value);
    void gauge(std::string_view name, std::string_view help, double value);
    // One label, and its values.
    template <class Values = std::initializer_list<std::pair<std::string_view, double>>>
    void labelled(std::string_view name, std::string_view help, std::string_view type,
                  std::string_view label, const Values& values) {
        begin(name, help, type);
        for (const auto& [value, count] : values)
            add_labelled(name, label, value, static_cast<double>(count));
    }
    [[nodiscard]] const std::string& text() const { return m_text; }

  private:
    void add_labelled(std::string_view name, std::string_view label, std::string_view value,
                      double count);
    void begin(std::string_view name, std::string_view help, std::string_view type);
    std::string m_text;
};

} // namespace odysseus::proxy
