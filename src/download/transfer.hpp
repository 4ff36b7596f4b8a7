// Decisions about a download: what an answer means for the bytes that are already there, and what
// is worth another try.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace odysseus::download {

// What is remembered beside an unfinished download, to go on with it after a restart.
struct PartRecord {
    std::string url;  // as shown_url gives the one that was asked first: without secrets
    std::string etag; // empty: the server gave none that is strong
    std::optional<std::int64_t> size; // of the whole file
    std::optional<std::string> sha256;
};
[[nodiscard]] std::string part_record_text(const PartRecord& record);
[[nodiscard]] std::optional<PartRecord> part_record_from(std::string_view json);

// The bytes that are there may be continued for `wanted`: by digest, or by the same address with an
// ETag that the server will be asked to compare. Anything else could mix two files.
[[nodiscard]] bool may_continue(const PartRecord& there, const PartRecord& wanted);

// "bytes 5-9/10", "bytes 5-9/*", "bytes */10".
struct ContentRange {
    std::optional<std::int64_t> first;
    std::optional<std::int64_t> total;
};
[[nodiscard]] std::optional<ContentRange> content_range(std::string_view header);

struct Append {                        // the body goes behind what is there
    std::optional<std::int64_t> total; // of the whole file
};
struct StartOver { // the body is the whole file
    std::optional<std::int64_t> total;
};
struct Whole {};   // what is there is already everything
struct Discard {}; // what is there is worthless: ask again from the start
struct TryLater {};
struct Refused {};
using Reception = std::variant<Append, StartOver, Whole, Discard, TryLater, Refused>;

// What a GET from byte `have` on was answered with.
[[nodiscard]] Reception received(int status, std::int64_t have,
                                 std::optional<std::int64_t> content_length,
                                 std::string_view content_range_header);

// Statuses that often go away by themselves.
[[nodiscard]] bool is_transient_status(int status);
// How long before try number `tries_made` + 1: doubles from `first`, up to 30 s.
[[nodiscard]] std::chrono::milliseconds back_off(int tries_made, std::chrono::milliseconds first);

// gzip, zip, xz or zstd by their first bytes (at least 6 are needed).
[[nodiscard]] bool looks_like_archive(std::string_view first_bytes);
// The beginning of a web page.
[[nodiscard]] bool looks_like_html(std::string_view first_bytes);

} // namespace odysseus::download
