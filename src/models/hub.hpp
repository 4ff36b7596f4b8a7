// What the hub says over HTTP, for pull alone.
#pragma once

#include "odysseus/models/pull.hpp"

namespace odysseus::models {

// The options with the hub's own plain http in their trust.
[[nodiscard]] download::HttpOptions hub_http(const PullOptions& options);

// Every page of the repository's list of files. Throws Error.
[[nodiscard]] std::vector<HubFile> hub_files(const HubName& name, const PullOptions& options);

// Whether this file may be downloaded, found out by its first bytes: the list of a gated repository
// is open to everybody, its files are not. Throws Error.
void check_access(const HubName& name, const std::string& url, const PullOptions& options);

} // namespace odysseus::models
