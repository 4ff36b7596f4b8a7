#include "odysseus/models/hub_listing.hpp"

#include "model_name.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/models/draft_model.hpp"
#include "odysseus/models/hub_name.hpp"
#include "odysseus/models/kv_shape.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace odysseus::models {
namespace {

using nlohmann::json;

constexpr std::size_t k_files_max = 20'000;

std::optional<std::string> sha256_from(const json& lfs) {
    const auto oid = lfs.find("oid");
    if (oid == lfs.end() || !oid->is_string()) return std::nullopt;
    const auto text = lowered(oid->get_ref<const std::string&>());
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
        return std::nullopt;
    }
    return text;
}

std::optional<std::int64_t> size_from(const json& object) {
    const auto size = object.find("size");
    if (size == object.end() || !size->is_number_integer()) return std::nullopt;
    const auto bytes = size->get<std::int64_t>();
    return bytes >= 0 ? std::optional(bytes) : std::nullopt;
}

std::optional<HubFile> file_from(const json& entry) {
    if (!entry.is_object() || entry.value("type", json()) != "file") return std::nullopt;
    const auto path = entry.find("path");
    if (path == entry.end() || !path->is_string()) return std::nullopt;
    HubFile file;
    file.path = path->get<std::string>();
    file.size_bytes = size_from(entry).value_or(0);
    if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
        file.sha256 = sha256_from(*lfs);
        file.size_bytes = size_from(*lfs).value_or(file.size_bytes);
    }
    return file;
}

std::string_view name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string_view folder_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string uppered(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

// GGUF files that hold no model at all.
bool is_companion(std::string_view file_name) {
    return lowered(file_name).find("imatrix") != std::string::npos;
}

// Drafts for speculative decoding go beside a model; where a repository has nothing else they are
// what it offers.
void part_drafts(HubListing& listing) {
    const auto is_draft = [](const HubQuant& quant) {
        return has_draft_word(name_of(quant.files.front().path));
    };
    auto& quants = listing.quants;
    if (std::all_of(quants.begin(), quants.end(), is_draft)) return;
    std::copy_if(quants.begin(), quants.end(), std::back_inserter(listing.drafts), is_draft);
    std::erase_if(quants, is_draft);
}

struct ModelParts {
    std::map<int, HubFile> by_number;
    int count = 1;
};

HubQuant quant_from(const std::string& whole_path, const ModelParts& parts) {
    HubQuant quant;
    auto [base, token] = quant_name(name_of(whole_path));
    quant.base = std::move(base);
    if (token) quant.name = uppered(*token);
    // Repositories with a folder for each quantisation name it there at times, and only there.
    if (quant.name.empty()) {
        const std::string folder = concat("x-", name_of(folder_of(whole_path)));
        if (auto named = quant_name(folder); named.quant && named.base == "x") {
            quant.name = uppered(*named.quant);
        }
    }
    for (const auto& [number, file] : parts.by_number) {
        quant.files.push_back(file);
        quant.size_bytes += file.size_bytes;
    }
    quant.shards_missing = parts.count - static_cast<int>(parts.by_number.size());
    return quant;
}

} // namespace

std::string HubQuant::label() const {
    return name.empty() ? std::string(name_of(files.front().path)) : name;
}

std::int64_t QuantChoice::download_bytes() const {
    return quant.size_bytes + (mmproj ? mmproj->size_bytes : 0);
}

std::variant<std::vector<HubFile>, std::string> hub_files_from(std::string_view text) {
    const auto tree = json::parse(text, nullptr, false);
    if (!tree.is_array()) return "the answer is no list of files";
    if (tree.size() > k_files_max) return "the repository has too many files";
    std::vector<HubFile> files;
    for (const auto& entry : tree) {
        auto file = file_from(entry);
        if (file && is_safe_hub_path(file->path)) files.push_back(std::move(*file));
    }
    return files;
}

// RFC 8288: <address>; rel="next", more of them after commas.
std::optional<std::string> next_page(std::string_view header) {
    while (true) {
        const auto open = header.find('<');
        const auto close = header.find('>', open);
        if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
        const auto address = header.substr(open + 1, close - open - 1);
        header.remove_prefix(close + 1);
        const auto parameters = lowered(header.substr(0, header.find('<')));
        for (const auto parameter : split(parameters, ';')) {
            const auto text = trimmed(split(parameter, ',').front());
            if (text == "rel=\"next\"" || text == "rel=next") return std::string(address);
        }
    }
}

HubListing hub_listing(const std::vector<HubFile>& files) {
    HubListing listing;
    std::map<std::string, ModelParts> models; // by folder and name without the shard's number
    for (const auto& file : files) {
        const auto stem = gguf_stem(name_of(file.path));
        if (!stem || is_companion(name_of(file.path))) {
            ++listing.files_besides;
            continue;
        }
        if (is_mmproj_name(name_of(file.path))) {
            listing.mmprojs.push_back(file);
            continue;
        }
        const auto folder = folder_of(file.path);
        const auto shard = shard_name(*stem);
        const std::string whole =
            concat(folder, folder.empty() ? "" : "/", shard ? shard->whole : *stem);
        auto& parts = models[shard ? concat(whole, "\n", shard->count) : whole];
        parts.count = shard ? shard->count : 1;
        parts.by_number.emplace(shard ? shard->number : 1, file);
    }
    for (const auto& [key, parts] : models) {
        // X.gguf beside the shards of X is the same model in one piece (Qwen publishes both).
        const auto whole = key.substr(0, key.find('\n'));
        if (whole != key && models.count(whole) > 0) continue;
        listing.quants.push_back(quant_from(whole, parts));
    }
    std::stable_sort(listing.quants.begin(), listing.quants.end(),
                     [](const HubQuant& a, const HubQuant& b) {
                         const auto rank = [](const HubQuant& quant) {
                             return std::pair(quality_of(quant.name), quant.size_bytes);
                         };
                         return rank(a) > rank(b);
                     });
    part_drafts(listing);
    return listing;
}

int quality_of(std::string_view quant) {
    auto name = uppered(quant);
    const bool dynamic = name.starts_with("UD-"); // layers of different width, by their importance
    if (dynamic) name.erase(0, 3);
    if (name == "F32" || name == "FP32") return 398;
    if (name == "F16" || name == "BF16" || name == "FP16") return 399;
    if (name == "FP8") return 800;
    const auto kind = name.substr(0, 5); // "MXFP4_MOE" too
    if (kind == "MXFP4" || kind == "NVFP4") return 445;
    const auto digit = name.find_first_of("12345678");
    if (digit > 2) return 0; // none at all, or one of another word
    const int bits = name[digit] - '0';
    static const std::map<std::string, int> k_grades{
        {"XXL", 70}, {"XL", 60}, {"L", 50},  {"M", 40}, {"K", 40}, {"", 30},
        {"S", 30},   {"NL", 25}, {"XS", 20}, {"1", 20}, {"0", 15}, {"XXS", 10}};
    const auto cut = name.rfind('_');
    const auto grade = k_grades.find(cut == std::string::npos ? "" : name.substr(cut + 1));
    return bits * 100 + (grade == k_grades.end() ? 30 : grade->second) + (dynamic ? 5 : 0);
}

std::optional<HubFile> mmproj_for(const HubListing& listing, const HubQuant& quant) {
    const auto model_folder = folder_of(quant.files.front().path);
    const auto type_rank = [](const HubFile& file) {
        const auto low = lowered(name_of(file.path));
        const auto has = [&](std::string_view word) { return low.find(word) != std::string::npos; };
        if (has("bf16")) return 3;
        if (has("f16")) return 4;
        if (has("q8_0")) return 2;
        return has("f32") ? 0 : 1;
    };
    const HubFile* best = nullptr;
    for (const auto& file : listing.mmprojs) {
        const auto folder = folder_of(file.path);
        const bool above = folder.empty() || model_folder == folder ||
                           model_folder.starts_with(concat(folder, "/"));
        if (!above) continue;
        const auto rank = [&](const HubFile& f) {
            return std::pair(folder_of(f.path).size(), type_rank(f));
        };
        if (best == nullptr || rank(file) > rank(*best)) best = &file;
    }
    return best == nullptr ? std::nullopt : std::optional(*best);
}

std::string pull_folder(std::string_view org, std::string_view repo, const HubQuant& quant,
                        bool taken) {
    const auto stem = gguf_stem(name_of(quant.files.front().path)).value_or(quant.base);
    const auto shard = shard_name(stem);
    std::string folder = shard ? shard->whole : stem;
    constexpr std::array<std::string_view, 6> k_tells_nothing{"model",   "ggml-model", "ggml_model",
                                                              "unsloth", "gguf",       "weights"};
    const auto base = lowered(quant.base);
    if (std::find(k_tells_nothing.begin(), k_tells_nothing.end(), base) != k_tells_nothing.end()) {
        folder = without_gguf_ending(repo) + (quant.name.empty() ? "" : "-" + quant.name);
    }
    return taken ? concat(org, "_", folder) : folder;
}

} // namespace odysseus::models
