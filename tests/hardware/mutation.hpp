// Random but repeatable changes of a text. The seed is fixed, or that of ODYSSEUS_PROPERTY_SEED;
// a test prints it with every failure.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace odysseus::hardware {

class Mutation {
  public:
    explicit Mutation(std::uint64_t round) : m_random(seed() + round) {}

    static std::uint64_t seed() {
        const char* const told = std::getenv("ODYSSEUS_PROPERTY_SEED");
        return told != nullptr ? std::strtoull(told, nullptr, 10) : 16'2026ULL;
    }

    // The engine alone is the same everywhere, not the standard library's distributions.
    std::size_t below(std::size_t end) { return end == 0 ? 0 : m_random() % end; }
    bool one_in(std::size_t count) { return below(count) == 0; }
    template <class Value>
    const Value& any_of(const std::vector<Value>& values) {
        return values[below(values.size())];
    }

    // One to four changes: a byte, a span that goes or comes twice, a word that tools do print.
    std::string changed(std::string text) {
        for (auto left = 1 + below(4); left > 0; --left)
            change(text);
        return text;
    }

  private:
    void change(std::string& text) {
        static const std::vector<std::string> k_words{"[N/A]",
                                                      "[Not Supported]",
                                                      "[Insufficient Permissions]",
                                                      "-1",
                                                      "0",
                                                      "\n",
                                                      ",",
                                                      ":",
                                                      "18446744073709551615",
                                                      "\xC2\xA0",
                                                      "\x1b[31m",
                                                      "\xff",
                                                      "0x",
                                                      "max",
                                                      "MiB",
                                                      "\t",
                                                      ""};
        const auto at = below(text.size() + 1);
        switch (below(4)) {
        case 0:
            if (at < text.size()) text[at] = static_cast<char>(below(256));
            break;
        case 1: text.erase(at, below(40)); break;
        case 2: text.insert(at, text.substr(at, below(40))); break;
        default: text.insert(at, any_of(k_words)); break;
        }
    }

    std::mt19937_64 m_random;
};

} // namespace odysseus::hardware
