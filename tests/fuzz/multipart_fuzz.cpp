// The first line is the content type, the rest the body. The part that is found lies within the
// body, begins behind an empty line, and ends where a delimiter stands.
#include "proxy/multipart.hpp"

#include <cstdint>
#include <cstdlib>

using namespace odysseus;

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const auto line = all.find('\n');
    if (line == std::string_view::npos) return 0;
    const auto boundary = proxy::multipart_boundary(all.substr(0, line));
    if (!boundary) return 0;
    const auto body = all.substr(line + 1);
    const auto range = proxy::multipart_model(body, *boundary);
    if (!range) return 0;
    const bool held = range->begin <= range->end && range->end <= body.size() &&
                      range->begin >= 4 && body.substr(range->begin - 4, 4) == "\r\n\r\n" &&
                      body.substr(range->end, 4) == "\r\n--";
    if (!held) std::abort();
    return 0;
}
