#include "odysseus/commands/tell_failure.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/terminal.hpp"

#include <exception>
#include <string_view>
#include <system_error>

namespace odysseus::commands {
namespace {

constexpr int k_interrupted = 130; // as shells say it: 128 and SIGINT

int told(const Error& error) {
    system::complain(error.what());
    return exit_code(error.fault());
}

} // namespace

int tell_failure() {
    try {
        throw;
    } catch (const Stopped& stopped) {
        const std::string_view what = stopped.what();
        system::hide_echo();
        system::complain(concat("stopped", what.empty() ? "" : "; ", what));
        return k_interrupted;
    } catch (const Error& error) {
        return told(error);
    } catch (const std::system_error& refused) {
        return told(error_of(refused));
    } catch (const std::exception& error) {
        return told(Error(Fault::bug, concat("unexpected error: ", error.what())));
    }
}

} // namespace odysseus::commands
