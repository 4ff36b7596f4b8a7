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
        throw Error(Fault::usage, concat(command != nullptr ? command->name : "serve",
                                         " has no flag ", flag, ", but these have: ", owners));
    }
    throw Error(Fault::usage, concat("there is no flag ", flag, ".", hint(flag, known),
                                     " See odysseus --help; llama-server's own flags go after --"));
}

// What users of other programs type, and what it is called here.
std::string foreign_word(std::string_view word) {
    constexpr std::pair<std::string_view, std::string_view> k_here[] = {
        {"run", "odysseus starts the server and names the page to chat on; odysseus pull ORG/NAME "
                "fetches a model"},
        {"chat", "odysseus starts the server and names the page to chat on"},
        {"start", "odysseus alone starts the server"},
        {"list", "odysseus models"},
        {"ls", "odysseus models"},
        {"show", "odysseus models"},
        {"ps", "odysseus doctor says whether one runs, and its page what is loaded"},
        {"stop", "Ctrl-C in its terminal ends odysseus"},
        {"rm", "delete the model's file in the models folder"},
        {"download", "odysseus pull ORG/NAME"},
        {"get", "odysseus pull ORG/NAME"},
        {"update", "odysseus backend update fetches the newest llama.cpp"},
        {"upgrade", "odysseus backend update fetches the newest llama.cpp"},
    };
    for (const auto& [theirs, ours] : k_here) {
        if (lowered(word) == theirs)
            return concat("there is no command '", word, "'; here: ", ours);
    }
    if (lowered(word).ends_with(".gguf"))
        return concat("'", word,
                      "' is a model file: put it into the models folder, or name its "
                      "folder with --models-dir DIR");
    return {};
}

// `command` is null where none was named.
[[noreturn]] void refuse_extra(const std::string& extra, const VerbSpec* command,
                               const std::vector<std::string>& flags) {
    if (extra.starts_with('-')) refuse_flag(extra.substr(0, extra.find('=')), command, flags);
    const auto names = names_of_commands();
    if (command == nullptr || command->verb == Verb::serve) {
        if (const auto here = foreign_word(extra); !here.empty()) throw Error(Fault::usage, here);
    }
    if (command == nullptr) {
        throw Error(Fault::usage, concat("there is no command '", extra, "'.", hint(extra, names),
                                         " See odysseus --help"));
    }
    if (std::find(names.begin(), names.end(), extra) != names.end()) {
        throw Error(Fault::usage, concat("'", command->name, "' and '", extra,
                                         "' are two commands; name one of them"));
    }
    throw Error(Fault::usage,
                concat(command->name, " takes no '", extra, "'; usage: odysseus ", command->usage));
}

// A path on the command line is relative to where the user stands.
std::string value_of(const SettingSpec& spec, const std::vector<std::string>& given) {
    for (const auto& value : given) {
        if (trimmed(value).empty()) {
            throw Error(Fault::usage, concat(spec.flag, " needs a value: ", spec.flag, " ",
                                             spec.value, "; it got none, or an empty one"));
        }
        refuse_quotes(value, spec.flag);
        if (spec.repeatable && !spec.path && value.find(',') != std::string::npos) {
            throw Error(Fault::usage,
                        concat(spec.flag, " takes one value, and a comma is in none of ",
                               "them; for two, give the flag twice"));
        }
    }
    if (!spec.path) return spec.repeatable ? joined(given, ",") : given.back();
    std::vector<std::string> paths;
    for (const auto& value : given)
        paths.push_back(absolute_path(value, spec.flag));
    return spec.repeatable ? joined(paths, "\n") : paths.back();
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
        refuse_quotes(word, spec.name);
    }
    if (wrong == nullptr) return;
    if (spec.verb == Verb::pull && words.empty())
        throw Error(Fault::usage, "pull needs a model, for example: odysseus pull "
                                  "unsloth/Qwen3-4B-Instruct-2507-GGUF");
    throw Error(Fault::usage, concat(spec.name, ": ", wrong, "; usage: odysseus ", spec.usage));
}

// What CLI11 is told to look for, and where it puts what it finds.
struct Grammar {
    CLI::App app;
    bool wants_help = false;
    bool wants_version = false;
    std::vector<std::string> flags{"--help", "--version"};
    std::vector<std::vector<std::string>> given; // by setting
    std::vector<CLI::Option*> options;           // by setting
    std::vector<std::pair<CLI::App*, const VerbSpec*>> commands;
};

void add_settings(Grammar& grammar) {
    const auto& specs = setting_specs();
    grammar.given.resize(specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i) {
        grammar.flags.emplace_back(specs[i].flag);
        if (specs[i].value == nullptr) {
            grammar.options.push_back(grammar.app.add_flag(specs[i].flag));
            continue;
        }
        auto* option = grammar.app.add_option(specs[i].flag, grammar.given[i])->expected(1);
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        option->expected(0, 1)->allow_extra_args(false);
        grammar.options.push_back(option);
    }
}

void add_commands(Grammar& grammar, CommandLine& line) {
    for (const auto& spec : verb_specs()) {
        auto* command = grammar.app.add_subcommand(spec.name);
        command->set_help_flag();
        command->fallthrough();
        if (spec.words_most > 0) command->add_option("words", line.words)->expected(0, 8);
        for (const auto& own : spec.switches) {
            command->add_flag_callback(own.flag, [&line, own] { line.switches.insert(own.flag); });
        }
        grammar.commands.emplace_back(command, &spec);
    }
}

void parse(Grammar& grammar, std::vector<std::string> words) {
    std::reverse(words.begin(), words.end()); // CLI11 takes them from the back
    try {
        grammar.app.parse(words);
    } catch (const CLI::ParseError& error) {
        throw Error(Fault::usage, concat(error.what(), "; see odysseus --help"));
    }
}

const VerbSpec* named_command(const Grammar& grammar) {
    const VerbSpec* named = nullptr;
    for (const auto& [command, spec] : grammar.commands) {
        if (command->parsed()) named = spec;
    }
    return named;
}

void take_help(const Grammar& grammar, const VerbSpec* named, CommandLine& line) {
    std::string about = named != nullptr ? named->name : "";
    if (line.verb == Verb::help) {
        check_words(*named, line.words);
        about = line.words.empty() ? "" : line.words.front();
    }
    line.verb = Verb::help;
    line.help = help_text(about);
    if (line.help.empty()) refuse_extra(about, nullptr, grammar.flags);
}

void take_settings(const Grammar& grammar, CommandLine& line) {
    for (std::size_t i = 0; i < setting_specs().size(); ++i) {
        const auto& spec = setting_specs()[i];
        if (grammar.options[i]->count() == 0) continue;
        line.settings[spec.id] = {spec.value == nullptr ? switch_value(*grammar.options[i])
                                                        : value_of(spec, grammar.given[i]),
                                  Origin::flag, spec.flag};
    }
}

} // namespace

CommandLine parse_command_line(std::vector<std::string> words) {
    CommandLine line;
    if (const auto dashes = std::find(words.begin(), words.end(), "--"); dashes != words.end()) {
        line.llama_args.assign(dashes + 1, words.end());
        words.erase(dashes, words.end());
    }

    Grammar grammar;
    grammar.app.set_help_flag();
    grammar.app.allow_extras();
    grammar.app.require_subcommand(0, 1);
    grammar.app.add_flag("-h,--help", grammar.wants_help);
    grammar.app.add_flag("-V,--version", grammar.wants_version);
    add_settings(grammar);
    add_commands(grammar, line);
    parse(grammar, std::move(words));

    const auto* named = named_command(grammar);
    if (named != nullptr) line.verb = named->verb;
    if (grammar.wants_version) line.verb = Verb::version;
    if (grammar.wants_help || line.verb == Verb::help) {
        take_help(grammar, named, line);
        return line;
    }
    if (const auto extras = grammar.app.remaining(true); !extras.empty())
        refuse_extra(extras.front(), named, grammar.flags);
    if (named != nullptr) check_words(*named, line.words);
    take_settings(grammar, line);
    return line;
}

} // namespace odysseus::settings
