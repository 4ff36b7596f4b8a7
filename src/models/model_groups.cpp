#include "model_groups.hpp"

#include "model_kind.hpp"
#include "model_name.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/models/draft_model.hpp"
#include "odysseus/models/router_view.hpp"

#include <algorithm>
#include <set>

namespace odysseus::models {
namespace {

[[nodiscard]] std::string folder_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return std::string(path.substr(0, slash == std::string_view::npos ? 0 : slash));
}

[[nodiscard]] std::string_view name_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

[[nodiscard]] std::string under(const std::string& folder, const std::string& name) {
    return folder.empty() ? name : folder + "/" + name;
}

[[nodiscard]] const GgufInfo* info_of(const ScannedFile& scanned) {
    return std::get_if<GgufInfo>(&scanned.header);
}

[[nodiscard]] bool is_projector(const ScannedFile& scanned) {
    const auto* info = info_of(scanned);
    return is_mmproj_name(name_of(scanned.file.path)) ||
           (info != nullptr &&
            (info->architecture == "clip" || info->text("general.type") == "mmproj"));
}

// Certainly no model of its own; the words of a name alone do not decide.
[[nodiscard]] bool is_draft(const ScannedFile& scanned) {
    const auto* info = info_of(scanned);
    return is_draft_name(name_of(scanned.file.path)) ||
           (info != nullptr && is_draft_architecture(info->architecture));
}

// Why a readable GGUF is nothing to chat with; empty: it is.
[[nodiscard]] std::string no_model(const ScannedFile& scanned) {
    const auto* info = info_of(scanned);
    if (scanned.file.size_bytes == 0) return "is empty";
    if (info == nullptr) return "";
    const auto type = info->text("general.type").value_or("model");
    if (type == "adapter") return "is an adapter (LoRA), not a model";
    if (type == "imatrix" || info->architecture == "controlvector") {
        return "holds no model (" + info->architecture + ")";
    }
    if (info->tensor_count == 0) return "has a vocabulary but no weights";
    return "";
}

// How good a projector is beside another: half precision is what its makers recommend.
[[nodiscard]] int precision_rank(std::string_view name) {
    const auto low = lowered(name);
    if (low.find("bf16") != std::string::npos) return 1;
    if (low.find("f16") != std::string::npos || low.find("fp16") != std::string::npos) return 0;
    return low.find("q8_0") != std::string::npos ? 2 : 3;
}

// "mmproj-gemma-3-4b-it-f16.gguf" is about "gemma-3-4b-it"; "mmproj-F16.gguf" about nothing.
[[nodiscard]] std::string projector_subject(std::string_view file_name) {
    const auto trim = [](const std::string& text) {
        const auto first = text.find_first_not_of("-_.");
        if (first == std::string::npos) return std::string();
        return text.substr(first, text.find_last_not_of("-_.") - first + 1);
    };
    std::string subject = lowered(quant_name(gguf_stem(file_name).value_or("mmproj")).base);
    const auto at = subject.find("mmproj");
    if (at != std::string::npos) {
        const auto before = trim(subject.substr(0, at));
        const auto after = trim(subject.substr(at + 6));
        subject = before.empty() ? after : before;
    }
    if (subject == "model" || quant_name("x-" + subject).quant) return "";
    return subject;
}

[[nodiscard]] std::string family_of(const Candidate& candidate) {
    return lowered(quant_name(candidate.stem).base);
}

[[nodiscard]] bool lies_below(std::string_view folder, const std::string& above) {
    return above.empty() ? !folder.empty() : folder.starts_with(above + "/");
}

class Grouping {
  public:
    ModelGroups group(const std::vector<ScannedFile>& files) {
        for (const auto& scanned : files) {
            if (scanned.file.store_names.empty()) sort_in(scanned);
        }
        for (const auto& [key, shards] : m_split)
            add_split(shards);
        for (auto& [key, folder] : m_groups.folders) {
            std::sort(folder.candidates.begin(), folder.candidates.end(),
                      [](const Candidate& a, const Candidate& b) { return a.path() < b.path(); });
            part_drafts(folder);
            std::stable_sort(folder.projectors.begin(), folder.projectors.end(),
                             [](const ScannedFile* a, const ScannedFile* b) {
                                 return precision_rank(name_of(a->file.path)) <
                                        precision_rank(name_of(b->file.path));
                             });
        }
        for (auto& [key, folder] : m_groups.folders)
            attach_projectors(key, folder);
        for (auto& [key, folder] : m_groups.folders)
            attach_drafts(key, folder);
        return std::move(m_groups);
    }

  private:
    using Key = std::pair<std::string, std::string>;

    void find(const std::string& sentence) { m_groups.findings.push_back(sentence); }

    [[nodiscard]] static Key key_of(const ScannedFile& scanned) {
        return {scanned.file.root, folder_of(scanned.file.path)};
    }

    void sort_in(const ScannedFile& scanned) {
        const auto& path = scanned.file.path;
        const auto stem = gguf_stem(name_of(path));
        if (!stem) return;
        const auto key = key_of(scanned);
        auto& folder = m_groups.folders[key];
        if (is_draft(scanned)) {
            folder.drafts.push_back(&scanned);
        } else if (const auto shard = shard_name(*stem)) {
            m_split[concat(key.first, '\n', under(key.second, shard->whole), '\n', shard->count)]
                   [shard->number] = &scanned;
        } else if (is_projector(scanned)) {
            folder.projectors.push_back(&scanned);
        } else if (const auto why = no_model(scanned); !why.empty()) {
            find(concat(path, " ", why, "."));
        } else {
            folder.candidates.push_back({key.first, key.second, *stem, {&scanned}});
        }
    }

    void add_split(const std::map<int, const ScannedFile*>& shards) {
        const auto& first_part = *shards.begin()->second;
        const auto key = key_of(first_part);
        const auto name = *shard_name(*gguf_stem(name_of(first_part.file.path)));
        const int missing = name.count - static_cast<int>(shards.size());
        if (missing > 0) {
            int first = 1;
            while (shards.contains(first))
                ++first;
            find(concat(under(key.second, name.whole), " is not offered: ", missing, " of its ",
                        name.count, " parts ", missing == 1 ? "is" : "are", " missing (number ",
                        first, missing == 1 ? ")." : " first)."));
            return;
        }
        Candidate candidate{key.first, key.second, name.whole, {}};
        for (const auto& [number, scanned] : shards)
            candidate.files.push_back(scanned);
        m_groups.folders[key].candidates.push_back(std::move(candidate));
    }

    // A file that calls itself a draft is one where a model lies beside it that it fits or is named
    // after, and that is at least twice as large.
    static void part_drafts(ModelFolder& folder) {
        const auto is_draft_of = [](const Candidate& small, const Candidate& large) {
            if (small.info() == nullptr || large.info() == nullptr ||
                has_draft_word(name_of(large.path())))
                return false;
            const bool is_named = family_of(small).starts_with(family_of(large)) &&
                                  small.size_bytes() * 2 <= large.size_bytes();
            return is_named ||
                   fits_draft(*large.info(), large.size_bytes(), *small.info(), small.size_bytes());
        };
        const auto is_its_draft = [&](const Candidate& small) {
            return small.files.size() == 1 && has_draft_word(name_of(small.path())) &&
                   std::any_of(folder.candidates.begin(), folder.candidates.end(),
                               [&](const Candidate& large) { return is_draft_of(small, large); });
        };
        std::vector<std::string> drafts;
        for (const auto& candidate : folder.candidates) {
            if (!is_its_draft(candidate)) continue;
            drafts.push_back(candidate.path());
            folder.drafts.push_back(candidate.files.front());
        }
        std::erase_if(folder.candidates, [&](const Candidate& candidate) {
            return std::find(drafts.begin(), drafts.end(), candidate.path()) != drafts.end();
        });
    }

    // The models that the projectors of a folder may belong to: its own, and those of the folders
    // below it that have no projector themselves.
    [[nodiscard]] std::vector<Candidate*> models_at(const Key& key, ModelFolder& folder) {
        std::vector<Candidate*> all;
        for (auto& candidate : folder.candidates)
            all.push_back(&candidate);
        for (auto& [other, below] : m_groups.folders) {
            if (other.first != key.first || !lies_below(other.second, key.second)) continue;
            if (!below.projectors.empty()) continue;
            for (auto& candidate : below.candidates)
                all.push_back(&candidate);
        }
        // What may be a draft takes no projector from a model beside it.
        const auto is_plain = [](const Candidate* candidate) {
            return !has_draft_word(name_of(candidate->path()));
        };
        if (std::any_of(all.begin(), all.end(), is_plain))
            std::erase_if(all, [&](const Candidate* candidate) { return !is_plain(candidate); });
        return all;
    }

    // A projector belongs to the models that its name speaks of; one that speaks of none belongs
    // to the only family that lies there.
    void attach_projectors(const Key& key, ModelFolder& folder) {
        if (folder.projectors.empty()) return;
        const auto models = models_at(key, folder);
        std::set<std::string> own_families;
        std::set<std::string> families;
        for (const auto* candidate : models) {
            families.insert(family_of(*candidate));
            if (candidate->folder == key.second) own_families.insert(family_of(*candidate));
        }
        for (const auto* projector : folder.projectors) {
            const auto subject = projector_subject(name_of(projector->file.path));
            bool used = false;
            for (auto* candidate : models) {
                const auto base = family_of(*candidate);
                const bool named =
                    !subject.empty() && (base.starts_with(subject) || subject.starts_with(base));
                const bool own = candidate->folder == key.second;
                const bool is_only = own ? own_families.size() == 1 : families.size() == 1;
                // A whole models folder is no repository: there the name has to say it.
                const bool only_family = is_only && (subject.empty() || !key.second.empty());
                if (!named && !only_family) continue;
                used = true;
                // The nearest one: the folders come with those above first.
                if (candidate->mmproj == nullptr ||
                    folder_of(candidate->mmproj->file.path).size() < key.second.size())
                    candidate->mmproj = projector;
            }
            if (!used) {
                find(concat(projector->file.path,
                            " is a projector (mmproj), and no model beside it fits it: put it "
                            "into the folder of its model."));
            }
        }
    }

    // A draft from the model's own folder, else one that is named after it.
    void attach_drafts(const Key& key, ModelFolder& folder) {
        for (auto& candidate : folder.candidates) {
            if (candidate.info() == nullptr) continue;
            take_draft(candidate, folder.drafts, false);
            for (const auto& [other, elsewhere] : m_groups.folders) {
                if (other.first == key.first && other != key)
                    take_draft(candidate, elsewhere.drafts, true);
            }
        }
    }

    static void take_draft(Candidate& candidate, const std::vector<const ScannedFile*>& drafts,
                           bool by_name) {
        const auto base = family_of(candidate);
        for (const auto* draft : drafts) {
            const auto* info = info_of(*draft);
            const bool is_named =
                lowered(name_of(draft->file.path)).find(base) != std::string::npos;
            if (candidate.draft == nullptr && info != nullptr && (is_named || !by_name) &&
                fits_draft(*candidate.info(), candidate.size_bytes(), *info,
                           draft->file.size_bytes))
                candidate.draft = draft;
        }
    }

    ModelGroups m_groups;
    std::map<std::string, std::map<int, const ScannedFile*>> m_split; // by root, name and count
};

} // namespace

std::int64_t Candidate::size_bytes() const {
    std::int64_t sum = 0;
    for (const auto* part : files)
        sum += part->file.size_bytes;
    return sum;
}

ModelGroups group_models(const std::vector<ScannedFile>& files) {
    return Grouping().group(files);
}

} // namespace odysseus::models
