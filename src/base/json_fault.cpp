#include "odysseus/base/json_fault.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus {
namespace {

// Takes everything, keeps the place of the first fault.
class FaultFinder : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit FaultFinder(std::string_view text) : m_text(text) {}
    const std::string& place() const { return m_place; }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        const auto read = m_text.substr(0, std::min(position, m_text.size()));
        const auto line = std::count(read.begin(), read.end(), '\n') + 1;
        const auto begin = read.rfind('\n');
        const auto column = begin == std::string_view::npos ? read.size() : read.size() - begin - 1;
        m_place = concat("line ", line, ", column ", std::max<std::size_t>(column, 1));
        return false;
    }
    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override { return true; }
    bool key(string_t&) override { return true; }
    bool end_object() override { return true; }
    bool start_array(std::size_t) override { return true; }
    bool end_array() override { return true; }

  private:
    std::string_view m_text;
    std::string m_place;
};

} // namespace

std::string json_fault_place(std::string_view text) {
    FaultFinder finder(text);
    (void)nlohmann::json::sax_parse(text.begin(), text.end(), &finder);
    return finder.place();
}

} // namespace odysseus
