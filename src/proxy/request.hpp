// One request of a client: how it is read, and what is to be changed in it.
#pragma once

#include "http_forward.hpp"
#include "odysseus/proxy/http_head.hpp"
#include "odysseus/proxy/proxy.hpp"
#include "ollama_request.hpp"
#include "rewrite.hpp"

#include "blocking_tasks.hpp"
#include "byte_buffer.hpp"
#include "client_stream.hpp"
#include "content_coding.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace odysseus::proxy {

// Thrown when the request ends with an error of odysseus's own.
struct Refused {
    int status = 400;
    std::string code{};
    std::string message{};
    std::string param{};
    std::optional<std::chrono::seconds> retry_after{};
    bool ends_connection = false;
    std::string more_lines{};
};

struct ProxyRequest {
    explicit ProxyRequest(std::atomic<std::size_t>& all_bodies_bytes)
        : all_bodies(all_bodies_bytes) {}
    ~ProxyRequest() { free_body(); }
    ProxyRequest(const ProxyRequest&) = delete;
    ProxyRequest& operator=(const ProxyRequest&) = delete;

    void free_body();
    // The request is one of llama-server's from now on.
    void become(OllamaCall call);
    // What goes up: the head that is given, and the body with the name replaced.
    [[nodiscard]] std::array<std::string_view, 4> pieces(std::string_view head_up) const;
    [[nodiscard]] std::optional<std::uint64_t> content_length() const; // of that body

    std::string id; // for the log; empty: not begun
    TimePoint began;
    std::string head_text; // what `head` points into
    RequestHead head;
    std::string path;             // what `head.path` points into
    Coding coding = Coding::none; // of the body as it came
    ByteBuffer body;
    std::atomic<std::size_t>& all_bodies; // bytes of the bodies of all requests
    std::size_t counted = 0;              // of this one in it
    JsonScanner scanner;
    std::optional<OllamaCall> ollama; // what it was before it was translated
    std::string client_path;          // of it
    bool forwarded = false;           // by another odysseus; never forwarded again
    bool with_key = true;             // the client may be given llama-server's own key
    std::string allowed_origin;

    // What goes up, once the names are settled.
    std::string target;
    std::optional<ByteEdit> edit; // of the body
    std::string asked;            // the model as the client named it; empty: it named none
    std::string model;            // llama-server's id; empty: none is named
    bool loads_model = false;     // llama-server loads it for this request if it must
    bool stream = false;
    bool json = false; // the body is a JSON object, whatever the client calls it
};

// False: the client sent none in time, and has none under way.
[[nodiscard]] Task<bool> read_head(ClientStream& client, ProxyRequest& request,
                                   const ProxyLimits& limits);
[[nodiscard]] Task<> read_body(ClientStream& client, ProxyRequest& request,
                               const ProxyLimits& limits);
// Puts what a packed body holds in its place.
[[nodiscard]] Task<> inflate_body(Waiter& client, BlockingTasks& tasks, ProxyRequest& request,
                                  const ProxyLimits& limits);
// Host, Origin and key. Gives the answer to a browser's question whether it may ask.
[[nodiscard]] std::optional<OwnAnswer> admit(ProxyRequest& request, const AccessRules& rules,
                                             bool peer_is_local);

struct UnknownModel {
    std::string asked; // empty: the request names none, and several could answer
    std::vector<std::string> suggested;
    bool ambiguous = false;
    std::vector<std::string> there = {}; // the names there are, where they are few
};

// Asks whether llama-server itself knows an id that the directory does not.
using IsForeign = std::function<bool(std::string_view id)>;

// Finds the names in the query and the body and settles what replaces them. Says which one is
// unknown where nothing but a model of that name could answer.
[[nodiscard]] std::optional<UnknownModel> settle_names(ProxyRequest& request,
                                                       const models::ModelDirectory& models,
                                                       const IsForeign& is_foreign);

// The sentence for a client that asked for it.
[[nodiscard]] std::string unknown_model_message(const UnknownModel& unknown);
// For a request that llama-server wants a model's name of, and that cannot get one of ours.
[[nodiscard]] std::string unnamed_message(std::string_view path,
                                          const models::ModelDirectory& models);

} // namespace odysseus::proxy
