// Where settings come from beside the command line: the environment and
// HOME/data/launcher_config.json.
#pragma once

#include "odysseus/settings/settings.hpp"

#include <filesystem>

namespace odysseus::settings {

// By the working directory. Throws Error (usage) that begins with `where` for what is no UTF-8.
[[nodiscard]] std::string absolute_path(const std::string& text, std::string_view where);

// Throws Error (usage) for a value that a shell has left its quotation marks on. The value is not
// shown: it may be secret.
void refuse_quotes(std::string_view value, std::string_view where);

// Variables that are set but empty count as not set.
[[nodiscard]] RawSettings settings_from_environment();

// HOME: --home, ODYSSEUS_HOME or the executable's own folder; absolute.
[[nodiscard]] std::filesystem::path home_of(const RawSettings& flags,
                                            const RawSettings& environment);

// Everything together. Throws Error (usage) for a value that does not parse or a file that is no
// JSON object; a key of the file that is no setting is one warning.
struct ResolvedSettings {
    RawSettings raw;
    Settings values;
};
[[nodiscard]] ResolvedSettings resolve_settings(const RawSettings& flags);

} // namespace odysseus::settings
