#include "content_coding.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <archive.h>
#include <array>
#include <cstdint>
#include <optional>

namespace odysseus::proxy {
namespace {

constexpr std::size_t k_step_bytes = std::size_t{64} * 1024;

Coding coding_named(std::string_view word) {
    if (word.empty() || same_name(word, "identity")) return Coding::none;
    if (same_name(word, "gzip") || same_name(word, "x-gzip")) return Coding::gzip;
    if (same_name(word, "deflate")) return Coding::deflate;
    if (same_name(word, "zstd")) return Coding::zstd;
    return Coding::other;
}

bool begins_with(std::string_view bytes, std::string_view magic) {
    return bytes.substr(0, magic.size()) == magic;
}

// "deflate" is a zlib stream; some clients send it without zlib's frame.
bool has_zlib_frame(std::string_view bytes) {
    if (bytes.size() < 6) return false;
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto second = static_cast<unsigned char>(bytes[1]);
    return (first & 0x0f) == 8 && (first * 256 + second) % 31 == 0 && (second & 0x20) == 0;
}

std::uint32_t adler_32(std::string_view bytes) {
    constexpr std::uint32_t k_base = 65521;
    constexpr std::size_t k_run = 5552; // sums of so many bytes fit into 32 bits
    std::uint32_t low = 1;
    std::uint32_t high = 0;
    while (!bytes.empty()) {
        for (const char c : bytes.substr(0, k_run)) {
            low += static_cast<unsigned char>(c);
            high += low;
        }
        low %= k_base;
        high %= k_base;
        bytes.remove_prefix(std::min(k_run, bytes.size()));
    }
    return (high << 16) | low;
}

std::uint32_t big_endian(std::string_view four) {
    std::uint32_t value = 0;
    for (const char c : four)
        value = (value << 8) | static_cast<unsigned char>(c);
    return value;
}

// What libarchive reads, piece by piece.
struct Pieces {
    std::array<std::string_view, 3> list;
    std::size_t next = 0;

    static la_ssize_t read(archive* /*reader*/, void* self, const void** bytes) {
        auto& pieces = *static_cast<Pieces*>(self);
        while (pieces.next < pieces.list.size() && pieces.list[pieces.next].empty())
            ++pieces.next;
        if (pieces.next == pieces.list.size()) return 0;
        const auto piece = pieces.list[pieces.next++];
        *bytes = piece.data();
        return static_cast<la_ssize_t>(piece.size());
    }
};

// libarchive knows gzip's frame alone.
Pieces pieces_of(Coding coding, std::string_view packed) {
    if (coding != Coding::deflate) return {{packed, {}, {}}};
    static constexpr std::string_view k_head("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    static constexpr std::string_view k_tail("\0\0\0\0\0\0\0\0", 8);
    if (has_zlib_frame(packed)) packed = packed.substr(2, packed.size() - 6);
    return {{k_head, packed, k_tail}};
}

struct FreeReader {
    void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeReader>;

// None where libarchive was built without what it takes.
Reader reader_of(Coding coding) {
    Reader reader(archive_read_new());
    if (!reader) return nullptr;
    archive_read_support_format_raw(reader.get());
    const int filter = coding == Coding::zstd ? ARCHIVE_FILTER_ZSTD : ARCHIVE_FILTER_GZIP;
    // Not OK where it would start a program to do it.
    if (archive_read_append_filter(reader.get(), filter) != ARCHIVE_OK) return nullptr;
    return reader;
}

enum class Ended { whole, broken, too_large };

Ended read_all(archive* reader, ByteBuffer& out, std::size_t bytes_max) {
    archive_entry* entry = nullptr;
    const int opened = archive_read_next_header(reader, &entry);
    if (opened == ARCHIVE_EOF) return Ended::whole;
    if (opened != ARCHIVE_OK) return Ended::broken;
    while (true) {
        const auto got = archive_read_data(reader, out.room(k_step_bytes), k_step_bytes);
        if (got == 0) return Ended::whole;
        if (got < 0) return Ended::broken;
        out.grew(static_cast<std::size_t>(got));
        if (out.size() > bytes_max) return Ended::too_large;
    }
}

bool has_magic(Coding coding, std::string_view packed) {
    if (coding == Coding::gzip) return begins_with(packed, "\x1f\x8b\x08");
    if (coding == Coding::zstd) return begins_with(packed, "\x28\xb5\x2f\xfd");
    return true;
}

} // namespace

Coding coding_of(const HeaderLines& lines) {
    auto found = Coding::none;
    for (const auto& line : lines) {
        if (!same_name(line.name, "content-encoding")) continue;
        for (const auto word : split(line.value, ',')) {
            const auto coding = coding_named(trimmed(word));
            if (coding == Coding::none) continue;
            found = found == Coding::none ? coding : Coding::other;
        }
    }
    return found;
}

std::variant<std::shared_ptr<ByteBuffer>, InflateFault>
inflated(Coding coding, std::string_view packed, std::size_t bytes_max) {
    if (!has_magic(coding, packed)) return InflateFault::broken;
    auto pieces = pieces_of(coding, packed);
    const auto reader = reader_of(coding);
    if (!reader) return InflateFault::unsupported;
    // It reads the beginning already.
    if (archive_read_open(reader.get(), &pieces, nullptr, &Pieces::read, nullptr) != ARCHIVE_OK)
        return InflateFault::broken;
    auto out = std::make_shared<ByteBuffer>();
    const auto ended = read_all(reader.get(), *out, bytes_max);
    if (ended == Ended::too_large) return InflateFault::too_large;
    // zlib's own check, which libarchive does not know of, decides where there is one.
    if (coding == Coding::deflate && has_zlib_frame(packed)) {
        const bool right = big_endian(packed.substr(packed.size() - 4)) == adler_32(out->view());
        if (!right) return InflateFault::broken;
    } else if (ended == Ended::broken) {
        return InflateFault::broken;
    }
    return out;
}

} // namespace odysseus::proxy
