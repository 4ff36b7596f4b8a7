#include "odysseus/base/error.hpp"

namespace odysseus {

Error Error::within(const std::string& context) const {
    return {m_fault, context + ": " + what()};
}

Error error_of(const std::system_error& refused) {
    const auto& code = refused.code();
    if (code == std::errc::resource_unavailable_try_again)
        return {Fault::busy, "the system lets this user start no more threads or processes; end "
                             "some, or raise the limit (ulimit -u, pids.max of a container)"};
    if (code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system)
        return {Fault::busy, "the system lets this process open no more files and connections; "
                             "raise the limit (ulimit -n)"};
    if (code == std::errc::not_enough_memory || code == std::errc::no_buffer_space)
        return {Fault::busy, "the system has no memory left for odysseus itself; close programs "
                             "that use memory, and start again"};
    return {Fault::bug, std::string("unexpected error: ") + refused.what()};
}

int exit_code(Fault fault) {
    return static_cast<int>(fault);
}

} // namespace odysseus
