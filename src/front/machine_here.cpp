#include "machine_here.hpp"

#include "odysseus/error.hpp"
#include "odysseus/logic/machine_json.hpp"
#include "odysseus/logic/text.hpp"
#include "odysseus/platform/files.hpp"
#include "odysseus/platform/probe.hpp"

namespace odysseus::front {

Machine machine_here(const Settings& settings) {
    constexpr std::size_t k_hardware_bytes_max = 1U << 20;
    Machine machine;
    if (settings.hardware.empty()) {
        machine = platform::probe_machine();
    } else {
        const auto text =
            platform::read_file(platform::path_from_utf8(settings.hardware), k_hardware_bytes_max);
        if (!text) {
            throw Error(Fault::usage, cat("--hardware: ", settings.hardware,
                                          " cannot be read as a file of at "
                                          "most 1 MiB"));
        }
        auto parsed = machine_from_json(*text);
        if (const auto* why = std::get_if<std::string>(&parsed)) {
            throw Error(Fault::usage, cat("--hardware: ", settings.hardware, ": ", *why));
        }
        machine = std::get<Machine>(std::move(parsed));
    }
    if (settings.device) machine.backend = *settings.device;
    return machine;
}

} // namespace odysseus::front
