// Takes out of a text what is nobody else's business: for the support archive of `odysseus doctor
// --bundle`. Rather too much than too little: a word that only looks like a token goes too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace odysseus::commands {

struct RedactRules {
    std::vector<std::string> secrets; // known values: keys, tokens, passwords
    std::string home_folder;          // of the user: becomes "~", as it holds a name
    bool begins_inside = false;       // the end of a log: what stands before its first record goes
};

// Line by line:
//   - the known secrets, wherever they stand
//   - what follows Authorization, Cookie, Bearer, Basic, a key, token, password or secret
//   - words that begin as tokens do (hf_, ghp_, github_pat_, sk-, ...)
//   - the name and password in an address, and every query
//   - what people wrote and models answered: the rest of a line after "prompt", "messages",
//     "content", "input" and the like, and the lines that follow until a record of a log begins
[[nodiscard]] std::string redacted(std::string_view text, const RedactRules& rules);

} // namespace odysseus::commands
