// One request of a client, read in full, with what is to be changed in it.
#pragma once

#include "odysseus/proxy/http_head.hpp"
#include "rewrite.hpp"
#include "odysseus/models/model_directory.hpp"

#include "byte_buffer.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus {

struct ProxyRequest {
    std::string id; // for the log
    std::chrono::steady_clock::time_point began;
    std::string head_text; // what `head` points into
    RequestHead head;
    ByteBuffer body;
    ChunkWalker chunks;
    JsonScanner scanner;
    bool with_key = true; // the client may be given llama-server's own key
    std::string allowed_origin;
    bool looked = false; // for its name, in the folder and at llama-server; once is all

    // What goes up, once the names are settled.
    std::string target;
    std::optional<ByteEdit> edit; // of the body
    std::string model;            // llama-server's id; empty: none is named
    bool loads_model = false;     // llama-server loads it for this request if it must
    bool stream = false;
};

struct UnknownModel {
    std::string asked;
    std::vector<std::string> suggested;
    bool ambiguous = false;
};

// Asks whether llama-server itself knows an id that the directory does not.
using IsForeign = std::function<bool(std::string_view id)>;

// Finds the names in the query and the body and settles what replaces them. Says which one is
// unknown where nothing but a model of that name could answer.
[[nodiscard]] std::optional<UnknownModel>
settle_names(ProxyRequest& request, const ModelDirectory& models, const IsForeign& is_foreign);

// The sentence for a client that asked for it.
[[nodiscard]] std::string unknown_model_message(const UnknownModel& unknown);

} // namespace odysseus
