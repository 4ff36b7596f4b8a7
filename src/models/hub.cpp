#include "hub.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace odysseus::models {
namespace {

constexpr int k_pages_max = 50;
constexpr std::size_t k_page_bytes_max = 16U << 20;

// Thrown out of a body of which the beginning is enough.
struct Enough {};

// A person waits for these answers; a download may be more patient.
download::HttpOptions impatient(download::HttpOptions http) {
    constexpr int k_tries_max = 3;
    constexpr std::chrono::seconds k_connect_limit{5};
    http.tries_max = std::min(http.tries_max, k_tries_max);
    http.connect_limit = std::min<std::chrono::milliseconds>(http.connect_limit, k_connect_limit);
    return http;
}

bool is_refusal(int status) {
    return status == 401 || status == 403 || status == 404 || status == 429;
}

[[noreturn]] void refuse(int status, const HubName& name, const PullOptions& options) {
    // A name that does not exist is the user's to put right, everything else is the network's.
    throw Error(status == 404 ? Fault::usage : Fault::network,
                hub_refusal(status, options.hub, name, options.token.has_value()));
}

download::TextReply answer_to(const download::TextRequest& request, const PullOptions& options) {
    return download::fetch_text(request, impatient(hub_http(options)));
}

// The status of the answer to a request for the file's first bytes; 0: none came.
int access_status(const std::string& url, const PullOptions& options) {
    int status = 0;
    download::HttpGet get;
    get.url = url;
    get.bearer = options.token;
    get.headers.emplace_back("Range: bytes=0-3");
    get.on_head = [&](const download::HttpReply& reply) {
        status = reply.status;
        return true;
    };
    get.on_body = [](std::string_view) { throw Enough(); };
    try {
        const auto outcome = download::http_get(get, impatient(hub_http(options)));
        if (const auto* reply = std::get_if<download::HttpReply>(&outcome)) status = reply->status;
    } catch (const Enough&) { // the status is known: that is what was asked for
    }
    return status;
}

// A mirror may hand on the links of the hub that it mirrors.
std::string next_url(const std::string& link, const PullOptions& options) {
    auto url = download::rebased(link, "https://huggingface.co", options.hub);
    const auto there = download::parsed_url(url);
    const auto here = download::parsed_url(options.hub);
    if (there && here && download::origin_of(*there) == download::origin_of(*here)) return url;
    throw Error(Fault::network,
                concat(options.hub, " continues its list of files at another host (",
                       download::shown_url(link), "), which is not followed"));
}

} // namespace

download::HttpOptions hub_http(const PullOptions& options) {
    auto http = options.http;
    download::trust_setting(http.trust, options.hub);
    return http;
}

std::vector<HubFile> hub_files(const HubName& name, PullOptions& options) {
    std::vector<HubFile> files;
    download::TextRequest request;
    request.url = hub_tree_url(options.hub, name);
    request.bearer = options.token;
    request.bytes_max = k_page_bytes_max;
    for (int page = 0; page < k_pages_max; ++page) {
        auto reply = answer_to(request, options);
        // A token that has expired is refused even where none is needed.
        if (reply.head.status == 401 && request.bearer) {
            request.bearer.reset();
            auto without = answer_to(request, options);
            if (without.head.status == 200) {
                options.token.reset();
                reply = std::move(without);
            }
        }
        if (reply.head.status != 200) refuse(reply.head.status, name, options);
        auto some = hub_files_from(reply.body);
        if (const auto* why = std::get_if<std::string>(&some)) {
            throw Error(Fault::network,
                        concat(download::shown_url(request.url), ": ", *why,
                               "; does this network ask for a login, or is --hf-endpoint no hub?"));
        }
        auto& more = std::get<std::vector<HubFile>>(some);
        std::move(more.begin(), more.end(), std::back_inserter(files));
        const auto next = next_page(reply.head.header("link"));
        if (!next) return files;
        request.url = next_url(*next, options);
    }
    throw Error(Fault::network, concat(name.id(), " has more files than can be listed"));
}

void check_access(const HubName& name, const std::string& url, PullOptions& options) {
    const int status = access_status(url, options);
    if (status == 401 && options.token) {
        auto without = options;
        without.token.reset();
        if (const int then = access_status(url, without); then != 0 && !is_refusal(then)) {
            options.token.reset();
            return;
        }
    }
    // Everything else is left to the download, which tries again and knows what to say.
    if (is_refusal(status)) refuse(status, name, options);
}

} // namespace odysseus::models
