#include "transfer.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::download {

using nlohmann::json;

std::string part_record_text(const PartRecord& record) {
    json out{{"url", record.url}, {"etag", record.etag}};
    if (record.size) out["size"] = *record.size;
    if (record.sha256) out["sha256"] = *record.sha256;
    return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<PartRecord> part_record_from(std::string_view text) {
    const auto in = json::parse(text, nullptr, false);
    if (!in.is_object()) return std::nullopt;
    const auto word = [&](const char* key) {
        const auto it = in.find(key);
        return it != in.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    PartRecord record{word("url"), word("etag"), std::nullopt, std::nullopt};
    if (const auto it = in.find("size"); it != in.end() && it->is_number_integer()) {
        record.size = it->get<std::int64_t>();
    }
    if (const auto digest = word("sha256"); !digest.empty()) record.sha256 = digest;
    if (record.url.empty()) return std::nullopt;
    return record;
}

bool may_continue(const PartRecord& there, const PartRecord& wanted) {
    if (wanted.sha256) return there.sha256 == wanted.sha256;
    return there.url == wanted.url && !there.etag.empty() &&
           (!wanted.size || !there.size || *wanted.size == *there.size);
}

std::optional<ContentRange> content_range(std::string_view header) {
    header = trimmed(header);
    if (lowered(header.substr(0, 6)) != "bytes ") return std::nullopt;
    const auto halves = split(trimmed(header.substr(6)), '/');
    if (halves.size() != 2) return std::nullopt;
    ContentRange range;
    if (halves[1] != "*") {
        range.total = parsed_int(halves[1]);
        if (!range.total || *range.total < 0) return std::nullopt;
    }
    if (halves[0] != "*") {
        range.first = parsed_int(halves[0].substr(0, halves[0].find('-')));
        if (!range.first || *range.first < 0) return std::nullopt;
    }
    return range;
}

Reception received(int status, std::int64_t have, std::optional<std::int64_t> content_length,
                   std::string_view content_range_header) {
    if (status == 200) return StartOver{content_length};
    const auto range = content_range(content_range_header);
    if (status == 206) {
        if (range && range->first == have) return Append{range->total};
        if (have > 0) return Discard{};
        return Refused{}; // a piece that nobody asked for
    }
    if (status == 416 && have > 0) {
        if (range && range->total == have) return Whole{};
        return Discard{};
    }
    if (is_transient_status(status)) return TryLater{};
    return Refused{};
}

bool is_transient_status(int status) {
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504: return true;
    default: return false;
    }
}

std::chrono::milliseconds back_off(int tries_made, std::chrono::milliseconds first) {
    constexpr std::chrono::milliseconds k_back_off_max{30000};
    const int doublings = std::clamp(tries_made - 1, 0, 16);
    return std::min(first * (1 << doublings), k_back_off_max);
}

bool looks_like_archive(std::string_view first_bytes) {
    using namespace std::string_view_literals;
    for (const auto magic : {"\x1f\x8b"sv, "PK\x03\x04"sv,
                             "\xfd"
                             "7zXZ\0"sv,
                             "\x28\xb5\x2f\xfd"sv}) {
        if (first_bytes.substr(0, magic.size()) == magic) return true;
    }
    return false;
}

bool looks_like_html(std::string_view first_bytes) {
    const auto text = lowered(trimmed(first_bytes.substr(0, 256)));
    return text.rfind("<!doctype html", 0) == 0 || text.rfind("<html", 0) == 0;
}

} // namespace odysseus::download
