// An archive (tar.gz, tar.xz, tar.zst, tar or zip), which is a stranger's, into an empty folder:
// every name is checked, nothing but files, folders and links is made, everything has a limit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace odysseus::builds {

struct UnpackLimits {
    int entries_max = 20000;
    std::int64_t bytes_max = 24LL << 30;
    // Bytes out for each byte in, once 64 MiB are out: CUDA libraries reach 4, bombs 1000.
    int ratio_max = 100;
};

struct UnpackOptions {
    UnpackLimits limits;
    // Absent: links where the file system has them, copies where it has not (exFAT).
    std::optional<bool> links_as_copies;
    bool digests = true; // SHA-256 of every file, while its bytes are at hand
    std::function<bool()> stopped;
    std::function<void(std::int64_t bytes, std::int64_t total)> progress; // of the archive
};

struct UnpackedFile {
    std::string path; // below the folder, '/' between parts, UTF-8
    std::int64_t size_bytes = 0;
    std::string sha256; // empty: a link, or no digests wanted
    std::string link;   // the text of the link; empty: a file
};

struct Unpacked {
    std::vector<UnpackedFile> files;
    std::string top_folder; // what all members lay in, taken off: "llama-b11158", "build/bin", ""
    std::vector<std::string> warnings; // sentences
};

// `into` must be an empty folder; what it holds after an exception is worthless. Files become
// executable when the archive says so, nothing else of their modes, owners and times is taken over.
// Throws Error: integrity (what the archive is or does), usage (the disk); Stopped.
[[nodiscard]] Unpacked unpack(const std::filesystem::path& archive,
                              const std::filesystem::path& into, const UnpackOptions& options);

} // namespace odysseus::builds
