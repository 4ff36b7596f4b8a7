// What a launch tells a person on the terminal: seven lines the first time, three later.
#pragma once

#include "odysseus/commands/plan_report.hpp"
#include "odysseus/settings/settings.hpp"

#include <string>

namespace odysseus::commands {

// Where a browser on this machine finds the server.
[[nodiscard]] std::string url_of(const settings::Settings& settings, int port);

// About settings that do nothing any more.
void say_what_has_no_effect(const settings::Settings& settings);

void say_first_lines(const Plan& plan, bool first_run);
// The addresses; and that a toy model is no way to get answers.
void say_ready(const std::string& url, const Plan& plan, bool first_run);

// The page in the browser, where --open or a first run at a desktop asks for it.
void open_page(const std::string& url, const settings::Settings& settings, bool first_run);

} // namespace odysseus::commands
