// What two machines say to each other when they are paired, and what they keep of it
// (docs/security.md, "Pairing").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::commands {

// The connecting machine commits to its number before it knows the other one's, so that nobody in
// between can choose numbers that lead to the same code on both sides.
[[nodiscard]] std::string commit_text(std::string_view nonce); // its SHA-256 is told
struct PairFacts {
    std::string connecting_certificate; // SHA-256, 64 hexadecimal digits each
    std::string waiting_certificate;
    std::string connecting_nonce;
    std::string waiting_nonce;
};
[[nodiscard]] std::string code_text(const PairFacts& facts);         // its SHA-256 makes the code
[[nodiscard]] std::string pairing_code(std::string_view sha256_hex); // "4821 9073"

// A message with one number of 64 hexadecimal digits: {"odysseus_pair": 1, KEY: "..."}.
[[nodiscard]] std::string number_message(const char* key, std::string_view hex);
[[nodiscard]] std::optional<std::string> number_in(std::string_view message, const char* key);

// The last one, after a person has compared the codes; `agreed` false: they differ.
struct PairAnswer {
    bool agreed = false;
    int port = 0;    // of odysseus there
    std::string key; // that the receiver may use there
};
[[nodiscard]] std::string answer_message(const PairAnswer& answer);
[[nodiscard]] std::optional<PairAnswer> answer_in(std::string_view message);

// HOME/data/paired.json.
struct PairedMachine {
    std::string host;
    int port = 0;            // of odysseus there, as it was then
    std::string certificate; // SHA-256 of the only one that is its own
    std::string key;         // that is sent there
    std::string accepts;     // that it sends here
};
// Absent: the text is no such file.
[[nodiscard]] std::optional<std::vector<PairedMachine>> paired_machines(std::string_view text);
[[nodiscard]] std::string paired_text(const std::vector<PairedMachine>& machines);
// In place of what was known of the same host or certificate.
void keep_paired(std::vector<PairedMachine>& machines, PairedMachine machine);

inline constexpr int k_pair_port = 7442;

// "HOST", "HOST:PORT", "[::1]:PORT" or ":PORT", else with `usual_port`. Absent: it is none of them.
struct PairPlace {
    std::string host; // empty: wait here
    int port = 0;
};
[[nodiscard]] std::optional<PairPlace> pair_place(std::string_view text,
                                                  int usual_port = k_pair_port);

} // namespace odysseus::commands
