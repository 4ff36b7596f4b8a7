// Files that were cut in pieces to get past a limit of size, and have to be joined before use: not
// the shards of a split model, which llama.cpp reads as they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::models {

// "X.gguf.part1of2" is piece 1 of 2 of X.gguf; "X.gguf-split-a" the first of an unknown number.
struct PieceName {
    std::string whole;
    int number = 0; // from 1
    int count = 0;  // 0: the name does not tell
};
[[nodiscard]] std::optional<PieceName> piece_name(std::string_view file_name);

// What to do with the pieces of one file; `names` in their order, `folder` relative or empty.
[[nodiscard]] std::string join_remark(const std::string& folder, const std::string& whole,
                                      int count, const std::vector<std::string>& names);

} // namespace odysseus::models
