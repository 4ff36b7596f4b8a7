// The page for people at /odysseus: src/proxy/page/odysseus.html, put into the program by
// cmake/EmbedFile.cmake.
#pragma once

#include <string_view>

namespace odysseus::proxy {

// The whole page, UTF-8, served as "text/html; charset=utf-8". It holds no secret and needs no API
// key itself; what it then asks for does.
[[nodiscard]] std::string_view page_html();

// The value of the Content-Security-Policy header to send with it: no more than the page's own
// style and script, by their SHA-256, requests to its own origin, and no frame around it.
[[nodiscard]] std::string_view page_content_security_policy();

} // namespace odysseus::proxy
