// The one exception type, and what its kinds mean for the exit code (docs/manual.md, "Exit codes").
// Thrown by files that work, never by those that decide (src/rooms.cmake). The lowest place that
// knows the file, the URL or the flag writes the sentence: what, where, why, remedy.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace odysseus {

enum class Fault {
    bug = 1,       // an unexpected error
    usage = 2,     // wrong use: flag, setting, file
    no_build = 3,  // no llama.cpp build fits this machine
    network = 4,   // host unreachable, rate limit, download failed
    integrity = 5, // digest, archive, unsafe path, a build that does not run
    server = 6,    // llama-server did not start or keeps failing
    busy = 7,      // a port is taken, or another odysseus runs in this HOME
};

class Error : public std::runtime_error {
  public:
    Error(Fault fault, const std::string& message) : std::runtime_error(message), m_fault(fault) {}
    [[nodiscard]] Fault fault() const { return m_fault; }
    // The same fault with a context in front: "installing llama.cpp b9305: ...".
    [[nodiscard]] Error within(const std::string& context) const;

  private:
    Fault m_fault;
};

// The user (a signal) ended the work: `main` says it plainly and does not call it a failure.
class Stopped : public Error {
  public:
    explicit Stopped(const std::string& message) : Error(Fault::network, message) {}
};

// What the system refused, said so that somebody can mend it.
[[nodiscard]] Error error_of(const std::system_error& refused);

[[nodiscard]] int exit_code(Fault fault);

} // namespace odysseus
