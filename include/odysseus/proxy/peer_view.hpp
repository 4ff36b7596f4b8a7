// What is known of another machine, read strictly from its answers: their text is data, and what
// is not as expected is not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::proxy {

enum class PeerFit { yes, unknown, partly, no };

struct PeerModel {
    std::string id;                      // as the peer lists it
    bool loaded = false;                 // a server that does not tell is taken to have it ready
    PeerFit fits = PeerFit::unknown;     // in its memory, when nothing else is there
    std::optional<std::int64_t> context; // tokens
};

struct PeerView {
    bool answers = false; // it did when it was asked last
    std::string trouble;  // why it does not, as a sentence; ours
    std::vector<PeerModel> models;
    bool speaks_llama = false; // it has llama-server's own endpoints beside OpenAI's
    bool is_odysseus = false;
    // Of an odysseus.
    std::string version;
    std::string state;
    std::optional<std::int64_t> free_mib; // where models are computed, when it started
    std::uint64_t active = 0;             // requests under way there
};

// What is told of a peer: in the status, the metrics and by doctor.
struct PeerStatus {
    std::string name;
    std::string url; // without its key
    PeerView view;
    bool left_out = false;               // it failed a short while ago
    std::optional<double> round_trip_ms; // of a connection; absent: none was made yet
    std::uint64_t active = 0;            // requests of ours under way there
    std::uint64_t requests = 0;          // sent there
    std::uint64_t failures = 0;          // of those, and of the questions that odysseus asks
};

// Of GET /v1/models: at most 1,000 models with names that can be shown and sent. False: it is no
// such list, and `view` is as it was.
[[nodiscard]] bool take_models(PeerView& view, std::string_view body);
// Of GET /odysseus/status, after take_models(). False: it is none.
[[nodiscard]] bool take_status(PeerView& view, std::string_view body);

} // namespace odysseus::proxy
