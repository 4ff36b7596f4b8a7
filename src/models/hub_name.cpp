#include "odysseus/models/hub_name.hpp"

#include "model_name.hpp"
#include "name_readings.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/models/starter_models.hpp"

#include <algorithm>
#include <vector>

namespace odysseus::models {
namespace {

constexpr std::size_t k_name_bytes_max = 96; // the hub's own limit for an organisation or a name
constexpr std::size_t k_quant_bytes_max = 32;
constexpr std::size_t k_path_bytes_max = 512;
constexpr std::size_t k_file_name_bytes_max = 200; // leaves room for ".part" on every file system

bool is_word_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name_char(char c) {
    return is_word_char(c) || c == '.' || c == '-';
}

// An organisation, a repository, a revision.
bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= k_name_bytes_max && is_word_char(text.front()) &&
           is_word_char(text.back()) && text.find("..") == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), is_name_char);
}

bool is_safe_part(std::string_view part) {
    constexpr std::string_view k_refused = "<>:\"|?*\\/";
    if (part.empty() || part.size() > k_file_name_bytes_max || part.front() == '.' ||
        part.back() == '.' || part.front() == ' ' || part.back() == ' ') {
        return false;
    }
    return std::none_of(part.begin(), part.end(), [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte >= 0x7f || k_refused.find(c) != std::string_view::npos;
    });
}

bool is_gguf(std::string_view path) {
    return gguf_stem(path.substr(path.rfind('/') + 1)).has_value();
}

NameRefused refused(std::string_view text, std::string_view why) {
    // What was typed is shown as far as it is readable.
    std::string shown;
    for (const char c : text.substr(0, 120)) {
        shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    return {
        concat("'", shown, "' ", why,
               "; what can be pulled is org/repo, org/repo:QUANT, or an https address that ends "
               "in .gguf")};
}

// What may follow the ':' of org/repo: a quantisation, or a file.
std::optional<NameRefused> take_choice(std::string_view text, std::string_view choice,
                                       HubName& name) {
    if (is_gguf(choice)) {
        if (!is_safe_hub_path(choice)) {
            return refused(text, "names a file with a path that is not safe");
        }
        name.file = choice;
        return std::nullopt;
    }
    if (choice.empty()) return refused(text, "names no quantisation after the ':'");
    if (choice.size() > k_quant_bytes_max || !is_name(choice)) {
        return refused(text, "has a quantisation that is none, such as Q4_K_M");
    }
    name.quant = choice;
    return std::nullopt;
}

// What the list of first models calls "Qwen3 8B" is also qwen3-8b; the beginning of one such name
// will do. Empty: it is none, or several.
std::string_view starter_named(std::string_view asked) {
    std::string_view found;
    for (const auto& starter : starter_models()) {
        const auto name = dashed_name(starter.title);
        if (same_name(name, asked)) return starter.name;
        if (!begins_name(name, asked)) continue;
        if (!found.empty()) return {};
        found = starter.name;
    }
    return found;
}

PullName repo_name(std::string_view text, std::string_view whole) {
    HubName name;
    const auto colon = text.find(':');
    const auto repo = text.substr(0, colon);
    const auto parts = split(repo, '/');
    if (parts.size() == 1) {
        if (!is_name(repo)) return refused(whole, "is no Hugging Face name");
        if (const auto starter = starter_named(repo); !starter.empty()) {
            return colon == std::string_view::npos
                       ? repo_name(starter, whole)
                       : repo_name(concat(starter.substr(0, starter.find(':')), text.substr(colon)),
                                   whole);
        }
        return NameRefused{concat("'", repo, "' is no Hugging Face name (ORG/NAME); find one: ",
                                  "https://huggingface.co/models?library=gguf&search=", repo)};
    }
    if (parts.size() > 2) return refused(whole, "has too many '/'");
    if (!is_name(parts[0]) || !is_name(parts[1])) {
        return refused(whole, "is no repository's name: letters, digits, '-', '_' and '.' may be "
                              "in it, and it begins with a letter or a digit");
    }
    name.org = parts[0];
    name.repo = parts[1];
    if (colon != std::string_view::npos) {
        if (auto why = take_choice(whole, text.substr(colon + 1), name)) return *std::move(why);
    }
    return name;
}

bool is_hub_host(const download::Url& url, std::string_view hub) {
    if (url.host == "huggingface.co" || url.host == "www.huggingface.co" || url.host == "hf.co") {
        return true;
    }
    const auto own = download::parsed_url(hub);
    return own && download::origin_of(*own) == download::origin_of(url);
}

// The decoded value of `key` in what follows the '?'; absent: it is not there.
std::optional<std::string> query_value(std::string_view path, std::string_view key) {
    const auto question = path.find('?');
    if (question == std::string_view::npos) return std::nullopt;
    const auto query = path.substr(question + 1);
    for (const auto part : split(query.substr(0, query.find('#')), '&')) {
        const auto equals = part.find('=');
        if (part.substr(0, equals) != key || equals == std::string_view::npos) continue;
        return download::percent_decoded(part.substr(equals + 1), false);
    }
    return std::nullopt;
}

// /org/repo, /org/repo/tree/main/Q4_K_M, /org/repo/blob/main/sub/x.gguf
PullName hub_page(std::string_view text, const download::Url& url, std::string_view hub) {
    auto path = std::string_view(url.path).substr(0, url.path.find('?'));
    if (const auto own = download::parsed_url(hub);
        own && own->path != "/" && path.starts_with(own->path)) {
        path.remove_prefix(own->path.size()); // a mirror below a path of its host
    }
    const auto decoded = download::percent_decoded(path, false);
    if (!decoded) return refused(text, "is no address");
    std::vector<std::string> parts;
    for (const auto part : split(*decoded, '/')) {
        if (!part.empty()) parts.emplace_back(part);
    }
    if (parts.size() < 2 || parts[0] == "datasets" || parts[0] == "spaces" || parts[0] == "api") {
        return refused(text, "is not the page of a model");
    }
    auto parsed = repo_name(concat(parts[0], "/", parts[1]), text);
    auto* name = std::get_if<HubName>(&parsed);
    if (name == nullptr) return parsed;
    if (parts.size() >= 4) {
        if (!is_name(parts[3])) return refused(text, "has a revision that is none");
        name->revision = parts[3];
    }
    // The page of a file, as the hub's list opens it.
    if (const auto shown = query_value(url.path, "show_file_info")) {
        if (!is_gguf(*shown) || !is_safe_hub_path(*shown))
            return refused(text, "shows a file that is no GGUF file");
        name->file = *shown;
        return parsed;
    }
    if (parts.size() == 2) return parsed;
    const std::string in_repo =
        joined(std::vector<std::string>(
                   parts.begin() + std::min<std::ptrdiff_t>(4, std::ssize(parts)), parts.end()),
               "/");
    const bool file = parts[2] == "blob" || parts[2] == "resolve" || parts[2] == "raw";
    if (!file) { // the page of a folder, or of the discussions
        if (parts[2] == "tree" && is_safe_hub_path(in_repo)) name->folder = in_repo;
        return parsed;
    }
    if (!is_gguf(in_repo) || !is_safe_hub_path(in_repo)) {
        return refused(text, "is not the address of a GGUF file");
    }
    name->file = in_repo;
    return parsed;
}

PullName file_address(std::string_view text, const download::Url& url,
                      const download::Trust& trust) {
    if (const auto why = download::distrusted(url, trust))
        return refused(text, concat("is refused: ", *why));
    if (!url.user.empty()) {
        // The address may end in a log or a shell's history, so it is not repeated here either.
        return NameRefused{"the address has a name and a password in it, which would be stored in "
                           "the clear; give an address without them"};
    }
    const auto path = std::string_view(url.path).substr(0, url.path.find('?'));
    const auto name = download::percent_decoded(path.substr(path.rfind('/') + 1), false);
    if (!name || !is_gguf(*name)) return refused(text, "does not end in .gguf");
    if (name->find('/') != std::string::npos || !is_safe_hub_path(*name)) {
        return refused(text, "has a file name that is not safe to create");
    }
    return FileAddress{download::origin_of(url) + url.path, *name};
}

} // namespace

PullName parsed_pull_name(std::string_view text, std::string_view hub,
                          const download::Trust& trust) {
    text = trimmed(text);
    if (text.empty()) return refused(text, "names nothing");
    if (text.find("://") != std::string_view::npos) {
        const auto url = download::parsed_url(text);
        if (!url) return refused(text, "is no http or https address");
        if (is_hub_host(*url, hub)) return hub_page(text, *url, hub);
        return file_address(text, *url, trust);
    }
    for (const std::string_view host : {"huggingface.co/", "hf.co/", "www.huggingface.co/"}) {
        if (!text.starts_with(host)) continue;
        const auto rest = text.substr(host.size());
        const bool is_page =
            rest.find('?') != rest.npos || std::count(rest.begin(), rest.end(), '/') > 1;
        const auto url = is_page ? download::parsed_url(concat("https://", text)) : std::nullopt;
        return url ? hub_page(text, *url, hub) : repo_name(rest, text);
    }
    return repo_name(text, text);
}

bool is_safe_hub_path(std::string_view path) {
    if (path.empty() || path.size() > k_path_bytes_max) return false;
    const auto parts = split(path, '/');
    return std::all_of(parts.begin(), parts.end(), is_safe_part);
}

std::string hub_tree_url(std::string_view hub, const HubName& name) {
    return concat(hub, "/api/models/", name.id(), "/tree/", name.revision, "?recursive=true");
}

std::string hub_file_url(std::string_view hub, const HubName& name, std::string_view path) {
    return concat(hub, "/", name.id(), "/resolve/", name.revision, "/",
                  download::percent_encoded(path, "/"));
}

std::string hub_page_url(std::string_view hub, const HubName& name) {
    return concat(hub, "/", name.id());
}

std::string hub_refusal(int status, std::string_view hub, const HubName& name, bool with_token) {
    const auto page = hub_page_url(hub, name);
    if ((status == 401 || status == 403) && !with_token) {
        return concat(page, " is gated, private or does not exist (the server answers ", status,
                      "): check the name; if it is gated, accept its licence on that page, make a "
                      "token at ",
                      hub, "/settings/tokens and set HF_TOKEN to it");
    }
    if (status == 401 || status == 403) {
        return concat(
            "the token in HF_TOKEN may not read ", page, " (the server answers ", status,
            "): accept the model's licence on that page with the token's account, or make "
            "a new token at ",
            hub, "/settings/tokens");
    }
    if (status == 404) {
        const bool branch = name.revision != "main";
        return concat("there is no ", name.id(), branch ? concat(" at '", name.revision, "'") : "",
                      " at ", hub, "; check the spelling: ", hub, "/", name.org,
                      " lists what there is of ", name.org);
    }
    if (status == 429) {
        return concat(hub, " limits how often it may be asked (429); wait some minutes",
                      with_token ? "" : ", or set HF_TOKEN: with a token more is allowed");
    }
    return concat(hub, " answers ", status, " for ", name.id(),
                  "; try again later, or use a mirror (--hf-endpoint)");
}

std::vector<FileAddress> shard_addresses(const FileAddress& address) {
    constexpr int k_shards_max = 1000;
    const auto stem = gguf_stem(address.file_name);
    const auto shard = stem ? shard_name(*stem) : std::nullopt;
    if (!shard || shard->count > k_shards_max) return {address};
    const auto tail = std::string_view(address.file_name).substr(shard->whole.size());
    const auto at = address.url.rfind(tail); // "-00002-of-00003.gguf" needs no percent signs
    if (at == std::string::npos || address.url.find('?') < at) return {address};
    std::vector<FileAddress> all;
    for (int number = 1; number <= shard->count; ++number) {
        std::string digits = concat(number);
        digits.insert(0, 5 - digits.size(), '0');
        auto one = address;
        one.url.replace(at + 1, 5, digits);
        one.file_name.replace(shard->whole.size() + 1, 5, digits);
        all.push_back(std::move(one));
    }
    return all;
}

} // namespace odysseus::models
