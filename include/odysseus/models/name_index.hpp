// Which model a name means. Ids are exact; every other name is compared without regard to ASCII
// case, and belongs to the model with the strongest claim. Two equally strong claims: to nobody.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::models {

struct Resolved {
    std::string id;
};
struct Unknown {
    std::vector<std::string> nearest; // names that do exist, for "did you mean"
};
struct Ambiguous {
    std::vector<std::string> candidates; // ids
};
using NameAnswer = std::variant<Resolved, Unknown, Ambiguous>;

// How directly a name was given by the user's files; the smaller is the stronger.
enum class Claim {
    id,      // llama-server's own name for it
    file,    // a file, a folder or org/repo, as it stands on the disk
    derived, // the same without the quantisation, -GGUF or the organisation
    family,  // up to the size: "mistral-7b"
    // Accepted, and not told of: there are many.
    tag,       // a name and the quantisation: "mistral-7b:Q4_K_M"; the file's whole path
    loose_tag, // the quantisation as llama.cpp writes it: ":Q4_K_XL" of a file UD-Q4_K_XL
};

class NameIndex {
  public:
    void add(const std::string& name, const std::string& id, Claim claim);
    // The name itself, else what else it can mean (name_readings.hpp), else the model whose name
    // alone begins so. The empty name means the only model.
    [[nodiscard]] NameAnswer find(std::string_view asked) const;
    // What `id` answers to: the friendliest (shortest) first, none twice in another case.
    [[nodiscard]] std::vector<std::string> names_of(const std::string& id) const;

  private:
    struct Entry {
        std::string name;
        std::string id;
        Claim claim;
    };
    [[nodiscard]] std::optional<NameAnswer> known(std::string_view asked) const;
    [[nodiscard]] std::optional<NameAnswer> beginning(std::string_view asked) const;
    [[nodiscard]] std::vector<std::string> names_to_suggest() const;

    std::map<std::string, std::vector<Entry>, std::less<>> m_by_folded_name;
    std::set<std::string, std::less<>> m_ids;
};

} // namespace odysseus::models
