// Which releases there are, asked of the release API as little as possible: answers are kept in
// HOME/data/releases, asked again conditionally after a quarter of an hour, and used stale when
// nothing better can be had. Where the API answers but nothing names the stable build, the newest
// one is taken, and told. When the API refuses (60 requests an hour and address without a
// token), the stable channel and pinned builds still work: nightly-tag.txt and the archives
// themselves are downloads, which are not limited; sizes and digests are missing then.
#pragma once

#include "odysseus/builds/release.hpp"
#include "odysseus/download/http.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::builds {

struct ReleaseSourceOptions {
    std::string release = "stable"; // "stable", "nightly" or a tag
    std::string github_api = "https://api.github.com";
    std::string github_download = "https://github.com";
    std::filesystem::path cache;      // a folder; empty: no cache
    bool offline = false;             // the cache alone, however old
    std::optional<std::string> token; // sent over https or to this machine only; never logged
    std::function<void(const std::string& sentence)> tell;
};

// GITHUB_TOKEN, else GH_TOKEN.
[[nodiscard]] std::optional<std::string> github_token();

// All may throw Error: network (unreachable, limited with the time of its end, nonsense instead of
// a list), no_build (no such release; offline without an answer in the cache); Stopped.
class ReleaseSource {
  public:
    // `http.trust` is extended by the two addresses.
    ReleaseSource(ReleaseSourceOptions options, download::HttpOptions http);

    // The release that is wanted, first; for nightly the older ones behind it.
    [[nodiscard]] std::vector<Release> wanted();
    // Recent builds of upstream, for when the wanted one is incomplete.
    [[nodiscard]] std::vector<Release> recent();
    [[nodiscard]] std::vector<Release> ai_dock();
    [[nodiscard]] bool pinned() const; // a tag was asked for
    [[nodiscard]] const download::HttpOptions& http() const { return m_http; } // for the downloads

  private:
    struct Answer;
    [[nodiscard]] Answer ask(const std::string& path);
    [[nodiscard]] Answer ask_network(const std::string& url,
                                     const std::optional<std::string>& etag);
    [[nodiscard]] Release by_tag(const std::string& tag);
    [[nodiscard]] Release stable();
    enum class ApiState { answers, troubled, unreachable };
    [[nodiscard]] Release stable_without_api(const std::string& why, ApiState api);
    [[nodiscard]] Release newest_instead(const std::string& why);
    [[nodiscard]] std::string pointed_tag(const std::string& url,
                                          const std::optional<std::string>& sha256);
    void tell(const std::string& sentence) const;

    ReleaseSourceOptions m_options;
    download::HttpOptions m_http;
};

} // namespace odysseus::builds
