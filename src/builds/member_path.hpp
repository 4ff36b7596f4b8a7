// Where a member of an archive may land, or why it may not. An archive is a stranger's: nothing in
// it may name a place outside the folder it is unpacked into, on any system, and what is unpacked
// on one system must be fit to be carried to another one (a USB drive).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::builds {

struct MemberRefusal {
    std::string why; // "it has '..' in it"
};

// A clean relative path: parts joined by '/', none of them "", "." or "..". Empty: the folder
// itself.
using MemberPath = std::variant<std::string, MemberRefusal>;

// Refused: absolute, "..", backslashes and ':' (drives, streams), control characters, what is no
// UTF-8, names that Windows does not allow (CON, nul.txt, a dot or a space at the end, <>"|?*),
// more than 255 bytes in a part, 1024 in all or 32 parts.
[[nodiscard]] MemberPath member_path(std::string_view name);

// Where a symbolic link at `member` (a clean path) with the text `target` leads: a clean path, or a
// refusal when that is outside of the first `root_parts` folders of `member`, absolute, has
// '..' anywhere but at its beginning, or is the link's own place. Whether something is there is
// another question.
[[nodiscard]] MemberPath link_landing(std::string_view member, std::string_view target,
                                      std::size_t root_parts = 0);

// Every name once: no file over another one, none through a link or a file as if it were a folder.
class MemberNames {
  public:
    explicit MemberNames(bool case_sensitive) : m_case_sensitive(case_sensitive) {}
    // For clean paths. A refusal leaves the object as it was, or with folders that hold nothing.
    [[nodiscard]] std::optional<MemberRefusal> add_file(const std::string& path); // links too
    [[nodiscard]] std::optional<MemberRefusal> add_folder(const std::string& path);

  private:
    enum class Kind { file, folder };
    [[nodiscard]] std::optional<MemberRefusal> add(const std::string& path, Kind kind);
    [[nodiscard]] std::string key(const std::string& path) const;
    bool m_case_sensitive;
    std::map<std::string, Kind> m_kinds;
};

} // namespace odysseus::builds
