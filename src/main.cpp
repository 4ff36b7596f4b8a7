#include "odysseus/error.hpp"
#include "odysseus/io/command_line.hpp"
#include "odysseus/io/settings_source.hpp"
#include "odysseus/logic/version.hpp"

#include <cstdio>

using namespace odysseus;

int main(int argc, char** argv) {
    try {
        const auto line = io::parse_command_line(argc, argv);
        if (line.verb == io::Verb::help) std::fputs(line.help.c_str(), stdout);
        const auto settings = io::resolve_settings(line.settings);
        for (const auto& [id, value] : settings.raw)
            std::printf("%s=%s (%s)\n", id.c_str(), value.text.c_str(), value.where.c_str());
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "odysseus: %s\n", error.what());
        return exit_code(error.fault());
    }
}
