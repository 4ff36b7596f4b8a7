#include "odysseus/io/command_line.hpp"

#include "odysseus/error.hpp"
#include "odysseus/io/verbs.hpp"
#include "odysseus/logic/text.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

namespace odysseus::io {
namespace {

const VerbSpec& spec_of(Verb verb) {
    const auto& specs = verb_specs();
    return *std::find_if(specs.begin(), specs.end(),
                         [verb](const auto& spec) { return spec.verb == verb; });
}

// "Did you mean ..." over what there is, or nothing.
std::string hint(std::string_view wrong, const std::vector<std::string>& known) {
    const auto names = nearest(wrong, known, 1);
    return names.empty() ? std::string() : cat(" Did you mean ", names.front(), "?");
}

[[noreturn]] void refuse_extra(const std::string& extra, const std::vector<std::string>& flags) {
    if (extra.starts_with('-')) {
        const auto flag = extra.substr(0, extra.find('='));
        throw Error(Fault::usage,
                    cat("there is no flag ", flag, ".", hint(flag, flags),
                        " See odysseus --help; llama-server's own flags go after --"));
    }
    std::vector<std::string> names;
    for (const auto& spec : verb_specs())
        names.emplace_back(spec.name);
    throw Error(Fault::usage, cat("there is no command '", extra, "'.", hint(extra, names),
                                  " See odysseus --help"));
}

// A path on the command line is relative to where the user stands.
std::string value_of(const SettingSpec& spec, const std::vector<std::string>& given) {
    const std::string_view id = spec.id;
    if (spec.repeatable) return joined(given, ",");
    if (given.back().empty()) {
        throw Error(Fault::usage, cat(spec.flag, " is empty; leave it out or give it a value"));
    }
    if (id == "models_dir" || id == "llama_server" || id == "hardware" || id == "home") {
        return std::filesystem::absolute(given.back()).lexically_normal().string();
    }
    return given.back();
}

void check_words(const VerbSpec& spec, const std::vector<std::string>& words) {
    if (words.size() >= spec.words_least && words.size() <= spec.words_most) return;
    throw Error(Fault::usage, cat("odysseus ", spec.name, " is used as: odysseus ", spec.usage));
}

} // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
    CommandLine line;
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
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
        throw Error(Fault::usage, cat(error.what(), "; see odysseus --help"));
    }

    bool named = false;
    for (const auto& [command, spec] : commands) {
        if (command->parsed()) {
            line.verb = spec->verb;
            named = true;
        }
    }
    if (wants_version) line.verb = Verb::version;
    if (wants_help || line.verb == Verb::help) {
        const std::string about = line.verb == Verb::help
                                      ? (line.words.empty() ? "" : line.words.front())
                                  : named ? spec_of(line.verb).name
                                          : "";
        line.verb = Verb::help;
        line.help = help_text(about);
        if (line.help.empty()) refuse_extra(about, flags);
        return line;
    }
    if (const auto extras = app.remaining(true); !extras.empty()) {
        for (const auto& own : spec_of(line.verb).switches)
            flags.emplace_back(own.flag);
        refuse_extra(extras.front(), flags);
    }
    if (line.verb != Verb::version) check_words(spec_of(line.verb), line.words);

    for (std::size_t i = 0; i < setting_specs().size(); ++i) {
        const auto& spec = setting_specs()[i];
        if (options[i]->count() == 0) continue;
        if (spec.value != nullptr && given[i].size() < options[i]->count()) {
            throw Error(Fault::usage,
                        cat(spec.flag, " needs a value: ", spec.flag, " ", spec.value));
        }
        line.settings[spec.id] = {spec.value == nullptr ? "1" : value_of(spec, given[i]),
                                  Origin::flag, spec.flag};
    }
    return line;
}

} // namespace odysseus::io
