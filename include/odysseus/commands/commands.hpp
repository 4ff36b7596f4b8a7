// The commands of odysseus beside the launch itself, one function each.
// Each prints its result on stdout, everything else on stderr, throws Error for what cannot go on,
// and returns the exit code.
#pragma once

#include "odysseus/settings/command_line.hpp"
#include "odysseus/settings/settings_source.hpp"

namespace odysseus::commands {

// The command that the line names, or what it asks to be printed; not a launch.
int carry_out(const settings::CommandLine& line);

int backend(const settings::CommandLine& line, const settings::ResolvedSettings& settings);
int plan(const settings::CommandLine& line, const settings::ResolvedSettings& settings);
int config(const settings::CommandLine& line, const settings::ResolvedSettings& settings);
int models(const settings::CommandLine& line, const settings::ResolvedSettings& settings);
int pull(const settings::CommandLine& line, const settings::ResolvedSettings& settings);
int worker(const settings::CommandLine& line, const settings::ResolvedSettings& settings);
int pair(const settings::CommandLine& line, const settings::ResolvedSettings& settings);
int doctor(const settings::CommandLine& line, const settings::ResolvedSettings& settings);

} // namespace odysseus::commands
