#include "odysseus/download/http.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/system/certificates.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <ctime>
#include <curl/curl.h>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace odysseus::download {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_redirects_max = 5;
constexpr long k_buffer_bytes = 256L << 10;
constexpr std::size_t k_header_bytes_max = 64U << 10;
constexpr std::int64_t k_stall_bytes = 4096;
constexpr std::chrono::milliseconds k_look_around{100};

struct EasyDelete {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDelete {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDelete {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDelete>;
using Multi = std::unique_ptr<CURLM, MultiDelete>;
using List = std::unique_ptr<curl_slist, ListDelete>;

void start_libcurl() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            throw Error(Fault::bug, "libcurl does not start");
        }
    });
}

void append(List& list, const std::string& line) {
    auto* grown = curl_slist_append(list.get(), line.c_str());
    if (grown == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(grown);
}

// What the callbacks of one hop share. Exceptions must not pass through libcurl: they wait here.
struct Hop {
    const HttpGet* get = nullptr;
    CURL* easy = nullptr;
    HttpReply reply;
    std::string redirect;
    std::size_t header_bytes = 0;
    std::int64_t body_bytes = 0;
    bool headed = false;
    bool wanted = true;
    std::exception_ptr thrown;
};

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// The headers of the final answer are complete: asks whether the body is wanted.
void take_head(Hop& hop) {
    if (std::exchange(hop.headed, true)) return;
    curl_off_t length = -1;
    curl_easy_getinfo(hop.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0 && hop.reply.header("content-encoding").empty()) {
        hop.reply.content_length = length;
    }
    if (is_redirect(hop.reply.status) && !hop.reply.header("location").empty()) {
        hop.wanted = false;
        return;
    }
    if (hop.get->on_head) hop.wanted = hop.get->on_head(hop.reply);
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
    auto& hop = *static_cast<Hop*>(user);
    const std::string_view line(data, size);
    hop.header_bytes += size;
    if (hop.header_bytes > k_header_bytes_max) return 0;
    if (line.rfind("HTTP/", 0) == 0) { // a new answer: what came before was a 100 or a proxy's
        const auto parts = split(line, ' ');
        hop.reply = {};
        hop.reply.status =
            parts.size() > 1 ? static_cast<int>(parsed_int(trimmed(parts[1])).value_or(0)) : 0;
        return size;
    }
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
        hop.reply.headers.emplace_back(lowered(trimmed(line.substr(0, colon))),
                                       std::string(trimmed(line.substr(colon + 1))));
    }
    return size;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
    auto& hop = *static_cast<Hop*>(user);
    try {
        take_head(hop);
        if (!hop.wanted) return CURL_WRITEFUNC_ERROR;
        hop.body_bytes += static_cast<std::int64_t>(size);
        if (hop.get->on_body) hop.get->on_body({data, size});
        return size;
    } catch (...) {
        hop.thrown = std::current_exception();
        return CURL_WRITEFUNC_ERROR;
    }
}

// libcurl reads http_proxy, https_proxy, HTTPS_PROXY and NO_PROXY by itself, but for fear of CGI
// not HTTP_PROXY. This machine is never asked through a proxy.
void set_proxy(CURL* easy, const Url& url) {
    if (is_loopback(url)) {
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    } else if (const auto proxy = system::environment_value("HTTP_PROXY");
               proxy && url.scheme == "http" && !system::environment_value("http_proxy")) {
        curl_easy_setopt(easy, CURLOPT_PROXY, proxy->c_str());
    }
}

// As the curl program: behind a proxy that opens TLS, the user names that proxy's certificate.
void set_certificates(CURL* easy) {
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
        if (const auto file = system::environment_value(name)) {
            curl_easy_setopt(easy, CURLOPT_CAINFO, file->c_str());
            return;
        }
    }
    if (const auto bundle = system::certificate_bundle()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, system::utf8(*bundle).c_str());
    }
#ifdef CURLSSLOPT_NATIVE_CA
    curl_easy_setopt(easy, CURLOPT_SSL_OPTIONS, static_cast<long>(CURLSSLOPT_NATIVE_CA));
#endif
}

void prepare(CURL* easy, const HttpGet& get, const HttpOptions& options, const Url& url,
             const std::string& address, Hop& hop) {
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, address.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, k_buffer_bytes);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options.connect_limit.count()));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, concat("odysseus/", version()).c_str());
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    if (get.compressed) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &hop);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &hop);
    set_proxy(easy, url);
    set_certificates(easy);
}

HttpBroken broken(CURLcode code, const Hop& hop) {
    const bool never = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                       code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
                       code == CURLE_SSL_CERTPROBLEM;
    std::string why = lowered(std::string(curl_easy_strerror(code)).substr(0, 1)) +
                      std::string(curl_easy_strerror(code)).substr(1);
    if (code == CURLE_PARTIAL_FILE) why = "the connection ended before the whole file was there";
    if (code == CURLE_COULDNT_RESOLVE_HOST) why = k_host_not_found;
    if (code == CURLE_COULDNT_CONNECT) why = "no connection to the host";
    return {why, !never, hop.body_bytes};
}

// Drives one hop to its end, looking at the stop flag and at the progress.
std::optional<HttpBroken> run(CURLM* multi, CURL* easy, Hop& hop, const HttpOptions& options) {
    curl_multi_add_handle(multi, easy);
    const auto remove = [&] { curl_multi_remove_handle(multi, easy); };
    std::int64_t bytes_then = 0;
    auto then = Clock::now();
    for (int running = 1; running > 0;) {
        if (options.stopped && options.stopped()) {
            remove();
            throw Stopped("");
        }
        if (curl_multi_perform(multi, &running) != CURLM_OK) break;
        if (running == 0) break;
        const auto now = Clock::now();
        const auto seen = hop.body_bytes + static_cast<std::int64_t>(hop.header_bytes);
        if (seen - bytes_then >= k_stall_bytes) {
            bytes_then = seen;
            then = now;
        } else if (now - then > options.stall_limit) {
            remove();
            const auto seconds = std::chrono::duration<double>(options.stall_limit).count();
            return HttpBroken{concat("no progress for ", seconds, " s"), true, hop.body_bytes};
        }
        curl_multi_poll(multi, nullptr, 0, static_cast<int>(k_look_around.count()), nullptr);
    }
    int left = 0;
    const auto* message = curl_multi_info_read(multi, &left);
    const auto code = message != nullptr ? message->data.result : CURLE_FAILED_INIT;
    if (code == CURLE_OK && !hop.thrown) {
        try {
            take_head(hop); // an answer without a body
        } catch (...) {
            hop.thrown = std::current_exception();
        }
    }
    char* redirect = nullptr;
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &redirect);
    if (redirect != nullptr && is_redirect(hop.reply.status)) hop.redirect = redirect;
    remove();
    if (hop.thrown) std::rethrow_exception(hop.thrown);
    if (code == CURLE_OK || (hop.headed && !hop.wanted)) return std::nullopt;
    return broken(code, hop);
}

// As a person would type it: without the scheme's own port.
std::string host_of(const std::string& address) {
    const auto url = parsed_url(address);
    if (!url) return shown_url(address);
    const bool usual = url->port == (url->scheme == "https" ? 443 : 80);
    return usual ? url->host : concat(url->host, ":", url->port);
}

} // namespace

std::string_view HttpReply::header(std::string_view name) const {
    const auto it = std::find_if(headers.begin(), headers.end(),
                                 [&](const auto& entry) { return entry.first == name; });
    return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

Unreachable::Unreachable(const std::string& url, const std::string& why, int tries)
    : Error(Fault::network, why == k_host_not_found
                                ? concat(host_of(url), " was not found; is this machine online?")
                                : concat(host_of(url), " cannot be reached: ", why)) {
    log::record(concat("asking ", shown_url(url), ": ", why,
                       tries > 1 ? concat(" (", tries, " tries)") : std::string()));
}

std::variant<HttpReply, HttpBroken> http_get(const HttpGet& get, const HttpOptions& options) {
    start_libcurl();
    const Multi multi(curl_multi_init());
    const Easy easy(curl_easy_init());
    if (!multi || !easy) throw std::bad_alloc();
    auto address = get.url;
    std::optional<Url> first;
    std::optional<Url> from;
    for (int hops = 0; hops <= k_redirects_max; ++hops) {
        const auto url = parsed_url(address);
        if (!url) throw Error(Fault::network, concat(shown_url(address), " is no http address"));
        const auto doubt = from ? distrusted_redirect(*from, *url, options.trust)
                                : distrusted(*url, options.trust);
        if (doubt)
            throw Error(Fault::network, concat("not asking ", shown_url(address), ": ", *doubt));
        if (!first) first = url;
        Hop hop;
        hop.get = &get;
        hop.easy = easy.get();
        List headers;
        for (const auto& line : get.headers)
            append(headers, line);
        if (get.bearer && origin_of(*url) == origin_of(*first)) {
            append(headers, "Authorization: Bearer " + *get.bearer);
        }
        prepare(easy.get(), get, options, *url, address, hop);
        curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
        if (const auto failure = run(multi.get(), easy.get(), hop, options)) return *failure;
        if (hop.redirect.empty()) return hop.reply;
        address = hop.redirect;
        from = url;
    }
    return HttpBroken{concat("more than ", k_redirects_max, " redirects"), false, 0};
}

void pause(std::chrono::milliseconds time, const HttpOptions& options) {
    const auto deadline = Clock::now() + time;
    for (;;) {
        if (options.stopped && options.stopped()) {
            throw Stopped("");
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return;
        std::this_thread::sleep_for(std::min(left, k_look_around));
    }
}

std::optional<std::chrono::milliseconds> retry_after(const HttpReply& reply) {
    const std::string text(reply.header("retry-after"));
    if (const auto seconds = parsed_int(text)) {
        constexpr std::int64_t k_seconds_max = 7LL * 24 * 3600;
        return std::chrono::seconds(std::clamp<std::int64_t>(*seconds, 0, k_seconds_max));
    }
    const auto date = curl_getdate(text.c_str(), nullptr);
    if (text.empty() || date < 0) return std::nullopt;
    return std::chrono::seconds(std::max<std::time_t>(0, date - std::time(nullptr)));
}

} // namespace odysseus::download
