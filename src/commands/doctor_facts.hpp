// Gathering what `odysseus doctor` judges, and the archive of --bundle.
#pragma once

#include "archive_write.hpp"
#include "findings.hpp"
#include "odysseus/settings/settings_source.hpp"
#include "redact.hpp"

#include <string>
#include <vector>

namespace odysseus::commands {

// Looks at everything, starts nothing but the build's own --version and --list-devices, and asks
// the two hosts (not with --offline) within some seconds. What it writes into HOME to try that is
// removed at once. Never throws for what it finds.
[[nodiscard]] DoctorFacts doctor_facts(const settings::Settings& settings,
                                       const hardware::Machine& machine);

// What must not be in a support archive: keys and tokens that this process knows.
[[nodiscard]] RedactRules redact_rules(const settings::Settings& settings,
                                       const std::vector<std::string>& llama_args);

// The members of the support archive: findings, plan, settings, hardware and the ends of the logs,
// every one of them redacted.
[[nodiscard]] std::vector<TarMember> bundle_members(const settings::ResolvedSettings& settings,
                                                    const std::vector<std::string>& llama_args,
                                                    const DoctorFacts& facts,
                                                    const std::vector<Finding>& findings);

} // namespace odysseus::commands
