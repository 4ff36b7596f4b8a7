#include "odysseus/models/model_catalog.hpp"

#include "model_groups.hpp"
#include "model_kind.hpp"
#include "model_name.hpp"
#include "name_claims.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"
#include "odysseus/models/router_view.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace odysseus::models {

namespace {

using RouterView = std::map<std::string, RouterEntry, std::less<>>;

using Folder = ModelFolder;

[[nodiscard]] std::string_view name_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

[[nodiscard]] std::string under(const std::string& folder, const std::string& name) {
    return folder.empty() ? name : folder + "/" + name;
}

class Builder {
  public:
    Builder(const std::vector<ScannedFile>& files, std::string_view models_dir,
            const PulledOrigins& origins)
        : m_models_dir(models_dir), m_origins(origins) {
        std::vector<std::string> paths;
        for (const auto& scanned : files) {
            if (scanned.file.root.empty() && scanned.file.store_names.empty())
                paths.push_back(scanned.file.path);
            if (!scanned.file.store_names.empty()) m_stored.push_back(&scanned);
        }
        m_router = router_view(paths);
        m_groups = group_models(files);
        for (const auto& finding : m_groups.findings)
            find(finding);
    }

    Catalog build() {
        pass_over_copies();
        prefer_newest_snapshot();
        for (const auto& [key, folder] : m_groups.folders) {
            for (const auto& candidate : folder.candidates)
                add_model(candidate, folder);
        }
        for (const auto* stored : m_stored)
            add_stored(*stored);
        for (auto& model : m_catalog.models)
            model.names = m_catalog.names.names_of(model.id);
        std::sort(m_catalog.models.begin(), m_catalog.models.end(),
                  [](const Model& a, const Model& b) { return a.id < b.id; });
        for (const auto& [id, entry] : m_router)
            m_catalog.router_ids.push_back(id);
        return std::move(m_catalog);
    }

  private:
    [[nodiscard]] static const std::string& said_name(const ScannedFile& scanned) {
        const auto& file = scanned.file;
        return file.store_names.empty() ? file.path : file.store_names.front();
    }

    // One sentence on one line, whatever the files' names are.
    void find(const std::string& sentence) { m_catalog.findings.push_back(visible_line(sentence)); }

    [[nodiscard]] std::string absolute(const ModelFile& file) const {
        return (file.root.empty() ? m_models_dir : file.root) + "/" + file.path;
    }

    // A model that two of the folders hold is one model: that of the folder named first.
    void pass_over_copies() {
        std::map<std::pair<std::string, std::int64_t>, std::string> first; // by name and size
        for (auto& [key, folder] : m_groups.folders) {
            std::erase_if(folder.candidates, [&](const Candidate& candidate) {
                const auto path = absolute(candidate.files.front()->file);
                const auto [found, is_new] = first.try_emplace(
                    {std::string(name_of(candidate.path())), candidate.size_bytes()},
                    concat(candidate.root, '\n', path));
                const auto cut = found->second.find('\n');
                if (is_new || found->second.substr(0, cut) == candidate.root) return false;
                find(concat(path, " is passed over: ", found->second.substr(cut + 1),
                            " has the same name and size."));
                return true;
            });
        }
    }

    // A cache can hold several revisions of one repository.
    void prefer_newest_snapshot() {
        std::map<std::string, const Candidate*> newest; // by repo and stem
        const auto key = [](const Candidate& candidate) {
            const auto repo = *cached_repo(candidate.path());
            return repo.org + "/" + repo.repo + "/" + candidate.stem;
        };
        for (const auto& [path, folder] : m_groups.folders) {
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
            kept.insert(concat(candidate->root, '\n', candidate->path()));
        for (auto& [path, folder] : m_groups.folders) {
            std::erase_if(folder.candidates, [&](const Candidate& candidate) {
                return cached_repo(candidate.path()) &&
                       !kept.contains(concat(candidate.root, '\n', candidate.path()));
            });
        }
    }

    // The id that llama-server gives this very file by itself, with the projector that we want.
    [[nodiscard]] std::optional<std::string> own_id_of_router(const Candidate& candidate) const {
        if (!candidate.root.empty()) return std::nullopt;
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
        return entry == m_router.end() ||
               (candidate.root.empty() && entry->second.path == candidate.path()) ||
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
        return file == nullptr || can_be_preset_value(absolute(file->file));
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
                        file->file.root.empty() ? m_models_dir : file->file.root,
                        "). Rename the file or its folder."));
            return false;
        }
        return true;
    }

    void add_model(const Candidate& candidate, const Folder& folder) {
        Model model;
        const auto own = own_id_of_router(candidate);
        model.listed_by_router = own && !m_ids.contains(*own) && keeps_id(*own, candidate);
        // Each line of llama-server's log with such a name would be two.
        const bool breaks_lines = candidate.path().find_first_of("\n\r") != std::string::npos;
        if ((!model.listed_by_router || breaks_lines) && !can_be_told(candidate)) return;
        model.id = model.listed_by_router ? *own : new_id(candidate, folder);
        m_ids.insert(model.id);
        model.path = absolute(candidate.files.front()->file);
        model.shards = static_cast<int>(candidate.files.size());
        model.modified_s = candidate.files.front()->file.modified_s;
        for (const auto* part : candidate.files) {
            model.size_bytes += part->file.size_bytes;
            model.modified_s = std::max(model.modified_s, part->file.modified_s);
        }
        if (candidate.mmproj != nullptr) {
            model.mmproj = absolute(candidate.mmproj->file);
            model.mmproj_bytes = candidate.mmproj->file.size_bytes;
        }
        if (candidate.draft != nullptr && is_preset_value(candidate.draft)) {
            model.draft = absolute(candidate.draft->file);
            model.draft_bytes = candidate.draft->file.size_bytes;
            model.draft_architecture = std::get<GgufInfo>(candidate.draft->header).architecture;
        }
        describe(model, candidate);
        claim_names(m_catalog.names, model.id,
                    {candidate.path(), model.path, candidate.folder, candidate.stem,
                     pulled_repo(candidate)});
        m_catalog.models.push_back(std::move(model));
    }

    // One that another program keeps in a store of its own, under names of its own.
    void add_stored(const ScannedFile& scanned) {
        const auto& file = scanned.file;
        Candidate candidate{file.root, "", file.store_names.front(), {&scanned}};
        Model model;
        model.listed_by_router = false;
        if (!can_be_told(candidate)) return;
        model.id = stored_id(candidate);
        m_ids.insert(model.id);
        model.path = absolute(file);
        model.size_bytes = file.size_bytes;
        model.modified_s = file.modified_s;
        if (!file.store_projector.empty()) {
            auto projector = file;
            projector.path = file.store_projector;
            model.mmproj = absolute(projector);
            model.mmproj_bytes = file.store_projector_bytes;
        }
        describe(model, candidate);
        claim_stored(m_catalog.names, model.id, file.store_names, model.path);
        m_catalog.models.push_back(std::move(model));
    }

    // "qwen3-8b" of "qwen3:8b": llama-server would write what follows a ':' in capitals.
    [[nodiscard]] std::string stored_id(const Candidate& candidate) const {
        auto wanted = candidate.stem;
        if (wanted.ends_with(":latest")) wanted.resize(wanted.rfind(':'));
        std::replace(wanted.begin(), wanted.end(), ':', '-');
        wanted = section_name_from(wanted);
        auto id = wanted;
        for (int number = 2; !is_free(id, candidate); ++number)
            id = concat(wanted, "~", number);
        return id;
    }

    void describe(Model& model, const Candidate& candidate) {
        const auto& scanned = *candidate.files.front();
        if (const auto* refused = std::get_if<GgufRefused>(&scanned.header)) {
            find(concat(said_name(scanned), " will not load: ", refused->reason, "."));
            model.readable = false;
            return;
        }
        const auto& info = *candidate.info();
        const auto size = static_cast<std::uint64_t>(scanned.file.size_bytes);
        if (info.bytes_at_least && *info.bytes_at_least > size) {
            find(concat(said_name(scanned), " is cut off (only ",
                        byte_text(scanned.file.size_bytes), " are there): download it again."));
        }
        model.architecture = info.architecture;
        model.kind = kind_of(info, candidate.stem);
        if (model.kind == ModelKind::chat && info.vocab_size && !info.has_chat_template)
            find(concat(said_name(scanned), " has no chat template, so it goes on with a text "
                                            "rather than answering; to chat, take its variant "
                                            "named 'it', 'instruct' or 'chat'."));
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
    ModelGroups m_groups;
    std::vector<const ScannedFile*> m_stored;
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
            return std::pair(a.decides_context(), a.loaded_bytes()) <
                   std::pair(b.decides_context(), b.loaded_bytes());
        });
    return largest == models.end() ? nullptr : &*largest;
}

} // namespace odysseus::models
