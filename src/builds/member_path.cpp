#include "member_path.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <vector>

namespace odysseus::builds {

namespace {

constexpr std::size_t k_part_bytes_max = 255;
constexpr std::size_t k_path_bytes_max = 1024;
constexpr std::size_t k_parts_max = 32;

// Device names of Windows, with any ending: "nul.txt" is the null device too.
bool is_device_name(std::string_view part) {
    auto stem = lowered(part.substr(0, part.find('.')));
    while (!stem.empty() && stem.back() == ' ')
        stem.pop_back();
    for (const char* name : {"con", "prn", "aux", "nul", "conin$", "conout$"}) {
        if (stem == name) return true;
    }
    if (stem.rfind("com", 0) != 0 && stem.rfind("lpt", 0) != 0) return false;
    const auto number = stem.substr(3);
    const bool digit = number.size() == 1 && number[0] >= '0' && number[0] <= '9';
    // The superscript digits of Latin-1 count as digits there.
    return digit || number == "\u00b9" || number == "\u00b2" || number == "\u00b3";
}

std::optional<std::string> bad_part(std::string_view part) {
    if (part == "..") return "it has '..' in it";
    if (part.size() > k_part_bytes_max) return "a part of it is longer than 255 bytes";
    for (const char c : part) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) return "it has a control character in it";
        if (std::string_view("\\:<>\"|?*").find(c) != std::string_view::npos) {
            return concat("it has '", c, "' in it");
        }
    }
    if (part.back() == '.' || part.back() == ' ') return "a part of it ends with a dot or a space";
    if (is_device_name(part)) return "Windows has a device of that name";
    return std::nullopt;
}

std::string path_of(const std::vector<std::string_view>& parts) {
    std::string path;
    for (const auto part : parts) {
        if (!path.empty()) path += '/';
        path += part;
    }
    return path;
}

} // namespace

MemberPath member_path(std::string_view name) {
    if (name.empty()) return MemberRefusal{"it has no name"};
    if (name.size() > k_path_bytes_max) return MemberRefusal{"it is longer than 1024 bytes"};
    if (name.front() == '/') return MemberRefusal{"it is absolute"};
    if (!is_utf8(name)) return MemberRefusal{"it is not UTF-8"};
    std::vector<std::string_view> parts;
    for (const auto part : split(name, '/')) {
        if (part.empty() || part == ".") continue;
        if (const auto bad = bad_part(part)) return MemberRefusal{*bad};
        parts.push_back(part);
    }
    if (parts.size() > k_parts_max) return MemberRefusal{"it has more than 32 parts"};
    return path_of(parts);
}

MemberPath link_landing(std::string_view member, std::string_view target, std::size_t root_parts) {
    if (target.empty()) return MemberRefusal{"it is a link to nothing"};
    if (target.size() > k_path_bytes_max) {
        return MemberRefusal{"it is a link to more than 1024 bytes"};
    }
    if (target.front() == '/') return MemberRefusal{"it is a link to an absolute path"};
    if (!is_utf8(target)) return MemberRefusal{"it is a link to what is not UTF-8"};
    auto parts = split(member, '/');
    parts.pop_back(); // a link is resolved from the folder that holds it
    if (parts.size() < root_parts) return MemberRefusal{"it lies outside"};
    bool named = false;
    for (const auto part : split(target, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            // What was named before may be a link itself, and going up from where that leads could
            // be going up from anywhere.
            if (named) return MemberRefusal{"it is a link with '..' behind a name"};
            if (parts.size() <= root_parts) return MemberRefusal{"it is a link that leads outside"};
            parts.pop_back();
            continue;
        }
        named = true;
        if (const auto bad = bad_part(part)) return MemberRefusal{"as a link: " + *bad};
        parts.push_back(part);
    }
    if (parts.size() > k_parts_max) return MemberRefusal{"it is a link to more than 32 parts"};
    auto path = path_of(parts);
    if (path == member) return MemberRefusal{"it is a link to itself"};
    return path;
}

// ASCII alone is folded here; what a file system folds beyond that is caught when the second file
// is created, which never replaces a first one.
std::string MemberNames::key(const std::string& path) const {
    return m_case_sensitive ? path : lowered(path);
}

std::optional<MemberRefusal> MemberNames::add(const std::string& path, Kind kind) {
    for (auto slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        const auto [it, fresh] = m_kinds.try_emplace(key(path.substr(0, slash)), Kind::folder);
        if (!fresh && it->second != Kind::folder) {
            return MemberRefusal{"it lies below something that is no folder"};
        }
    }
    const auto [it, fresh] = m_kinds.try_emplace(key(path), kind);
    if (fresh || (kind == Kind::folder && it->second == Kind::folder)) return std::nullopt;
    return MemberRefusal{"it is there twice"};
}

std::optional<MemberRefusal> MemberNames::add_file(const std::string& path) {
    return add(path, Kind::file);
}

std::optional<MemberRefusal> MemberNames::add_folder(const std::string& path) {
    return add(path, Kind::folder);
}

} // namespace odysseus::builds
