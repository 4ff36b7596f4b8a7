// The commands of odysseus, one function each; main calls one of them. Each prints its result on
// stdout, everything else on stderr, throws Error for what cannot go on, and returns the exit code.
#pragma once

#include "odysseus/settings/command_line.hpp"
#include "odysseus/settings/settings_source.hpp"

namespace odysseus::front {

int serve(const io::CommandLine& line, const io::ResolvedSettings& settings);
int backend(const io::CommandLine& line, const io::ResolvedSettings& settings);
int plan(const io::CommandLine& line, const io::ResolvedSettings& settings);
int config(const io::CommandLine& line, const io::ResolvedSettings& settings);
int models(const io::CommandLine& line, const io::ResolvedSettings& settings);
int pull(const io::CommandLine& line, const io::ResolvedSettings& settings);
int doctor(const io::CommandLine& line, const io::ResolvedSettings& settings);

} // namespace odysseus::front
