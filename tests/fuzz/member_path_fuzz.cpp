// Any bytes as a member's name and a link's target (a newline between): whatever is let through is
// relative, stays inside, and is let through again as the same path.
#include "builds/member_path.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace odysseus;

namespace {

void check_inside(std::string_view path) {
    if (path.empty()) return;
    if (path.front() == '/' || path.back() == '/') std::abort();
    for (std::size_t start = 0; start <= path.size();) {
        auto end = path.find('/', start);
        if (end == std::string_view::npos) end = path.size();
        const auto part = path.substr(start, end - start);
        if (part.empty() || part == "." || part == "..") std::abort();
        if (part.find_first_of("\\:") != std::string_view::npos) std::abort();
        start = end + 1;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto middle = input.find('\n');
    const auto name = input.substr(0, middle);
    const auto clean = builds::member_path(name);
    const auto* path = std::get_if<std::string>(&clean);
    if (path == nullptr) return 0;
    check_inside(*path);
    if (path->empty()) return 0;
    const auto again = builds::member_path(*path);
    if (std::get_if<std::string>(&again) == nullptr || std::get<std::string>(again) != *path) {
        std::abort();
    }
    builds::MemberNames names(size % 2 == 0);
    if (names.add_file(*path) || !names.add_file(*path)) std::abort();
    if (middle == std::string_view::npos) return 0;
    const auto landing = builds::link_landing(*path, input.substr(middle + 1));
    if (const auto* where = std::get_if<std::string>(&landing)) check_inside(*where);
    return 0;
}
