// A release host for tests: serves texts and files over HTTP on 127.0.0.1 as a release API and its
// download host do (ranges, ETags, If-Range), and misbehaves when it is told to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct HostFault {
    enum class Kind {
        cut,             // the connection ends after `value` bytes of this answer's body
        drip,            // one byte every `value` milliseconds
        stall,           // `value` bytes, then nothing
        status,          // answers `value`, with the headers given
        html,            // 200 and a web page
        truncate,        // 200 and the first `value` bytes as if they were all
        flip,            // one bit of byte `value` is another one
        longer,          // `value` bytes too many, the length says so
        redirect,        // to `target`
        redirect_loop,   // to itself
        ignore_range,    // 200 and everything, whatever was asked for
        ignore_if_range, // ranges as asked, whatever If-Range says
        lie_range,       // 206 that begins one byte too early
    };
    Kind kind = Kind::status;
    std::int64_t value = 0;
    int times = -1; // so many requests are treated so; -1: all
    std::string target;
    std::map<std::string, std::string> headers;
};

struct SeenRequest {
    std::string path;
    std::map<std::string, std::string> headers; // names in lower case
};

// All functions may be called from any thread.
class ReleaseHost {
  public:
    explicit ReleaseHost(int port = 0); // 0: any free one
    ReleaseHost(const ReleaseHost&) = delete;
    ReleaseHost& operator=(const ReleaseHost&) = delete;
    ~ReleaseHost();

    [[nodiscard]] int port() const;
    [[nodiscard]] std::string base() const; // "http://127.0.0.1:PORT"

    void serve(const std::string& path, std::string content,
               const std::string& type = "application/octet-stream");
    void serve_file(const std::string& path, const std::filesystem::path& file);
    // Every file below `root`, by its path; a folder answers with its index.json.
    void serve_folder(const std::filesystem::path& root);
    void header(const std::string& path, const std::string& name, const std::string& value);
    void etags(bool on); // on by default

    // For every path that contains `part`; a later fault comes after the earlier ones are used up.
    void fault(const std::string& part, HostFault fault);
    void clear_faults();

    [[nodiscard]] std::vector<SeenRequest> seen(const std::string& part = "") const;
    void forget_seen();

  private:
    struct State;
    std::unique_ptr<State> m_state;
};
