// Which of llama-server's own arguments (those after "--") odysseus takes, and what became of those
// that llama.cpp removed. Every argument of the newest known build is decided in
// tests/data/llama_arguments.tsv.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::server {

// As llama.cpp reads it: "--ctx_size" is "--ctx-size". A value behind "=" stays.
[[nodiscard]] std::string argument_word(std::string_view argument);

// The first argument with which odysseus and llama-server would miss each other, or with which
// llama-server would open a door of its own, as one sentence with what to use instead; absent when
// there is none.
[[nodiscard]] std::optional<std::string>
conflicting_argument(const std::vector<std::string>& arguments);

// What llama.cpp calls a removed argument now: "--load-mode mlock (since b10878)"; empty: nothing
// is known of it.
[[nodiscard]] std::string renamed_argument(std::string_view word);

// What to write for the first of `arguments` that llama.cpp removed or gave a value, and that one
// of these lines of a llama-server that did not start names; empty: nothing is known of it.
[[nodiscard]] std::string removed_argument(const std::vector<std::string>& arguments,
                                           const std::vector<std::string>& lines);

// Of `arguments` the first that the --help of a build does not list; absent: it lists all, or the
// text is no help.
[[nodiscard]] std::optional<std::string> unknown_argument(const std::vector<std::string>& arguments,
                                                          std::string_view help);

} // namespace odysseus::server
