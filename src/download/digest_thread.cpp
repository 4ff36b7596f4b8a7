#include "odysseus/download/digest_thread.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <fstream>

namespace odysseus::download {

namespace {

constexpr std::size_t k_buffer_bytes = 128U << 10;
constexpr std::size_t k_block_bytes = 256U << 10;
constexpr std::size_t k_blocks = 6; // the memory of a DigestStream is one more of them

[[noreturn]] void unreadable(const std::filesystem::path& file) {
    throw Error(Fault::usage, concat("reading ", system::utf8(file), " failed"));
}

std::ifstream opened(const std::filesystem::path& file) {
    std::ifstream in;
    in.rdbuf()->pubsetbuf(nullptr, 0);
    in.open(file, std::ios::binary);
    if (!in) unreadable(file);
    return in;
}

} // namespace

std::string digest_of_file(const std::filesystem::path& file) {
    auto in = opened(file);
    Sha256 digest;
    std::vector<char> buffer(k_buffer_bytes);
    while (in) {
        in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        digest.add(buffer.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad()) unreadable(file);
    return digest.hex();
}

DigestStream::DigestStream() {
    m_filling.reserve(k_block_bytes);
    m_empty.resize(k_blocks);
    for (auto& block : m_empty)
        block.reserve(k_block_bytes);
    m_thread = std::thread([this] { work(); });
}

DigestStream::~DigestStream() {
    {
        const std::lock_guard lock(m_mutex);
        m_leaving = true;
    }
    m_changed.notify_all();
    m_thread.join();
}

void DigestStream::add(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto some = std::min(bytes.size(), k_block_bytes - m_filling.size());
        m_filling.insert(m_filling.end(), bytes.begin(), bytes.begin() + some);
        bytes.remove_prefix(some);
        if (m_filling.size() == k_block_bytes) hand_over();
    }
}

void DigestStream::hand_over() {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return !m_empty.empty(); });
    m_full.push_back(std::move(m_filling));
    m_filling = std::move(m_empty.back());
    m_empty.pop_back();
    lock.unlock();
    m_changed.notify_all();
}

void DigestStream::restart() {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return !m_busy; });
    for (auto& block : m_full)
        m_empty.push_back(std::move(block));
    m_full.clear();
    for (auto& block : m_empty)
        block.clear();
    m_filling.clear();
    m_digest = Sha256();
}

std::string DigestStream::hex() {
    if (!m_filling.empty()) hand_over();
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return !m_busy && m_full.empty(); });
    return m_digest.hex();
}

void DigestStream::work() {
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, [&] { return m_leaving || !m_full.empty(); });
        if (m_leaving) return;
        auto block = std::move(m_full.front());
        m_full.pop_front();
        m_busy = true;
        lock.unlock();
        m_digest.add(block.data(), block.size());
        block.clear();
        lock.lock();
        m_empty.push_back(std::move(block));
        m_busy = false;
        m_changed.notify_all();
    }
}

} // namespace odysseus::download
