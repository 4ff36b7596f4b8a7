#include "odysseus/server/server_log.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

namespace odysseus::server {

namespace fs = std::filesystem;

// The file, used by one thread at a time.
class ServerLog::File {
  public:
    explicit File(fs::path file) : m_file(std::move(file)) {}

    void begin() {
        std::error_code ignored;
        fs::create_directories(m_file.parent_path(), ignored);
        turn_over();
    }
    void add(std::string_view line) {
        if (!m_out.is_open()) return;
        if (m_bytes + line.size() > k_file_bytes_max) turn_over();
        m_out << line << '\n';
        m_bytes += line.size() + 1;
        if (!m_out) tell_trouble();
    }
    void flush() {
        if (!m_out.is_open()) return;
        if (m_out.flush()) {
            m_failing = false;
        } else {
            tell_trouble();
        }
    }

  private:
    [[nodiscard]] fs::path old_file(int number) const;
    void turn_over();
    void tell_trouble();

    fs::path m_file;
    bool m_failing = false;
    std::ofstream m_out;
    std::size_t m_bytes = 0;
};

fs::path ServerLog::File::old_file(int number) const {
    auto name = m_file.stem();
    name += concat(".", number);
    name += m_file.extension();
    return m_file.parent_path() / name;
}

void ServerLog::File::turn_over() {
    m_out.close();
    std::error_code error;
    if (fs::file_size(m_file, error) > 0 && !error) {
        for (int number = k_old_files - 1; number > 0; --number) {
            fs::rename(old_file(number), old_file(number + 1), error);
        }
        fs::rename(m_file, old_file(1), error);
    }
    m_bytes = 0;
    m_out.clear();
    m_out.open(m_file, std::ios::binary | std::ios::trunc);
    if (!m_out) log::warn(concat("llama-server's log cannot be written to ", system::utf8(m_file)));
}

// Said once; a full disk may have room again, so it is tried on.
void ServerLog::File::tell_trouble() {
    m_out.clear();
    if (m_failing) return;
    m_failing = true;
    log::warn(concat("llama-server's log is not written to ", system::utf8(m_file),
                     " any more: is the disk full, or the drive gone?"));
}

ServerLog::ServerLog(fs::path file) {
    if (file.empty()) return;
    auto out = std::make_shared<File>(std::move(file));
    m_file = out;
    m_behind.emplace(k_waiting_bytes_max, [out](std::uint64_t count) {
        out->add(concat("(odysseus: ", count, " lines are missing here, the disk was too slow)"));
    });
    m_behind->post(0, [out] { out->begin(); });
}

ServerLog::~ServerLog() = default;

void ServerLog::keep(std::string_view line) {
    const std::lock_guard lock(m_mutex);
    if (m_lines.size() == k_lines_kept) m_lines.pop_front();
    m_lines.emplace_back(line);
    m_tokens.take(line);
    ++m_added;
}

void ServerLog::add(std::string_view raw) {
    auto line = visible_line(raw); // it quotes the names of files
    keep(line);
    if (!m_behind) return;
    const auto bytes = line.size();
    m_behind->post(bytes, [out = m_file, text = std::move(line)] { out->add(text); });
}

void ServerLog::flush() {
    if (m_behind) m_behind->post(0, [out = m_file] { out->flush(); });
}

std::vector<std::string> ServerLog::recent(std::size_t most) const {
    const std::lock_guard lock(m_mutex);
    const auto count = std::min(most, m_lines.size());
    return {m_lines.end() - static_cast<std::ptrdiff_t>(count), m_lines.end()};
}

std::uint64_t ServerLog::lines() const {
    const std::lock_guard lock(m_mutex);
    return m_added;
}

LogTail ServerLog::tail(std::uint64_t after) const {
    const std::lock_guard lock(m_mutex);
    const auto wanted = after < m_added ? m_added - after : 0;
    const auto count = std::min<std::uint64_t>(wanted, m_lines.size());
    return {m_added,
            {m_lines.end() - static_cast<std::ptrdiff_t>(count), m_lines.end()},
            m_tokens.count()};
}

} // namespace odysseus::server
