// What is in flight, for the log: called in a `catch (...)`.
#pragma once

#include <exception>
#include <string>

namespace odysseus {

[[nodiscard]] inline std::string current_exception_text() {
    try {
        throw;
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "an unknown exception";
    }
}

} // namespace odysseus
