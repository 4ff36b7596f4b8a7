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
    // A counter with one label.
    void labelled(std::string_view name, std::string_view help, std::string_view label,
                  std::initializer_list<std::pair<std::string_view, double>> values);
    [[nodiscard]] const std::string& text() const { return m_text; }

  private:
    void begin(std::string_view name, std::string_view help, std::string_view type);
    std::string m_text;
};

} // namespace odysseus::proxy
