// Bytes of a program's output through the splitter, the classifier and the book of processes.
#include "odysseus/server/model_processes.hpp"
#include "server/line_splitter.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    odysseus::server::LineSplitter whole;
    odysseus::server::LineSplitter pieces;
    auto lines = whole.feed(bytes);
    std::vector<std::string> same;
    for (std::size_t at = 0; at < size; at += 7) {
        for (auto& line : pieces.feed(bytes.substr(at, 7)))
            same.push_back(std::move(line));
    }
    if (lines != same || whole.rest() != pieces.rest()) std::abort();
    odysseus::server::ModelProcesses book;
    for (const auto& line : lines) {
        if (odysseus::server::readable(line) != line) std::abort();
        book.note(odysseus::server::classify(line));
    }
    if (book.newest("m") != nullptr && book.newest("m")->facts.size() > book.k_facts_max)
        std::abort();
    return 0;
}
