#include "odysseus/builds/system_trouble.hpp"

#include "odysseus/base/text.hpp"

namespace odysseus::builds {
namespace {

constexpr std::string_view k_import =
    "import a build that carries its own C library (scripts/debian-llama-server makes one; "
    "odysseus backend import FILE)";

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

SystemTrouble nixos() {
    return {"this is NixOS, which runs no programs made for other systems by itself",
            "Set programs.nix-ld.enable = true in configuration.nix and rebuild; or take nixpkgs' "
            "own: nix-shell -p llama-cpp, then --llama-server $(command -v llama-server)."};
}

SystemTrouble musl(const std::string& distribution) {
    const auto name = distribution.empty() ? std::string("this system") : distribution;
    const bool alpine = distribution == "alpine";
    return {concat(name, " has another C library (musl) than llama.cpp's public builds need"),
            concat("Use the system's own llama-server", alpine ? " (apk add llama.cpp)" : "",
                   " with --llama-server PATH; or ", k_import, ".")};
}

// "GLIBC_2.38" of "version `GLIBC_2.38' not found".
std::string missing_version(std::string_view output, std::string_view beginning) {
    const auto at = output.find(concat("`", beginning));
    if (at == std::string_view::npos) return {};
    const auto rest = output.substr(at + 1);
    const auto end = rest.find('\'');
    const auto name = rest.substr(0, end);
    const bool plain =
        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_.0123456789") == std::string_view::npos;
    return end == std::string_view::npos || !plain || !contains(rest.substr(end), "not found")
               ? std::string()
               : std::string(name);
}

// The path at the beginning of a word that ends in ".so" or has ".so." in it, and that lies
// outside of the build's folder; empty: there is none.
std::string foreign_library(std::string_view output, const std::string& folder) {
    for (const auto line : lines_of(output)) {
        const bool tells = contains(line, "symbol lookup error") ||
                           contains(line, "undefined symbol") || contains(line, "version `") ||
                           contains(line, "not defined in file");
        if (!tells) continue;
        for (auto word : split(line, ' ')) {
            while (!word.empty() && (word.back() == ':' || word.back() == ','))
                word.remove_suffix(1);
            const auto name = word.substr(word.rfind('/') + 1);
            const bool ours = name.starts_with("libggml") || name.starts_with("libllama") ||
                              name.starts_with("libmtmd");
            if (word.starts_with('/') && ours && contains(name, ".so") && !folder.empty() &&
                !word.starts_with(folder + "/"))
                return std::string(word);
        }
    }
    return {};
}

} // namespace

std::optional<SystemTrouble> system_trouble(std::string_view output,
                                            const TroubleContext& context) {
    if (contains(output, "NixOS cannot run") ||
        contains(output, "Could not start dynamically linked executable") ||
        (context.is_missing && context.distribution == "nixos"))
        return nixos();
    if (const auto library = foreign_library(output, context.folder); !library.empty()) {
        return SystemTrouble{
            concat("the foreign library ", library, " is taken instead of the build's own"),
            "Unset LD_LIBRARY_PATH (and LD_PRELOAD), or take that folder out of it."};
    }
    for (const char* beginning : {"GLIBC_", "GLIBCXX_"}) {
        const auto version = missing_version(output, beginning);
        if (version.empty()) continue;
        return SystemTrouble{
            concat("it was made for a newer system than ",
                   context.distribution.empty() ? "this one" : "this " + context.distribution,
                   ": it needs ", version),
            concat("Use a newer system, or ", k_import, ".")};
    }
    const bool says_musl = contains(output, "Error relocating ") ||
                           contains(output, "Error loading shared library ld-linux");
    if (says_musl || (context.is_missing && context.distribution == "alpine"))
        return musl(context.distribution);
    if (context.is_missing) {
        return SystemTrouble{
            "the system has no loader for it: the program was made for another C library, or for "
            "another kind of processor",
            concat("Install glibc of 64 bits (on Debian: libc6), or ", k_import, ".")};
    }
    return std::nullopt;
}

} // namespace odysseus::builds
