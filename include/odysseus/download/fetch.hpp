// Getting things from the network: a text (an API's answer), or a file that goes on where an
// earlier try, or an earlier run of the program, was cut off.
#pragma once

#include "odysseus/base/error.hpp"
#include "odysseus/download/http.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::download {

struct TextRequest {
    std::string url;
    std::vector<std::string> headers; // "Name: value"
    std::optional<std::string> bearer;
    std::optional<std::string> etag; // If-None-Match: the answer may be 304 without a body
    std::size_t bytes_max = 8U << 20;
};

struct TextReply {
    HttpReply head;
    std::string body;
};

// Tries again on what is transient, except 429, whose waiting is the caller's business. Every
// status is an answer. Throws Error (network) when no answer comes or it is larger than allowed;
// Stopped.
[[nodiscard]] TextReply fetch_text(const TextRequest& request, const HttpOptions& options);

struct FetchProgress {
    std::int64_t bytes = 0; // of the file, what an earlier run fetched included
    std::optional<std::int64_t> total;
};
using OnFetchProgress = std::function<void(const FetchProgress&)>; // about ten times a second

struct FileRequest {
    std::string url;
    std::filesystem::path to;         // exists afterwards whole and checked, or not at all
    std::optional<std::int64_t> size; // what it must have
    std::optional<std::string> sha256;
    std::optional<std::string> bearer;
    bool archive = false; // must begin as an archive does
    bool gguf = false;    // must begin as a GGUF file does
    bool durable = false; // on the disk when the call returns
};

struct FetchedFile {
    std::int64_t bytes = 0;
    std::string sha256;
    std::int64_t resumed_bytes = 0; // were there already when the call began
    int tries = 0;                  // requests sent
};

// The server says that there is no such file (404, 410).
class FileAbsent : public Error {
  public:
    explicit FileAbsent(const std::string& message) : Error(Fault::network, message) {}
};

// A file that is there already and has the wanted digest is not asked for again.
// While it is under way the bytes are in TO.part, with TO.part.json beside it; both stay when the
// network fails or the call is stopped, and go when the content turns out to be wrong or the disk
// is full. One caller a file: hold a lock if there may be several. Throws Error: network
// (unreachable, refused, given up, no space), integrity (length, digest, not an archive, no GGUF
// file), usage (the folder); Stopped.
[[nodiscard]] FetchedFile fetch_file(const FileRequest& request, const HttpOptions& options,
                                     const OnFetchProgress& progress);

// What fetch_file leaves beside `to` while it is unfinished.
[[nodiscard]] std::filesystem::path part_file(const std::filesystem::path& to);
[[nodiscard]] std::filesystem::path part_record_file(const std::filesystem::path& to);

} // namespace odysseus::download
