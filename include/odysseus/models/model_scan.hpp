// The models folders, walked: the user's own, and those of other programs, read as they lie.
// Nothing is ever written there.
#pragma once

#include "odysseus/models/model_catalog.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace odysseus::models {

struct ScanLimits {
    int depth = 12;
    std::size_t entries = 100'000; // files and folders looked at
};

struct ScanResult {
    std::vector<ScannedFile> files; // *.gguf in any case, by path; those of stores besides
    std::vector<std::string> findings;
    std::uint64_t signature = 0; // the same as long as no path, size or time changes
};

// Remembers the headers it has read, by path, size and time. One thread at a time.
class ModelScan {
  public:
    // `origins`: the file that says what was fetched from where; empty: there is none.
    explicit ModelScan(std::filesystem::path models_dir, std::filesystem::path origins = {},
                       ScanLimits limits = {});
    // More folders, which are only read. A file that was seen in a folder before is not seen again.
    ModelScan& also(std::vector<std::filesystem::path> folders);
    // Models use the drafts that lie beside them and fit.
    ModelScan& with_drafts(bool wanted);

    [[nodiscard]] ScanResult scan();
    // The walk without the reading: cheap enough for once a second.
    [[nodiscard]] std::uint64_t signature() const;
    // Scans, and makes the catalog; the scan's findings come before the catalog's own.
    [[nodiscard]] Catalog catalog();

  private:
    struct Header {
        ModelFile file;
        std::variant<GgufInfo, GgufRefused> header;
    };
    struct Walk;
    [[nodiscard]] Walk walk() const;

    std::filesystem::path m_models_dir;
    std::vector<std::filesystem::path> m_more;
    bool m_drafts = false;
    std::filesystem::path m_origins;
    ScanLimits m_limits;
    std::map<std::string, Header> m_headers;
};

} // namespace odysseus::models
