// For std::visit with one lambda an alternative.
#pragma once

namespace odysseus {

template <class... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

} // namespace odysseus
