// What the hub says over HTTP, for pull alone.
#pragma once

#include "odysseus/models/pull.hpp"

namespace odysseus::models {

// The options with the hub's own plain http in their trust.
[[nodiscard]] download::HttpOptions hub_http(const PullOptions& options);

// Every page of the repository's list of files. A token that the hub refuses while it answers
// without one is taken out of the options, as by check_access below. Throws Error.
[[nodiscard]] std::vector<HubFile> hub_files(const HubName& name, PullOptions& options);

// Whether this file may be downloaded, found out by its first bytes: the list of a gated repository
// is open to everybody, its files are not. Throws Error.
void check_access(const HubName& name, const std::string& url, PullOptions& options);

} // namespace odysseus::models
