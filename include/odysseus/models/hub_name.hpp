// What `odysseus pull NAME` may name, and the addresses that come of it.
//
//   org/repo                  a repository of the hub; the quantisation is chosen for this machine
//   org/repo:Q4_K_M           that quantisation
//   org/repo:name.gguf        that file (the first one, where a model is split)
//   https://huggingface.co/…  a repository's page, a folder's (…/tree/main/Q4_K_M), or a file's
//                             (…/blob/main/x.gguf, …/resolve/…, …?show_file_info=x.gguf)
//   https://host.example/x.gguf   a file anywhere; plain http to this machine only
#pragma once

#include "odysseus/download/url.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::models {

struct HubName {
    std::string org;
    std::string repo;
    std::string revision = "main"; // a branch, a tag or a commit
    std::string quant;             // as asked, any case; empty: not asked for one
    std::string file;              // a path in the repository; empty: not asked for one
    std::string folder{};          // of the repository; empty: not asked for one

    [[nodiscard]] std::string id() const { return org + "/" + repo; }
};

// A GGUF file at an address that is no hub page.
struct FileAddress {
    std::string url;
    std::string file_name; // decoded, safe to create in a folder
};

// The sentence that says what is wrong and what would be right.
struct NameRefused {
    std::string sentence;
};

using PullName = std::variant<HubName, FileAddress, NameRefused>;

// `hub` is the hf_endpoint setting: pages of that host are hub pages as well as those of
// huggingface.co and hf.co. Plain http goes to loopback and to the origins in `trust`.
[[nodiscard]] PullName parsed_pull_name(std::string_view text, std::string_view hub,
                                        const download::Trust& trust);

// A path of a repository that may become a file below a folder on every system: relative, no part
// empty or "..", none that is hidden, none with characters that a file system could refuse.
[[nodiscard]] bool is_safe_hub_path(std::string_view path);

// The addresses of a repository, below `hub` without a '/' at its end.
[[nodiscard]] std::string hub_tree_url(std::string_view hub, const HubName& name);
[[nodiscard]] std::string hub_file_url(std::string_view hub, const HubName& name,
                                       std::string_view path);
[[nodiscard]] std::string hub_page_url(std::string_view hub, const HubName& name);

// What a refusal of the hub means and what helps, by the status of its answer. It says 401 also for
// what does not exist, as long as it does not know who asks.
[[nodiscard]] std::string hub_refusal(int status, std::string_view hub, const HubName& name,
                                      bool with_token);

// The addresses of all shards of a split model, from that of any of them; a file that is no shard:
// itself alone.
[[nodiscard]] std::vector<FileAddress> shard_addresses(const FileAddress& address);

} // namespace odysseus::models
