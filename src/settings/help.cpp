// The help and the manual page, made from the tables of settings and commands.
#include "odysseus/base/text.hpp"
#include "odysseus/base/version.hpp"
#include "odysseus/base/wrap.hpp"
#include "odysseus/settings/command_line.hpp"
#include "verbs.hpp"

#include <algorithm>

namespace odysseus::settings {
namespace {

constexpr std::size_t k_left_column = 26;
constexpr std::size_t k_usage_column = 16; // behind "Usage: odysseus "

constexpr std::size_t k_columns = 80;

std::string row(const std::string& left, const std::string& right) {
    std::string text = "  " + left;
    if (text.size() + 2 > k_left_column) {
        text += '\n';
        text.append(k_left_column, ' ');
    } else {
        text.append(k_left_column - text.size(), ' ');
    }
    return text + wrapped(right, k_columns, k_left_column, k_left_column) + '\n';
}

std::string flag_row(const SettingSpec& spec) {
    std::string left = spec.flag;
    if (spec.value != nullptr) left += concat(' ', spec.value);
    std::string right = spec.help;
    if (*spec.fallback != '\0' && spec.value != nullptr) right += concat(" [", spec.fallback, "]");
    return row(left, right);
}

std::string options_text() {
    using Group = SettingSpec::Group;
    static constexpr std::pair<Group, const char*> k_groups[] = {
        {Group::models, "Models and memory"},
        {Group::serving, "Serving"},
        {Group::build, "The llama.cpp build"},
        {Group::other, "Other"}};
    std::string text;
    for (const auto& [group, title] : k_groups) {
        text += concat(title, ":\n");
        for (const auto& spec : setting_specs()) {
            if (spec.group == group) text += flag_row(spec);
        }
        if (group != Group::other) text += '\n';
    }
    text += row("-h, --help", "this text");
    text += row("-V, --version", "the version");
    return text;
}

std::string indented(std::string_view lines) {
    std::string text;
    for (const auto line : lines_of(lines))
        text += concat("  ", line, "\n");
    return text;
}

std::string own_options(const VerbSpec& spec) {
    std::string text;
    for (const auto& own : spec.switches)
        text += row(own.flag, own.help);
    for (const auto& setting : setting_specs()) {
        const bool shown = std::any_of(spec.settings.begin(), spec.settings.end(),
                                       [&](std::string_view flag) { return flag == setting.flag; });
        if (shown) text += flag_row(setting);
    }
    return text.empty() ? text : "\nOptions:\n" + text;
}

// troff reads '-' as a hyphen, and a '.' or an apostrophe at the start of a line as a request
// (man-pages(7)).
std::string troff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '-' || c == '\\') out += '\\';
        if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
        out += c;
    }
    return out;
}

std::string man_page() {
    std::string text = concat(
        ".TH ODYSSEUS 1 \"\" \"odysseus ", version(), "\" \"User commands\"\n",
        ".SH NAME\nodysseus \\- run llama.cpp's llama\\-server so that it fits this machine\n",
        ".SH SYNOPSIS\n");
    for (const auto& spec : verb_specs()) {
        text += concat(".B odysseus\n", troff(spec.usage), "\n.br\n");
    }
    text += ".SH COMMANDS\n";
    for (const auto& spec : verb_specs()) {
        text += concat(".TP\n.B ", spec.name, "\n", troff(spec.help), ".\n");
        for (const auto& own : spec.switches)
            text += troff(concat(own.flag, ": ", own.help, ". "));
        text += concat("\n.nf\n", troff(spec.examples), "\n.fi\n");
    }
    text += ".SH OPTIONS\nEach can be a flag, an environment variable or a key of "
            "HOME/data/launcher_config.json; "
            "the first of these that is set counts.\n";
    for (const auto& spec : setting_specs()) {
        text += concat(".TP\n.B ", troff(spec.flag),
                       spec.value != nullptr ? concat(" \\fI", troff(spec.value), "\\fR") : "",
                       "\n", troff(spec.help), ". Environment: ", spec.environment, ". ",
                       spec.file_key != nullptr ? concat("Key: ", spec.file_key, ". ") : "",
                       *spec.fallback != '\0' ? concat("Default: ", troff(spec.fallback), ".") : "",
                       "\n");
    }
    text += ".SH EXIT STATUS\n";
    for (const auto& [code, meaning] : exit_meanings())
        text += concat(".TP\n.B ", code, "\n", troff(meaning), "\n");
    return text;
}

} // namespace

std::string help_text(const std::string& verb) {
    if (verb == "man") return man_page();
    if (verb.empty()) {
        std::string text =
            "odysseus runs AI models on this machine, with llama.cpp's llama-server.\n\nUsage: "
            "odysseus [command] [options] [-- llama-server arguments]\n\n"
            "Commands:\n";
        for (const auto& spec : verb_specs())
            text += row(spec.name, spec.help);
        text += "\nExamples:\n" + indented(verb_specs().front().examples) + "\n" + options_text();
        return text + "\nEvery option has an environment variable, and most have a key in\n"
                      "HOME/data/launcher_config.json: see odysseus config. A command's own help:\n"
                      "odysseus COMMAND --help\n";
    }
    for (const auto& spec : verb_specs()) {
        if (verb != spec.name) continue;
        return concat("odysseus ", spec.name, ": ", spec.help, "\n\nUsage: odysseus ",
                      wrapped(spec.usage, k_columns, k_usage_column, k_usage_column),
                      "\n\nExamples:\n", indented(spec.examples), own_options(spec),
                      "\nAll options: odysseus --help\n");
    }
    return {};
}

} // namespace odysseus::settings
