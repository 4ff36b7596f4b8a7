// What a launch tells a person on the terminal: a few calm lines the first time, three later.
#pragma once

#include "odysseus/commands/plan_report.hpp"
#include "odysseus/settings/settings.hpp"

#include <string>

namespace odysseus::commands {

// Where a browser on this machine finds the server.
[[nodiscard]] std::string url_of(const std::string& host, int port);

void say_first_lines(const Plan& plan, bool first_run);
// With a command to try, the first time.
void say_ready(const std::string& url, const Plan& plan, bool first_run);
// A toy model is a way to see that everything works, not a way to get answers.
void say_toy(const settings::Settings& settings, const std::vector<models::Model>& models);

} // namespace odysseus::commands
