// Release JSON as GitHub's API writes it, as far as it is read.
#pragma once

#include "odysseus/base/text.hpp"
#include "odysseus/builds/build.hpp"

#include <string>
#include <vector>

inline std::string release_json(const std::string& tag,
                                const std::vector<odysseus::builds::BuildFile>& files,
                                bool prerelease = true) {
    using odysseus::concat;
    std::vector<std::string> assets;
    for (const auto& file : files) {
        assets.push_back(concat(R"({"name":")", file.name, R"(","state":"uploaded","size":)",
                                file.size.value_or(1), R"(,"digest":)",
                                file.sha256 ? concat(R"("sha256:)", *file.sha256, '"') : "null",
                                R"(,"browser_download_url":")", file.url, R"("})"));
    }
    return concat(R"({"tag_name":")", tag, R"(","draft":false,"prerelease":)",
                  prerelease ? "true" : "false", R"(,"assets":[)", odysseus::joined(assets, ","),
                  "]}");
}
