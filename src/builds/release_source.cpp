#include "odysseus/builds/release_source.hpp"

#include "api_reply.hpp"
#include "guessed_release.hpp"
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/download/fetch.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/system/environment.hpp"
#include "reply_cache.hpp"

#include <algorithm>
#include <ctime>

namespace odysseus::builds {

namespace {

constexpr std::int64_t k_fresh_s = 900;
constexpr int k_recent_releases = 20; // some 60 KiB each
constexpr std::size_t k_api_bytes_max = 16U << 20;

std::int64_t now_epoch_s() {
    return static_cast<std::int64_t>(std::time(nullptr));
}

// The API cannot be asked now, but another way may lead on.
class ApiTrouble : public Error {
  public:
    explicit ApiTrouble(const std::string& why, bool is_unreachable = false)
        : Error(Fault::network, why), unreachable(is_unreachable) {}
    const bool unreachable; // nobody answered
};

ApiReply facts_of(const download::HttpReply& head) {
    return {head.status, head.header("x-ratelimit-remaining"), head.header("x-ratelimit-reset"),
            head.header("retry-after")};
}

std::vector<Release> parsed(const std::string& body, const std::string& url) {
    auto result = releases_from_json(body);
    if (const auto* why = std::get_if<std::string>(&result)) {
        throw ApiTrouble(
            concat("the answer of ", download::shown_url(url), " is no list of releases: ", *why));
    }
    return std::get<std::vector<Release>>(std::move(result));
}

} // namespace

struct ReleaseSource::Answer {
    std::vector<Release> releases;
    bool absent = false; // 404
};

std::optional<std::string> github_token() {
    for (const char* name : {"GITHUB_TOKEN", "GH_TOKEN"}) {
        if (auto value = system::environment_value(name)) return value;
    }
    return std::nullopt;
}

ReleaseSource::ReleaseSource(ReleaseSourceOptions options, download::HttpOptions http)
    : m_options(std::move(options)), m_http(std::move(http)) {
    m_options.github_api = download::base_url(m_options.github_api);
    m_options.github_download = download::base_url(m_options.github_download);
    download::trust_setting(m_http.trust, m_options.github_api);
    download::trust_setting(m_http.trust, m_options.github_download);
}

bool ReleaseSource::pinned() const {
    return m_options.release != "stable" && m_options.release != "nightly";
}

void ReleaseSource::tell(const std::string& sentence) const {
    if (m_options.tell) m_options.tell(sentence);
}

// From the cache while it is fresh, else from the network, else from the cache however old.
ReleaseSource::Answer ReleaseSource::ask(const std::string& path) {
    const auto url = m_options.github_api + path;
    const ReplyCache cache(m_options.cache);
    const auto kept = cache.find(url);
    const auto age_s = kept ? now_epoch_s() - kept->fetched_epoch_s : 0;
    const bool fresh = kept && age_s >= 0 && age_s < k_fresh_s;
    if (kept && (fresh || m_options.offline)) return {parsed(kept->body, url), false};
    if (m_options.offline) {
        throw Error(Fault::no_build,
                    "no llama.cpp build is installed, and --offline forbids downloading one; start "
                    "once without it, or use 'odysseus backend "
                    "import FILE' or --llama-server PATH");
    }
    try {
        return ask_network(url,
                           kept && !kept->etag.empty() ? std::optional(kept->etag) : std::nullopt);
    } catch (const ApiTrouble& trouble) {
        if (!kept) throw;
        tell(concat(trouble.what(), "; the answer of ", (age_s + 59) / 60, " minutes ago is used"));
        return {parsed(kept->body, url), false};
    }
}

ReleaseSource::Answer ReleaseSource::ask_network(const std::string& url,
                                                 const std::optional<std::string>& etag) {
    download::TextRequest request;
    request.url = url;
    request.headers = {"Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28"};
    request.etag = etag;
    request.bytes_max = k_api_bytes_max;
    const auto address = download::parsed_url(url);
    if (address && (address->scheme == "https" || download::is_loopback(*address))) {
        request.bearer = m_options.token;
    }
    for (bool waited = false;;) {
        download::TextReply reply;
        try {
            reply = download::fetch_text(request, m_http);
        } catch (const Stopped&) {
            throw;
        } catch (const download::Unreachable& nobody) {
            throw ApiTrouble(nobody.what(), true);
        } catch (const Error& error) {
            throw ApiTrouble(error.what());
        }
        const auto facts = facts_of(reply.head);
        const auto reset_s = seconds_to_reset(facts, now_epoch_s());
        const ReplyCache cache(m_options.cache);
        switch (meaning_of(facts, request.bearer.has_value())) {
        case ApiMeaning::content: {
            auto releases = parsed(reply.body, url);
            cache.keep(url, {reply.body, std::string(reply.head.header("etag")), now_epoch_s()});
            return {std::move(releases), false};
        }
        case ApiMeaning::not_modified:
            if (auto kept = cache.find(url)) {
                kept->fetched_epoch_s = now_epoch_s();
                cache.keep(url, *kept);
                return {parsed(kept->body, url), false};
            }
            request.etag.reset(); // the file went away meanwhile
            break;
        case ApiMeaning::token_bad:
            tell("the release API does not accept the token of GITHUB_TOKEN or GH_TOKEN; asking "
                 "without it");
            request.bearer.reset();
            break;
        case ApiMeaning::limited:
            if (!waited && reset_s && std::chrono::seconds(*reset_s) <= m_http.wait_max) {
                waited = true;
                download::pause(std::chrono::seconds(*reset_s), m_http);
                break;
            }
            throw ApiTrouble(
                concat("the release API ", download::shown_url(m_options.github_api),
                       " accepts no more requests for now",
                       reset_s ? concat("; try again ", reset_text(*reset_s, now_epoch_s()))
                               : std::string(),
                       m_options.token ? "" : " (with GITHUB_TOKEN it accepts more)"));
        case ApiMeaning::absent: return {{}, true};
        case ApiMeaning::refused:
            throw ApiTrouble(concat("the release API ", download::shown_url(url), " answers ",
                                    reply.head.status));
        }
    }
}

std::string ReleaseSource::pointed_tag(const std::string& url,
                                       const std::optional<std::string>& sha256) {
    download::TextRequest request;
    request.url = url;
    request.bytes_max = k_nightly_tag_bytes_max;
    const auto reply = download::fetch_text(request, m_http);
    const auto tag = reply.head.status == 200 ? nightly_tag(reply.body) : std::nullopt;
    if (!tag) {
        throw ApiTrouble(
            concat(download::shown_url(url), " names no build (status ", reply.head.status, ")"));
    }
    if (sha256 && download::sha256_of(reply.body) != *sha256) {
        throw Error(Fault::integrity, concat("the SHA-256 of ", download::shown_url(url),
                                             " is not the one that the release says"));
    }
    return *tag;
}

Release ReleaseSource::by_tag(const std::string& tag) {
    try {
        auto answer = ask(concat("/repos/", k_upstream_repo, "/releases/tags/", tag));
        if (answer.absent || answer.releases.empty()) {
            throw Error(Fault::no_build, concat("there is no llama.cpp release ", tag, "; ",
                                                m_options.github_download, "/", k_upstream_repo,
                                                "/releases lists those there are"));
        }
        return std::move(answer.releases.front());
    } catch (const ApiTrouble& trouble) {
        auto guess = guessed_release(tag, m_options.github_download);
        if (!guess) throw;
        tell(concat(trouble.what(), "; going on with ", tag,
                    " without it, so there are no digests to check"));
        return *std::move(guess);
    }
}

Release ReleaseSource::stable_without_api(const std::string& why, ApiState api) {
    const auto url = nightly_tag_url(m_options.github_download, k_upstream_repo);
    std::string tag;
    try {
        tag = pointed_tag(url, std::nullopt);
    } catch (const Stopped&) {
        throw;
    } catch (const download::Unreachable&) {
        if (api == ApiState::unreachable) throw; // one host says it for both
        if (api == ApiState::troubled) throw ApiTrouble(why);
        return newest_instead(why);
    } catch (const Error& error) {
        const auto both = concat(why, "; and without it: ", error.what());
        if (api != ApiState::answers) throw ApiTrouble(both);
        return newest_instead(both);
    }
    return by_tag(tag); // the limit may not hold for what is cached; else a guess
}

// The last resort: nobody says which build is the stable one, but there is a list of them.
Release ReleaseSource::newest_instead(const std::string& why) {
    std::vector<Release> all;
    try {
        all = recent();
    } catch (const ApiTrouble& trouble) {
        throw ApiTrouble(concat(why, "; and ", trouble.what()));
    }
    if (all.empty()) throw ApiTrouble(why);
    tell(concat(why, "; the newest build, ", all.front().tag, ", is taken instead"));
    return std::move(all.front());
}

Release ReleaseSource::stable() {
    std::string why;
    auto api = ApiState::troubled;
    try {
        auto answer = ask(concat("/repos/", k_upstream_repo, "/releases/latest"));
        api = ApiState::answers;
        auto* latest =
            answer.absent || answer.releases.empty() ? nullptr : &answer.releases.front();
        if (latest != nullptr && build_number(latest->tag)) return std::move(*latest);
        const auto* pointer = latest != nullptr ? find_asset(*latest, k_nightly_tag_file) : nullptr;
        if (pointer != nullptr) {
            const auto url =
                download::rebased(pointer->url, k_github_download, m_options.github_download);
            return by_tag(pointed_tag(url, pointer->sha256));
        }
        why = latest == nullptr ? "the release API knows no latest release"
                                : concat("the latest release, ", latest->tag, ", names no build");
    } catch (const ApiTrouble& trouble) {
        why = trouble.what();
        if (trouble.unreachable) api = ApiState::unreachable;
    }
    return stable_without_api(why, api);
}

std::vector<Release> ReleaseSource::wanted() {
    if (m_options.release == "stable") return {stable()};
    if (pinned()) return {by_tag(m_options.release)};
    auto releases = recent();
    if (releases.empty()) {
        throw Error(Fault::no_build, "the release API lists no llama.cpp build");
    }
    return releases;
}

std::vector<Release> ReleaseSource::recent() {
    auto releases =
        ask(concat("/repos/", k_upstream_repo, "/releases?per_page=", k_recent_releases)).releases;
    std::erase_if(releases, [](const Release& release) {
        return release.draft || !build_number(release.tag);
    });
    std::stable_sort(releases.begin(), releases.end(), [](const Release& a, const Release& b) {
        return build_number(a.tag) > build_number(b.tag);
    });
    return releases;
}

std::vector<Release> ReleaseSource::ai_dock() {
    return ask(concat("/repos/", k_ai_dock_repo, "/releases?per_page=", k_recent_releases))
        .releases;
}

} // namespace odysseus::builds
