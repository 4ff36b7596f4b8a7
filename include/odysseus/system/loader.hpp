// A llama.cpp build that brings its own C library, as scripts/debian-llama-server makes it.
#pragma once

#include <filesystem>
#include <vector>

namespace odysseus::system {

// The kernel wants the absolute path of a program's dynamic loader, so a build that brings its own
// loader would not survive a move: from where it was unpacked to its place, or of the whole HOME to
// another computer. Call this before llama-server runs from a place of ours: if the loader that
// `llama_server` names lies beside it, it and the programs that name the same are made to name that
// one. Costs three small reads when nothing is to be done. No other build is touched: those name
// the system's loader. Error (usage: "file") when a program must be changed and cannot be. Does
// nothing outside Linux. Not while one of the programs runs, nor from two threads at a time.
// With `future` the programs are made to name the loader in that folder, to which the caller is
// about to move theirs. The answer: the programs that were changed, where they lie now.
std::vector<std::filesystem::path> patch_interpreter(const std::filesystem::path& llama_server,
                                                     const std::filesystem::path& future = {});

} // namespace odysseus::system
