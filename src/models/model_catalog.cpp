#include "odysseus/models/model_catalog.hpp"

#include "model_kind.hpp"
#include "model_name.hpp"
#include "name_claims.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/models/router_view.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace odysseus::models {

namespace {

using RouterView = std::map<std::string, RouterEntry, std::less<>>;

// One model to be: a file, or the shards of one.
struct Candidate {
    std::string folder;                    // relative, empty: the models folder itself
    std::string stem;                      // without shard ending
    std::vector<const ScannedFile*> files; // by shard number
    const ScannedFile* mmproj = nullptr;

    [[nodiscard]] const std::string& path() const { return files.front()->file.path; }
    [[nodiscard]] const GgufInfo* info() const {
        return std::get_if<GgufInfo>(&files.front()->header);
    }
};

struct Folder {
    std::vector<Candidate> candidates;
    std::vector<const ScannedFile*> projectors;
};

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

[[nodiscard]] bool is_projector(const ScannedFile& scanned) {
    const auto* info = std::get_if<GgufInfo>(&scanned.header);
    return is_mmproj_name(name_of(scanned.file.path)) ||
           (info != nullptr &&
            (info->architecture == "clip" || info->text("general.type") == "mmproj"));
}

// Why a readable GGUF is nothing to chat with; empty: it is.
[[nodiscard]] std::string no_model(const ScannedFile& scanned) {
    const auto* info = std::get_if<GgufInfo>(&scanned.header);
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
    std::string subject = lowered(quant_name(*gguf_stem(file_name)).base);
    const auto at = subject.find("mmproj");
    if (at != std::string::npos) {
        const auto before = trim(subject.substr(0, at));
        const auto after = trim(subject.substr(at + 6));
        subject = before.empty() ? after : before;
    }
    if (subject == "model" || quant_name("x-" + subject).quant) return "";
    return subject;
}

class Builder {
  public:
    Builder(const std::vector<ScannedFile>& files, std::string_view models_dir,
            const PulledOrigins& origins)
        : m_models_dir(models_dir), m_origins(origins) {
        std::vector<std::string> paths;
        paths.reserve(files.size());
        for (const auto& scanned : files)
            paths.push_back(scanned.file.path);
        m_router = router_view(paths);
        group(files);
    }

    Catalog build() {
        for (auto& [path, folder] : m_folders)
            attach_projectors(path, folder);
        prefer_newest_snapshot();
        for (const auto& [path, folder] : m_folders) {
            for (const auto& candidate : folder.candidates)
                add_model(candidate, folder);
        }
        for (auto& model : m_catalog.models)
            model.names = m_catalog.names.names_of(model.id);
        std::sort(m_catalog.models.begin(), m_catalog.models.end(),
                  [](const Model& a, const Model& b) { return a.id < b.id; });
        for (const auto& [id, entry] : m_router)
            m_catalog.router_ids.push_back(id);
        return std::move(m_catalog);
    }

  private:
    void find(const std::string& sentence) { m_catalog.findings.push_back(sentence); }

    [[nodiscard]] std::string absolute(const std::string& path) const {
        return m_models_dir + "/" + path;
    }

    void group(const std::vector<ScannedFile>& files) {
        std::map<std::string, std::map<int, const ScannedFile*>> split; // by folder/stem/count
        for (const auto& scanned : files) {
            const auto& path = scanned.file.path;
            const auto stem = gguf_stem(name_of(path));
            if (!stem || is_draft_name(name_of(path))) continue;
            auto& folder = m_folders[folder_of(path)];
            const auto shard = shard_name(*stem);
            if (shard) {
                split[concat(under(folder_of(path), shard->whole), '\n', shard->count)]
                     [shard->number] = &scanned;
            } else if (is_projector(scanned)) {
                folder.projectors.push_back(&scanned);
            } else if (const auto why = no_model(scanned); !why.empty()) {
                find(concat(path, " ", why, "."));
            } else {
                folder.candidates.push_back({folder_of(path), *stem, {&scanned}});
            }
        }
        for (const auto& [key, shards] : split)
            add_split(shards);
        for (auto& [path, folder] : m_folders) {
            std::sort(folder.candidates.begin(), folder.candidates.end(),
                      [](const Candidate& a, const Candidate& b) { return a.path() < b.path(); });
        }
    }

    void add_split(const std::map<int, const ScannedFile*>& shards) {
        const auto& path = shards.begin()->second->file.path;
        const auto name = *shard_name(*gguf_stem(name_of(path)));
        const int missing = name.count - static_cast<int>(shards.size());
        if (missing > 0) {
            int first = 1;
            while (shards.contains(first))
                ++first;
            find(concat(under(folder_of(path), name.whole), " is not offered: ", missing,
                        " of its ", name.count, " parts ", missing == 1 ? "is" : "are",
                        " missing (number ", first, missing == 1 ? ")." : " first)."));
            return;
        }
        Candidate candidate{folder_of(path), name.whole, {}};
        for (const auto& [number, scanned] : shards)
            candidate.files.push_back(scanned);
        m_folders[candidate.folder].candidates.push_back(std::move(candidate));
    }

    // A projector belongs to the models of its own folder that its name speaks of; one that speaks
    // of none belongs to the folder's only family.
    void attach_projectors(const std::string& path, Folder& folder) {
        std::set<std::string> families;
        for (const auto& candidate : folder.candidates)
            families.insert(lowered(quant_name(candidate.stem).base));
        std::stable_sort(folder.projectors.begin(), folder.projectors.end(),
                         [](const ScannedFile* a, const ScannedFile* b) {
                             return precision_rank(name_of(a->file.path)) <
                                    precision_rank(name_of(b->file.path));
                         });
        for (const auto* projector : folder.projectors) {
            const auto subject = projector_subject(name_of(projector->file.path));
            bool used = false;
            for (auto& candidate : folder.candidates) {
                const auto base = lowered(quant_name(candidate.stem).base);
                const bool named =
                    !subject.empty() && (base.starts_with(subject) || subject.starts_with(base));
                const bool only_family = families.size() == 1 && (subject.empty() || !path.empty());
                if (!named && !only_family) continue;
                used = true;
                if (candidate.mmproj == nullptr) candidate.mmproj = projector;
            }
            if (!used) {
                find(concat(
                    projector->file.path,
                    " is a projector (mmproj) without a model beside it that it fits: put it "
                    "into that model's own folder."));
            }
        }
    }

    // A cache can hold several revisions of one repository.
    void prefer_newest_snapshot() {
        std::map<std::string, const Candidate*> newest; // by repo and stem
        const auto key = [](const Candidate& candidate) {
            const auto repo = *cached_repo(candidate.path());
            return repo.org + "/" + repo.repo + "/" + candidate.stem;
        };
        for (const auto& [path, folder] : m_folders) {
            for (const auto& candidate : folder.candidates) {
                if (!cached_repo(candidate.path())) continue;
                const auto*& best = newest[key(candidate)];
                if (best == nullptr || best->files.front()->file.modified_s <=
                                           candidate.files.front()->file.modified_s) {
                    best = &candidate;
                }
            }
        }
        std::set<std::string> kept;
        for (const auto& [name, candidate] : newest)
            kept.insert(candidate->path());
        for (auto& [path, folder] : m_folders) {
            std::erase_if(folder.candidates, [&](const Candidate& candidate) {
                return cached_repo(candidate.path()) && !kept.contains(candidate.path());
            });
        }
    }

    // The id that llama-server gives this very file by itself, with the projector that we want.
    [[nodiscard]] std::optional<std::string> own_id_of_router(const Candidate& candidate) const {
        const std::string mmproj = candidate.mmproj ? candidate.mmproj->file.path : "";
        for (const auto& [id, entry] : m_router) {
            if (entry.certain && entry.path == candidate.path() && entry.mmproj == mmproj) {
                // A flat split model would be listed under its first part's name.
                if (candidate.folder.empty() && candidate.files.size() > 1) return std::nullopt;
                return id;
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] static std::string tag_of(const Candidate& candidate) {
        const auto quant = quant_name(candidate.stem).quant;
        return quant ? canonical_tag(*quant) : "";
    }

    // "org/repo:Q4_K_M", "folder", "folder:Q4_K_M", "folder/stem" or "stem".
    [[nodiscard]] static std::string wanted_id(const Candidate& candidate, const Folder& folder) {
        const auto tag = tag_of(candidate);
        const auto tagged = [&tag](const std::string& base) {
            return tag.empty() ? section_name_from(base) : section_name_from(base) + ":" + tag;
        };
        if (const auto repo = cached_repo(candidate.path())) {
            return tagged(repo->org + "/" + repo->repo);
        }
        if (candidate.folder.empty()) return section_name_from(candidate.stem);
        if (folder.candidates.size() == 1) return section_name_from(candidate.folder);
        const auto same =
            std::count_if(folder.candidates.begin(), folder.candidates.end(),
                          [&](const Candidate& other) { return tag_of(other) == tag; });
        if (!tag.empty() && same == 1) return tagged(candidate.folder);
        return section_name_from(candidate.folder + "/" + candidate.stem);
    }

    // A section may carry a name of the router's only where it replaces all that the router put
    // there: the same file's, or one without a projector of its own.
    [[nodiscard]] bool is_free(const std::string& id, const Candidate& candidate) const {
        if (m_ids.contains(id)) return false;
        const auto entry = m_router.find(id);
        return entry == m_router.end() || entry->second.path == candidate.path() ||
               entry->second.mmproj.empty() || candidate.mmproj != nullptr;
    }

    [[nodiscard]] std::string new_id(const Candidate& candidate, const Folder& folder) const {
        const auto whole = section_name_from(under(candidate.folder, candidate.stem));
        for (const auto& id : {wanted_id(candidate, folder), whole}) {
            if (is_free(id, candidate)) return id;
        }
        for (int number = 2;; ++number) {
            auto id = concat(whole, "~", number);
            if (is_free(id, candidate)) return id;
        }
    }

    [[nodiscard]] bool is_preset_value(const ScannedFile* file) const {
        return file == nullptr || can_be_preset_value(absolute(file->file.path));
    }

    // An id that no section can bear gets one that can: each model may need values of its own.
    [[nodiscard]] bool keeps_id(const std::string& id, const Candidate& candidate) const {
        return can_be_section_name(id) || !is_preset_value(candidate.files.front()) ||
               !is_preset_value(candidate.mmproj);
    }

    // Whether a preset file can name its files.
    [[nodiscard]] bool can_be_told(const Candidate& candidate) {
        for (const auto* file : {candidate.files.front(), candidate.mmproj}) {
            if (is_preset_value(file)) continue;
            find(concat(file->file.path,
                        " is not offered: llama-server cannot be told a path with ';', "
                        "'#' or a line end (",
                        m_models_dir, "). Rename the file or its folder."));
            return false;
        }
        return true;
    }

    void add_model(const Candidate& candidate, const Folder& folder) {
        Model model;
        const auto own = own_id_of_router(candidate);
        model.listed_by_router = own && !m_ids.contains(*own) && keeps_id(*own, candidate);
        if (!model.listed_by_router && !can_be_told(candidate)) return;
        model.id = model.listed_by_router ? *own : new_id(candidate, folder);
        m_ids.insert(model.id);
        model.path = absolute(candidate.path());
        model.shards = static_cast<int>(candidate.files.size());
        model.modified_s = candidate.files.front()->file.modified_s;
        for (const auto* part : candidate.files) {
            model.size_bytes += part->file.size_bytes;
            model.modified_s = std::max(model.modified_s, part->file.modified_s);
        }
        if (candidate.mmproj != nullptr) {
            model.mmproj = absolute(candidate.mmproj->file.path);
            model.mmproj_bytes = candidate.mmproj->file.size_bytes;
        }
        describe(model, candidate);
        claim_names(m_catalog.names, model.id,
                    {candidate.path(), model.path, candidate.folder, candidate.stem,
                     pulled_repo(candidate)});
        m_catalog.models.push_back(std::move(model));
    }

    void describe(Model& model, const Candidate& candidate) {
        const auto& scanned = *candidate.files.front();
        if (const auto* refused = std::get_if<GgufRefused>(&scanned.header)) {
            find(concat(scanned.file.path, " will not load: ", refused->reason, "."));
            return;
        }
        const auto& info = *candidate.info();
        const auto size = static_cast<std::uint64_t>(scanned.file.size_bytes);
        if (info.bytes_at_least && *info.bytes_at_least > size) {
            find(concat(scanned.file.path, " is cut off: it has ",
                        byte_text(scanned.file.size_bytes),
                        ", its own table of contents reaches beyond that. Fetch it again."));
        }
        model.architecture = info.architecture;
        model.kind = kind_of(info, candidate.stem);
        model.tells_pooling = tells_pooling(info);
        model.trained_context = info.trained_context();
        model.file_type = info.number("general.file_type");
        if (model.shards == 1 && info.parameter_count > 0)
            model.parameter_count = info.parameter_count;
        model.kv = kv_shape(info);
        model.weights = weights_of(candidate);
        model.compute = compute_shape(info);
    }

    [[nodiscard]] static std::optional<Weights> weights_of(const Candidate& candidate) {
        Weights sum;
        for (const auto* part : candidate.files) {
            const auto* info = std::get_if<GgufInfo>(&part->header);
            if (info == nullptr) return std::nullopt;
            add_part(sum, info->weights);
        }
        return sum.blocks.empty() ? std::nullopt : std::optional(std::move(sum));
    }

    // The repository that odysseus itself fetched the file from.
    [[nodiscard]] std::optional<CachedRepo> pulled_repo(const Candidate& candidate) const {
        const auto& file = candidate.files.front()->file;
        const auto found = m_origins.find({std::string(name_of(file.path)), file.size_bytes});
        if (found == m_origins.end()) return std::nullopt;
        const auto slash = found->second.find('/');
        if (slash == std::string::npos) return std::nullopt;
        return CachedRepo{found->second.substr(0, slash), found->second.substr(slash + 1), ""};
    }

    std::string m_models_dir;
    const PulledOrigins& m_origins;
    RouterView m_router;
    std::map<std::string, Folder> m_folders;
    std::set<std::string> m_ids;
    Catalog m_catalog;
};

} // namespace

Catalog make_catalog(const std::vector<ScannedFile>& files, std::string_view models_dir,
                     const PulledOrigins& origins) {
    return Builder(files, models_dir, origins).build();
}

const Model* largest_model(const std::vector<Model>& models) {
    const auto largest =
        std::max_element(models.begin(), models.end(), [](const Model& a, const Model& b) {
            return a.loaded_bytes() < b.loaded_bytes();
        });
    return largest == models.end() ? nullptr : &*largest;
}

} // namespace odysseus::models
