#include "odysseus/base/error.hpp"

namespace odysseus {

Error Error::within(const std::string& context) const {
    return {m_fault, context + ": " + what()};
}

int exit_code(Fault fault) {
    return static_cast<int>(fault);
}

} // namespace odysseus
