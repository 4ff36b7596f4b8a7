// Which of a repository's models is fetched.
#include "odysseus/models/hub_listing.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/models/kv_shape.hpp"

#include <algorithm>
#include <utility>

namespace odysseus::models {
namespace {

std::string_view name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string_view folder_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string gib_text(std::int64_t bytes) {
    return byte_text(bytes);
}

std::string labels_of(const std::vector<HubQuant>& quants) {
    constexpr std::size_t k_shown_max = 30;
    std::vector<std::string> labels;
    for (const auto& quant : quants) {
        auto label = quant.label();
        if (std::find(labels.begin(), labels.end(), label) == labels.end()) {
            labels.push_back(std::move(label));
        }
    }
    const auto all = labels.size();
    labels.resize(std::min(all, k_shown_max));
    return joined(labels, ", ") +
           (all > k_shown_max ? concat(" and ", all - k_shown_max, " more") : "");
}

std::string did_you_mean(std::string_view wanted, const std::vector<HubQuant>& quants) {
    std::vector<std::string> names;
    names.reserve(2 * quants.size());
    for (const auto& quant : quants) {
        names.push_back(quant.label());
        names.emplace_back(name_of(quant.files.front().path));
    }
    const auto near = nearest(wanted, names, 1);
    return near.empty() ? "" : concat(" (did you mean ", near.front(), "?)");
}

bool is_whole(const HubQuant& quant) {
    return quant.shards_missing == 0;
}

std::int64_t needed_bytes(const HubQuant& quant, const std::optional<HubFile>& mmproj) {
    return memory_for_4096_bytes(quant.size_bytes) + (mmproj ? mmproj->size_bytes : 0);
}

QuantChoice chosen(const HubListing& listing, const HubQuant& quant) {
    QuantChoice choice;
    choice.quant = quant;
    choice.mmproj = mmproj_for(listing, quant);
    return choice;
}

// What was asked for by the name of a file, or by a quantisation: "Q4_K_XL" is also what a file
// UD-Q4_K_XL is called elsewhere.
std::vector<const HubQuant*> quants_asked(const HubListing& listing, const QuantAsked& asked) {
    std::vector<const HubQuant*> found;
    const auto take_if = [&found](const std::vector<HubQuant>& quants, const auto& is_it) {
        for (const auto& quant : quants) {
            if (is_it(quant)) found.push_back(&quant);
        }
    };
    if (asked.quant.empty()) {
        const auto by_file = [&](const HubQuant& quant) {
            return std::any_of(quant.files.begin(), quant.files.end(), [&](const auto& f) {
                return f.path == asked.file || name_of(f.path) == asked.file;
            });
        };
        take_if(listing.quants, by_file);
        take_if(listing.drafts, by_file);
        return found;
    }
    const auto wanted = lowered(asked.quant);
    take_if(listing.quants, [&](const HubQuant& quant) {
        return lowered(quant.label()) == wanted || lowered(quant.base) == wanted;
    });
    if (found.empty()) {
        take_if(listing.quants, [&](const HubQuant& quant) {
            return !quant.name.empty() && lowered(quant.name) == "ud-" + wanted;
        });
    }
    return found;
}

// Of one that does not fit whole: a clause.
std::string too_large_text(std::int64_t needed, const ModelRoom& room) {
    const auto need = concat("it needs about ", gib_text(needed), " with a context of 4096 tokens");
    if (fits_in(room, needed) == Fits::no)
        return concat(need, ", and this machine has ", gib_text(*room.fast + room.ram),
                      " for a model");
    return concat(need, " and the GPU has ", gib_text(*room.fast),
                  ": the rest lies in RAM, which is several times slower");
}

std::variant<QuantChoice, NoQuant> asked_quant(const HubListing& listing, std::string_view repo_id,
                                               const QuantAsked& asked, const ModelRoom& room) {
    const auto wanted = asked.quant.empty() ? asked.file : asked.quant;
    const auto found = quants_asked(listing, asked);
    if (found.empty()) {
        return NoQuant{concat(repo_id, " has no ", wanted, did_you_mean(wanted, listing.quants),
                              "; it has ", labels_of(listing.quants))};
    }
    if (found.size() > 1) {
        std::vector<std::string> names;
        names.reserve(found.size());
        for (const auto* quant : found)
            names.push_back(quant->files.front().path);
        return NoQuant{concat(repo_id, " has more than one ", wanted, ": ", joined(names, ", "),
                              "; name one of them: odysseus pull ", repo_id, ":", names.front())};
    }
    const auto& quant = *found.front();
    if (!is_whole(quant)) {
        return NoQuant{
            concat(repo_id, " holds ", quant.label(), " only in part: ", quant.shards_missing,
                   " of its ", quant.shards_missing + quant.files.size(),
                   " files are missing there; choose another of ", labels_of(listing.quants))};
    }
    auto choice = chosen(listing, quant);
    const auto needed = needed_bytes(quant, choice.mmproj);
    choice.fits = fits_in(room, needed);
    choice.reason = concat(quant.label(), " because it was asked for");
    if (choice.fits != Fits::yes) choice.reason += concat("; ", too_large_text(needed, room));
    return choice;
}

// The best of what lies in one folder of the repository.
std::variant<QuantChoice, NoQuant> choice_in_folder(const HubListing& listing,
                                                    std::string_view repo_id,
                                                    const QuantAsked& asked,
                                                    const ModelRoom& room) {
    auto part = listing;
    std::erase_if(part.quants, [&](const HubQuant& quant) {
        return !concat(folder_of(quant.files.front().path), "/").starts_with(asked.folder + "/");
    });
    if (part.quants.empty()) {
        return NoQuant{concat(repo_id, " has no model in a folder ", asked.folder, "; it has ",
                              labels_of(listing.quants))};
    }
    auto rest = asked;
    rest.folder.clear();
    if (part.quants.size() == 1 && rest.quant.empty() && rest.file.empty())
        rest.file = part.quants.front().files.front().path;
    return choose_quant(part, repo_id, rest, room);
}

// What most people take.
const HubQuant& usual_quant(const std::vector<const HubQuant*>& candidates) {
    const auto usual = quality_of("Q4_K_M");
    for (const auto* quant : candidates) {
        if (quality_of(quant->name) <= usual) return *quant;
    }
    return *candidates.back();
}

// The best that fits whole; else the usual one of those that fit partly. Null: none fits.
const HubQuant* best_that_fits(const HubListing& listing,
                               const std::vector<const HubQuant*>& candidates,
                               const ModelRoom& room) {
    if (!room.fast) return &usual_quant(candidates);
    std::vector<const HubQuant*> partly;
    for (const auto* quant : candidates) {
        const auto how = fits_in(room, needed_bytes(*quant, mmproj_for(listing, *quant)));
        if (how == Fits::yes) return quant;
        if (how == Fits::partly) partly.push_back(quant);
    }
    return partly.empty() ? nullptr : &usual_quant(partly);
}

NoQuant no_quant_fits(const HubListing& listing, const std::vector<const HubQuant*>& candidates,
                      std::string_view repo_id, const ModelRoom& room) {
    const auto* least =
        *std::min_element(candidates.begin(), candidates.end(), [](const auto* a, const auto* b) {
            return a->size_bytes < b->size_bytes;
        });
    return NoQuant{concat("none of the ", candidates.size(), " models of ", repo_id, " fits the ",
                          gib_text(*room.fast + room.ram),
                          " that this machine has for a model: the smallest, ", least->label(),
                          ", needs about ",
                          gib_text(needed_bytes(*least, mmproj_for(listing, *least))),
                          "; choose a smaller model, or download it anyway: odysseus pull ",
                          repo_id, ":", least->label())};
}

} // namespace

std::int64_t memory_for_4096_bytes(std::int64_t model_bytes) {
    constexpr double k_bytes_per_gib = 1024.0 * 1024 * 1024;
    const double kv_gib = kv_gib_by_size(static_cast<double>(model_bytes) / k_bytes_per_gib);
    return model_bytes + static_cast<std::int64_t>(kv_gib * k_bytes_per_gib);
}

std::variant<QuantChoice, NoQuant> choose_quant(const HubListing& listing, std::string_view repo_id,
                                                const QuantAsked& asked, const ModelRoom& room) {
    if (listing.quants.empty()) {
        return NoQuant{concat(repo_id, " holds no GGUF model (", listing.files_besides,
                              " other files); look for a repository whose name ends in -GGUF")};
    }
    if (!asked.folder.empty()) return choice_in_folder(listing, repo_id, asked, room);
    if (!asked.quant.empty() || !asked.file.empty())
        return asked_quant(listing, repo_id, asked, room);
    std::vector<const HubQuant*> candidates;
    for (const auto& quant : listing.quants) {
        if (is_whole(quant)) candidates.push_back(&quant);
    }
    if (candidates.empty()) {
        return NoQuant{
            concat(repo_id, " holds its models only in part: files of each are missing")};
    }
    const HubQuant* pick = best_that_fits(listing, candidates, room);
    if (pick == nullptr) return no_quant_fits(listing, candidates, repo_id, room);
    const auto needed = needed_bytes(*pick, mmproj_for(listing, *pick));
    const auto how = fits_in(room, needed);
    std::string reason;
    if (!room.fast) {
        reason =
            concat(pick->label(), ", the usual one, because this machine's memory is not known");
    } else if (how == Fits::partly) {
        reason = concat(pick->label(), ", as none of the ", candidates.size(), " fits the GPU; ",
                        too_large_text(needed, room));
    } else {
        reason =
            concat(pick->label(), ", the best of ", candidates.size(),
                   " that fits: with a context of 4096 tokens it needs about ", gib_text(needed),
                   " of the ", gib_text(*room.fast), " that this machine has for a model");
    }
    const auto same_name = [&](const HubQuant* q) { return q->label() == pick->label(); };
    if (std::count_if(candidates.begin(), candidates.end(), same_name) > 1) {
        return asked_quant(listing, repo_id, {pick->label(), ""}, room);
    }
    auto choice = chosen(listing, *pick);
    choice.fits = how;
    choice.reason = std::move(reason);
    return choice;
}

} // namespace odysseus::models
