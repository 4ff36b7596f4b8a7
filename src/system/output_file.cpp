// What OutputFile does the same on every system.
#include "odysseus/system/files.hpp"

#include <utility>

namespace odysseus::system {

OutputFile::OutputFile(OutputFile&& other) noexcept
    : m_file(std::move(other.m_file)), m_native(std::exchange(other.m_native, -1)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
    if (this != &other) {
        drop();
        m_file = std::move(other.m_file);
        m_native = std::exchange(other.m_native, -1);
    }
    return *this;
}

OutputFile::~OutputFile() {
    drop();
}

} // namespace odysseus::system
