// Prose in rows, for terminals and help texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace odysseus {

// Characters, as far as a terminal's cells can be told by counting code points.
[[nodiscard]] std::size_t characters(std::string_view text);

// Broken at spaces into rows of at most `columns` characters. Each row but the first begins with
// `indent` spaces; in the first, `begun` characters stand already. A word that is longer than a row
// stays whole. 0 columns: one row.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent,
                                  std::size_t begun);

// At most so many characters; what is cut off is shown by "…".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);

} // namespace odysseus
