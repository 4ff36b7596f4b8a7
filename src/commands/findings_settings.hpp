// The doctor's findings about files of settings, odysseus's own and llama.cpp's, and about what
// earlier runs left.
#pragma once

#include "findings.hpp"

namespace odysseus::commands {

void look_at_settings(const DoctorFacts& facts, std::vector<Finding>& findings);
void look_at_llama_config(const DoctorFacts& facts, std::vector<Finding>& findings);
void look_at_leftovers(const DoctorFacts& facts, std::vector<Finding>& findings);
void look_at_threads(const DoctorFacts& facts, std::vector<Finding>& findings);

// Of other machines (--peer).
void look_at_peers(const DoctorFacts& facts, std::vector<Finding>& findings);
void look_at_worker(const DoctorFacts& facts, std::vector<Finding>& findings); // --worker

} // namespace odysseus::commands
