#include "odysseus/download/fetch.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "transfer.hpp"

#include <algorithm>

namespace odysseus::download {

TextReply fetch_text(const TextRequest& request, const HttpOptions& options) {
    std::string body;
    HttpGet get;
    get.url = request.url;
    get.headers = request.headers;
    get.bearer = request.bearer;
    get.compressed = true;
    if (request.etag) get.headers.push_back("If-None-Match: " + *request.etag);
    get.on_body = [&](std::string_view piece) {
        if (body.size() + piece.size() > request.bytes_max) {
            throw Error(Fault::network,
                        concat("the answer of ", shown_url(request.url), " is larger than ",
                               byte_text(static_cast<std::int64_t>(request.bytes_max))));
        }
        body += piece;
    };
    for (int tries = 1;; ++tries) {
        body.clear();
        const auto outcome = http_get(get, options);
        const auto* reply = std::get_if<HttpReply>(&outcome);
        const bool last = tries >= options.tries_max;
        auto wait = back_off(tries, options.back_off);
        if (reply != nullptr) {
            const bool passing = is_transient_status(reply->status) && reply->status != 429;
            wait = std::max(wait, retry_after(*reply).value_or(wait));
            if (!passing || last || wait > std::max(options.wait_max, options.back_off)) {
                return {*reply, body};
            }
        } else {
            const auto& failure = std::get<HttpBroken>(outcome);
            if (last || !failure.transient) {
                throw Unreachable(request.url, failure.why, tries);
            }
        }
        pause(wait, options);
    }
}

} // namespace odysseus::download
