#include "odysseus/settings/command_line.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/settings/settings_source.hpp"
#include "verbs.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace odysseus::settings {
namespace {

// "Did you mean ..." over what there is, or nothing.
std::string hint(std::string_view wrong, const std::vector<std::string>& known) {
    const auto names = nearest(wrong, known, 1);
    return names.empty() ? std::string() : concat(" Did you mean ", names.front(), "?");
}

std::vector<std::string> names_of_commands() {
    std::vector<std::string> names;
    for (const auto& spec : verb_specs())
        names.emplace_back(spec.name);
    return names;
}

// Which commands have a switch that this one has not: "odysseus plan and odysseus models", or "".
std::string owners_of(std::string_view flag) {
    std::vector<std::string> owners;
    for (const auto& spec : verb_specs()) {
        for (const auto& own : spec.switches) {
            if (flag == own.flag) owners.emplace_back(spec.name);
        }
    }
    return joined(owners, ", ");
}

[[noreturn]] void refuse_flag(std::string_view flag, const VerbSpec* command,
                              std::vector<std::string> known) {
    if (command != nullptr) {
        for (const auto& own : command->switches)
            known.emplace_back(own.flag);
    }
    if (const auto owners = owners_of(flag); !owners.empty()) {
        throw Error(Fault::usage, concat("odysseus ", command != nullptr ? command->name : "serve",
                                         " has no flag ", flag, ", but these have: ", owners));
    }
    throw Error(Fault::usage, concat("there is no flag ", flag, ".", hint(flag, known),
                                     " See odysseus --help; llama-server's own flags go after --"));
}

// `command` is null where none was named.
[[noreturn]] void refuse_extra(const std::string& extra, const VerbSpec* command,
                               const std::vector<std::string>& flags) {
    if (extra.starts_with('-')) refuse_flag(extra.substr(0, extra.find('=')), command, flags);
    const auto names = names_of_commands();
    if (command == nullptr) {
        throw Error(Fault::usage, concat("there is no command '", extra, "'.", hint(extra, names),
                                         " See odysseus --help"));
    }
    if (std::find(names.begin(), names.end(), extra) != names.end()) {
        throw Error(Fault::usage, concat("'", command->name, "' and '", extra,
                                         "' are two commands; name one of them"));
    }
    throw Error(Fault::usage, concat("'", extra, "' is one word too many; it is used as: odysseus ",
                                     command->usage));
}

// A path on the command line is relative to where the user stands.
std::string value_of(const SettingSpec& spec, const std::vector<std::string>& given) {
    for (const auto& value : given) {
        if (trimmed(value).empty()) {
            throw Error(Fault::usage, concat(spec.flag, " needs a value: ", spec.flag, " ",
                                             spec.value, "; it got none, or an empty one"));
        }
        if (spec.repeatable && value.find(',') != std::string::npos) {
            throw Error(Fault::usage,
                        concat(spec.flag, " takes one value, and a comma is in none of ",
                               "them; for two, give the flag twice"));
        }
    }
    if (spec.repeatable) return joined(given, ",");
    if (spec.path) return absolute_path(given.back(), spec.flag);
    return given.back();
}

// A switch may be given a truth value, --offline=no; the settings judge what it is.
std::string switch_value(const CLI::Option& option) {
    const auto value = option.results().back();
    return value == "true" ? "1" : value == "false" ? "0" : value;
}

void check_words(const VerbSpec& spec, const std::vector<std::string>& words) {
    const char* wrong = words.size() < spec.words_least  ? "something is missing"
                        : words.size() > spec.words_most ? "that is one word too many"
                                                         : nullptr;
    for (const auto& word : words) {
        if (trimmed(word).empty()) wrong = "a word is empty";
    }
    if (wrong == nullptr) return;
    throw Error(Fault::usage, concat("odysseus ", spec.name, ": ", wrong,
                                     "; it is used as: odysseus ", spec.usage));
}

} // namespace

CommandLine parse_command_line(std::vector<std::string> words) {
    CommandLine line;
    if (const auto dashes = std::find(words.begin(), words.end(), "--"); dashes != words.end()) {
        line.llama_args.assign(dashes + 1, words.end());
        words.erase(dashes, words.end());
    }

    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    app.require_subcommand(0, 1);
    bool wants_help = false;
    bool wants_version = false;
    app.add_flag("-h,--help", wants_help);
    app.add_flag("-V,--version", wants_version);

    std::vector<std::string> flags{"--help", "--version"};
    std::vector<std::vector<std::string>> given(setting_specs().size());
    std::vector<CLI::Option*> options;
    for (std::size_t i = 0; i < setting_specs().size(); ++i) {
        const auto& spec = setting_specs()[i];
        flags.emplace_back(spec.flag);
        if (spec.value == nullptr) {
            options.push_back(app.add_flag(spec.flag));
            continue;
        }
        options.push_back(app.add_option(spec.flag, given[i])->expected(1));
        options.back()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        options.back()->expected(0, 1)->allow_extra_args(false);
    }

    std::vector<std::pair<CLI::App*, const VerbSpec*>> commands;
    for (const auto& spec : verb_specs()) {
        auto* command = app.add_subcommand(spec.name);
        command->set_help_flag();
        command->fallthrough();
        if (spec.words_most > 0) command->add_option("words", line.words)->expected(0, 8);
        for (const auto& own : spec.switches) {
            command->add_flag_callback(own.flag, [&line, own] { line.switches.insert(own.flag); });
        }
        commands.emplace_back(command, &spec);
    }

    std::reverse(words.begin(), words.end()); // CLI11 takes them from the back
    try {
        app.parse(words);
    } catch (const CLI::ParseError& error) {
        throw Error(Fault::usage, concat(error.what(), "; see odysseus --help"));
    }

    const VerbSpec* named = nullptr;
    for (const auto& [command, spec] : commands) {
        if (command->parsed()) named = spec;
    }
    if (named != nullptr) line.verb = named->verb;
    if (wants_version) line.verb = Verb::version;
    if (wants_help || line.verb == Verb::help) {
        const std::string about = line.verb == Verb::help
                                      ? (line.words.empty() ? "" : line.words.front())
                                  : named != nullptr ? named->name
                                                     : "";
        if (line.verb == Verb::help) check_words(*named, line.words);
        line.verb = Verb::help;
        line.help = help_text(about);
        if (line.help.empty()) refuse_extra(about, nullptr, flags);
        return line;
    }
    if (const auto extras = app.remaining(true); !extras.empty()) {
        refuse_extra(extras.front(), named, flags);
    }
    if (named != nullptr) check_words(*named, line.words);

    for (std::size_t i = 0; i < setting_specs().size(); ++i) {
        const auto& spec = setting_specs()[i];
        if (options[i]->count() == 0) continue;
        line.settings[spec.id] = {spec.value == nullptr ? switch_value(*options[i])
                                                        : value_of(spec, given[i]),
                                  Origin::flag, spec.flag};
    }
    return line;
}

} // namespace odysseus::settings
