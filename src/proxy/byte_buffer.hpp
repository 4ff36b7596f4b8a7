// Bytes that grow at the end. Unlike std::string it neither clears what is about to be read into,
// nor copies large contents when it grows where the system can move pages instead.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace odysseus::proxy {

class ByteBuffer {
  public:
    ByteBuffer() = default;
    ~ByteBuffer() { std::free(m_data); }
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;

    void swap(ByteBuffer& other) noexcept {
        std::swap(m_data, other.m_data);
        std::swap(m_size, other.m_size);
        std::swap(m_capacity, other.m_capacity);
    }
    [[nodiscard]] std::string_view view() const { return {m_data, m_size}; }
    [[nodiscard]] std::size_t size() const { return m_size; }
    [[nodiscard]] bool empty() const { return m_size == 0; }

    // Space for `bytes` more, to be filled before grew() is told how many there are.
    [[nodiscard]] char* room(std::size_t bytes) {
        reserve(m_size + bytes);
        return m_data + m_size;
    }
    void grew(std::size_t bytes) { m_size += bytes; }
    void append(std::string_view bytes) {
        if (bytes.empty()) return;
        std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
        grew(bytes.size());
    }
    void reserve(std::size_t capacity) {
        if (capacity <= m_capacity) return;
        const auto wanted = std::max(capacity, m_capacity + m_capacity / 2);
        void* const moved = std::realloc(m_data, wanted);
        if (moved == nullptr) throw std::bad_alloc();
        m_data = static_cast<char*>(moved);
        m_capacity = wanted;
    }
    void drop_front(std::size_t bytes) {
        m_size -= bytes;
        if (m_size > 0) std::memmove(m_data, m_data + bytes, m_size);
    }
    // Also gives the memory back.
    void clear() {
        std::free(m_data);
        m_data = nullptr;
        m_size = m_capacity = 0;
    }

  private:
    char* m_data = nullptr;
    std::size_t m_size = 0;
    std::size_t m_capacity = 0;
};

} // namespace odysseus::proxy
