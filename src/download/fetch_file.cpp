#include "odysseus/download/fetch.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/download/digest_thread.hpp"
#include "odysseus/system/files.hpp"
#include "transfer.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

namespace odysseus::download {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using system::utf8;

namespace {

constexpr std::int64_t k_file_bytes_max = 4LL << 40; // a server cannot promise more than 4 TiB
constexpr int k_requests_max = 200;                  // whatever progress each of them makes
constexpr std::int64_t k_worthwhile_bytes = 64LL
                                            << 10; // so much progress, and the tries start anew
constexpr std::int64_t k_spare_bytes = 16LL << 20; // left free on the disk
constexpr std::chrono::milliseconds k_progress_every{100};
constexpr std::size_t k_head_bytes = 256; // kept to tell an archive from a web page
constexpr std::size_t k_record_bytes_max = 64U << 10;
constexpr const char* k_web_page =
    "a web page came instead of the file; does this network ask for a login?";

// One file on its way. `m_have`, the digest and the part file always agree.
class Download {
  public:
    Download(const FileRequest& request, const HttpOptions& options,
             const OnFetchProgress& progress)
        : m_request(request), m_options(options), m_progress(progress),
          m_part(part_file(request.to)), m_record_file(part_record_file(request.to)) {
        m_record = {shown_url(request.url), "", request.size, request.sha256}; // no password in it
        m_total = request.size;
    }

    // An unfinished part stays for the next time, an empty one does not.
    FetchedFile run() {
        try {
            return fetch();
        } catch (...) {
            if (m_have == 0) forget();
            throw;
        }
    }

  private:
    FetchedFile fetch() {
        if (already_there()) return {m_have, *m_request.sha256, m_have, 0};
        take_up_part();
        m_resumed = m_have;
        for (;;) {
            transfer();
            const auto digest = m_digest.hex();
            if (!m_request.sha256 || digest == *m_request.sha256) return publish(digest);
            forget();
            m_resumed = 0;
            if (!std::exchange(m_spliced, false)) {
                throw Error(Fault::integrity,
                            concat("the SHA-256 of ", name(), " is ", digest, ", but must be ",
                                   *m_request.sha256,
                                   "; it was changed on its way, or the source is "
                                   "wrong; nothing of it was kept"));
            }
            restart(); // one of the pieces may have been bad: once more, in one
        }
    }

    [[nodiscard]] bool is_picky() const { return m_request.archive || m_request.gguf; }

    [[nodiscard]] std::string name() const { return system::utf8(m_request.to.filename()); }

    // An earlier run got as far as the whole file.
    bool already_there() {
        std::error_code error;
        if (!m_request.sha256 || !fs::is_regular_file(m_request.to, error)) return false;
        hash_file(m_request.to);
        if (m_digest.hex() == *m_request.sha256) return true;
        m_have = 0;
        m_head.clear();
        m_digest.restart();
        return false;
    }

    // What is there already counts as received.
    void hash_file(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        std::vector<char> buffer(256U << 10);
        while (in) {
            if (m_options.stopped && m_options.stopped()) throw Stopped("");
            in.read(buffer.data(), std::ssize(buffer));
            const std::string_view piece(buffer.data(), static_cast<std::size_t>(in.gcount()));
            m_digest.add(piece);
            if (m_head.size() < k_head_bytes) m_head += piece.substr(0, k_head_bytes);
            m_have += in.gcount();
        }
        if (in.bad()) throw Error(Fault::usage, concat("reading ", system::utf8(file), " failed"));
    }

    // Continues an earlier run's part if it is certainly the same file, hashing what is there.
    void take_up_part() {
        const auto text = system::read_file(m_record_file, k_record_bytes_max);
        const auto there = text ? part_record_from(*text) : std::nullopt;
        std::error_code error;
        const auto bytes = fs::file_size(m_part, error);
        const bool fits =
            !error && bytes > 0 && (!m_total || bytes <= static_cast<std::uintmax_t>(*m_total));
        if (!there || !fits || !may_continue(*there, m_record)) {
            restart();
            return;
        }
        m_record.etag = there->url == m_record.url ? there->etag : "";
        m_recorded = m_record.etag == there->etag;
        hash_file(m_part);
        m_spliced = true;
        m_out.emplace(m_part, system::OutputFile::Mode::append);
    }

    void restart() {
        m_have = 0;
        m_total = m_request.size;
        m_record.etag.clear();
        m_recorded = false;
        m_head.clear();
        m_out.reset();
        // A new file, not the old one emptied: ext4 writes such a file out before close returns.
        std::error_code ignored;
        fs::remove(m_part, ignored);
        m_out.emplace(m_part, system::OutputFile::Mode::create_new);
        m_digest.restart();
    }

    void forget() {
        m_out.reset();
        std::error_code ignored;
        fs::remove(m_part, ignored);
        fs::remove(m_record_file, ignored);
        m_recorded = false;
    }

    [[noreturn]] void give_up(const std::string& why) {
        const auto kept = m_have > 0
                              ? concat("; the next try goes on there (", done_text(), " done)")
                              : std::string();
        const bool answered = why.starts_with("the server");
        const auto trouble = answered ? concat(why, " for ", shown_url(m_request.url),
                                               m_tries > 1 ? concat(" (", m_tries, " tries)") : "")
                                      : Unreachable(m_request.url, why, m_tries).what();
        throw Error(Fault::network, concat(name(), " was not downloaded: ", trouble, kept));
    }

    [[nodiscard]] std::string done_text() const {
        return m_total && *m_total > 0 ? concat(m_have * 100 / *m_total, "%") : byte_text(m_have);
    }

    [[noreturn]] void reject(const std::string& why) {
        forget();
        throw Error(Fault::integrity,
                    concat("downloading ", name(), " from ", shown_url(m_request.url), ": ", why,
                           "; nothing of it was kept"));
    }

    void check_space() {
        if (!m_total) return;
        const auto free = system::free_bytes(m_request.to.parent_path());
        const auto needed = *m_total - m_have + k_spare_bytes;
        if (!free || *free >= needed) return;
        throw Error(Fault::network, concat("downloading ", name(), " needs ", byte_text(needed),
                                           ", but only ", byte_text(*free), " are free in ",
                                           system::utf8(m_request.to.parent_path()),
                                           "; make room, or use another folder (--home)"));
    }

    void check_total(std::optional<std::int64_t> total) {
        if (!total) return;
        if (*total > k_file_bytes_max || (m_total && *total != *m_total)) {
            reject(concat("the server offers ", *total, " bytes",
                          m_total ? concat(", but ", *m_total, " are expected") : std::string()));
        }
        m_total = total;
    }

    // The server's answer has begun; false: the body is of no use.
    bool on_head(const HttpReply& reply) {
        m_reception =
            received(reply.status, m_have, reply.content_length, reply.header("content-range"));
        const auto etag = strong(reply.header("etag"));
        // If-Range should have seen to it, but not every server knows it.
        const bool changed = !m_record.etag.empty() && !etag.empty() && etag != m_record.etag;
        if (const auto* append = std::get_if<Append>(&m_reception)) {
            if (changed) {
                m_reception = Discard{};
                return false;
            }
            check_total(append->total);
            m_spliced = true;
        } else if (const auto* over = std::get_if<StartOver>(&m_reception)) {
            if (is_picky() && reply.header("content-type").rfind("text/html", 0) == 0) {
                reject(k_web_page); // a login page of a hotel's network answers 200
            }
            restart();
            check_total(over->total);
        } else {
            return false;
        }
        check_space();
        remember(etag);
        return true;
    }

    // A weak ETag ("W/...") does not promise the same bytes.
    [[nodiscard]] static std::string strong(std::string_view etag) {
        return std::string(!etag.empty() && etag.front() == '"' ? etag : "");
    }

    void remember(const std::string& etag) {
        if (m_recorded && etag == m_record.etag) return;
        m_record.etag = etag;
        m_record.size = m_total;
        system::write_file_atomically(m_record_file, part_record_text(m_record), false); // a hint
        m_recorded = true;
    }

    void on_body(std::string_view piece) {
        const auto bytes = static_cast<std::int64_t>(piece.size());
        if (const auto limit = m_total.value_or(k_file_bytes_max); m_have + bytes > limit) {
            reject(concat("more than the expected ", limit, " bytes came"));
        }
        if (m_head.size() < k_head_bytes) m_head += piece.substr(0, k_head_bytes - m_head.size());
        try {
            m_out->write(piece.data(), piece.size());
        } catch (const Error& error) {
            forget(); // a full disk is not left full
            throw Error(Fault::network, concat("downloading ", name(), ": ", error.what()));
        }
        m_digest.add(piece);
        m_have += bytes;
        show_progress(false);
    }

    void show_progress(bool now) {
        if (!m_progress || (!now && Clock::now() - m_shown < k_progress_every)) return;
        m_shown = Clock::now();
        m_progress({m_have, m_total});
    }

    [[nodiscard]] HttpGet request_for_the_rest() {
        HttpGet get;
        get.url = m_request.url; // never a redirect's: those are signed for minutes
        get.bearer = m_request.bearer;
        if (m_have > 0) {
            get.headers.push_back(concat("Range: bytes=", m_have, "-"));
            if (!m_record.etag.empty()) get.headers.push_back("If-Range: " + m_record.etag);
        }
        get.on_head = [this](const HttpReply& reply) { return on_head(reply); };
        get.on_body = [this](std::string_view piece) { on_body(piece); };
        return get;
    }

    [[nodiscard]] std::variant<HttpReply, HttpBroken> ask_for_the_rest() {
        try {
            return http_get(request_for_the_rest(), m_options);
        } catch (const Stopped&) {
            if (m_have == 0) throw;
            throw Stopped(
                concat("the same command goes on with the download (", done_text(), " done)"));
        }
    }

    // Why the answer did not bring everything; gives up when another try is no use.
    std::string shortfall(const HttpReply& reply, std::chrono::milliseconds& wait) {
        // Servers may send less than was asked for; the rest is asked for next.
        if (std::holds_alternative<Append>(m_reception)) return "the server sends only a piece";
        auto why = concat("the server answers ", reply.status);
        if (reply.status == 404 || reply.status == 410) {
            throw FileAbsent(concat("there is no ", shown_url(m_request.url), " (", why, ")"));
        }
        if (std::holds_alternative<Refused>(m_reception)) give_up(why);
        if (std::holds_alternative<Discard>(m_reception)) restart();
        wait = retry_after(reply).value_or(wait);
        if (wait > std::max(m_options.wait_max, m_options.back_off)) {
            give_up(concat(why, " and asks to come back in ", wait.count() / 1000, " s"));
        }
        return why;
    }

    // Asks until every byte is there. Failures in a row count; progress in between forgives them.
    void transfer() {
        check_space();
        for (int failures = 0; !(m_total && m_have == *m_total);) {
            const auto before = m_have;
            m_reception = TryLater{};
            const auto outcome = ask_for_the_rest();
            ++m_tries;
            std::string why;
            auto wait = std::chrono::milliseconds{0};
            if (const auto* failure = std::get_if<HttpBroken>(&outcome)) {
                if (!failure->transient) give_up(failure->why);
                why = failure->why;
            } else if (settled()) {
                break;
            } else {
                why = shortfall(std::get<HttpReply>(outcome), wait);
            }
            failures = m_have - before >= k_worthwhile_bytes ? 1 : failures + 1;
            if (failures >= m_options.tries_max || m_tries >= k_requests_max) {
                give_up(why);
            }
            pause(std::max(wait, back_off(failures, m_options.back_off)), m_options);
        }
        check_content();
        show_progress(true);
    }

    // The answer was taken to its end, and as far as anybody knows that is the end of the file.
    [[nodiscard]] bool settled() const {
        if (std::holds_alternative<Whole>(m_reception)) return true;
        if (std::holds_alternative<Append>(m_reception)) return !m_total || m_have >= *m_total;
        return std::holds_alternative<StartOver>(m_reception);
    }

    void check_content() {
        if (is_picky() && looks_like_html(m_head)) {
            reject(k_web_page);
        }
        if (m_total && m_have != *m_total) {
            reject(concat(m_have, " bytes came, but ", *m_total, " are expected"));
        }
        if (m_request.archive && !looks_like_archive(m_head)) {
            reject("the download is no archive (tar.gz, zip or tar.xz)");
        }
        if (m_request.gguf && m_head.compare(0, 4, "GGUF") != 0) {
            reject("the download is no GGUF file");
        }
    }

    FetchedFile publish(const std::string& digest) {
        if (m_request.durable) m_out->sync();
        m_out->close();
        system::replace_file(m_part, m_request.to);
        std::error_code ignored;
        fs::remove(m_record_file, ignored);
        if (m_request.durable) system::sync_directory(m_request.to.parent_path());
        return {m_have, digest, m_resumed, m_tries};
    }

    const FileRequest& m_request;
    const HttpOptions& m_options;
    const OnFetchProgress& m_progress;
    fs::path m_part;
    fs::path m_record_file;
    PartRecord m_record;
    bool m_recorded = false; // the record on the disk says what m_record says
    std::optional<system::OutputFile> m_out;
    DigestStream m_digest;
    std::string m_head; // the first bytes of the file
    std::int64_t m_have = 0;
    std::optional<std::int64_t> m_total;
    std::int64_t m_resumed = 0;
    bool m_spliced = false; // made of pieces that came at different times
    int m_tries = 0;
    Reception m_reception = TryLater{};
    Clock::time_point m_shown;
};

fs::path with_ending(const fs::path& to, const char* ending) {
    auto path = to;
    path += ending;
    return path;
}

} // namespace

fs::path part_file(const fs::path& to) {
    return with_ending(to, ".part");
}

fs::path part_record_file(const fs::path& to) {
    return with_ending(to, ".part.json");
}

FetchedFile fetch_file(const FileRequest& request, const HttpOptions& options,
                       const OnFetchProgress& progress) {
    std::error_code error;
    fs::create_directories(request.to.parent_path(), error);
    if (error) {
        throw Error(Fault::usage,
                    concat("creating the folder ", system::utf8(request.to.parent_path()), ": ",
                           error.message()));
    }
    return Download(request, options, progress).run();
}

} // namespace odysseus::download
