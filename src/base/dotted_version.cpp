#include "odysseus/base/dotted_version.hpp"

#include "odysseus/base/text.hpp"

#include <array>
#include <tuple>
#include <vector>

namespace odysseus {

std::optional<DottedVersion> dotted_version(std::string_view text) {
    const auto parts = split(text, '.');
    if (parts.size() > 4) return std::nullopt;
    std::vector<int> numbers;
    for (const auto part : parts) {
        if (part.empty() || part.size() > 5 ||
            part.find_first_not_of("0123456789") != std::string_view::npos) {
            return std::nullopt;
        }
        numbers.push_back(static_cast<int>(*parsed_int(part)));
    }
    DottedVersion version{numbers[0], std::nullopt};
    if (numbers.size() > 1) version.minor = numbers[1];
    return version;
}

std::string version_text(const DottedVersion& version) {
    return version.minor ? concat(version.major, '.', *version.minor) : concat(version.major);
}

bool below(const DottedVersion& a, const DottedVersion& b) {
    return std::pair(a.major, a.minor_or_zero()) < std::pair(b.major, b.minor_or_zero());
}

bool same(const DottedVersion& a, const DottedVersion& b) {
    return !below(a, b) && !below(b, a);
}

} // namespace odysseus
