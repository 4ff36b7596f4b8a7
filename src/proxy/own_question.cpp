#include "own_question.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/proxy/models_answer.hpp"
#include "odysseus/base/text.hpp"

#include "odysseus/base/exception_text.hpp"

#include <utility>

namespace odysseus {
namespace {

constexpr std::size_t k_list_bytes_max = std::size_t{16} * 1024 * 1024;
constexpr int k_folder_reads_max = 4; // each holds a thread that others need too

// Whether the folder has changed; one that cannot be read has not, and what is known stays known.
bool look(ProxyCore& core) {
    const struct Counted {
        explicit Counted(std::atomic<int>& counter) : reads(counter), number(++counter) {}
        ~Counted() { --reads; }
        std::atomic<int>& reads;
        int number;
    } counted(core.folder_reads);
    if (counted.number > k_folder_reads_max) return false; // the disk has stalled
    try {
        const bool changed = core.models.refresh();
        core.folder_trouble_told = false;
        return changed;
    } catch (...) {
        if (!core.folder_trouble_told.exchange(true))
            log::warn(cat("the models folder could not be read: ", current_exception_text()));
        return false;
    }
}

} // namespace

OwnQuestion::OwnQuestion(ProxyCore& core, Done done)
    : m_core(core), m_done(std::move(done)), m_began(core.now) {}

OwnQuestion::~OwnQuestion() {
    *m_gone = true;
    if (m_link != nullptr) m_core.links.drop(*m_link);
}

void OwnQuestion::start() {
    auto& core = m_core;
    core.errands.run([&core, gone = m_gone, self = this] {
        const bool changed = look(core);
        core.post([changed, gone, self] {
            if (!*gone) self->ask(changed);
        });
    });
}

void OwnQuestion::ask(bool folder_changed) {
    const auto serving = m_core.upstream.current();
    if (m_finished) return;
    if (serving.state == State::ready) m_link = m_core.links.take(*this, serving.port, false);
    if (m_link == nullptr) {
        finish(false, false);
        return;
    }
    m_out = cat("GET /models", folder_changed ? "?reload=1" : "",
                " HTTP/1.1\r\nHost: 127.0.0.1:", serving.port, "\r\n");
    if (!serving.api_key.empty()) m_out += cat("Authorization: Bearer ", serving.api_key, "\r\n");
    m_out += "\r\n";
    m_core.links.watch(*m_link, {.read = true, .write = true});
}

void OwnQuestion::on_link(const platform::Ready& ready) {
    try {
        link_ready(ready);
    } catch (...) {
        log::error(cat("llama-server's list of models was not read: ", current_exception_text()));
        finish(false, false);
    }
}

void OwnQuestion::link_ready(const platform::Ready& ready) {
    if (m_link == nullptr) return;
    if (ready.writable && m_sent < m_out.size()) {
        const auto left = std::string_view(m_out).substr(m_sent);
        m_sent += platform::send(m_link->socket(), {&left, 1}).bytes;
        if (m_sent == m_out.size()) m_core.links.watch(*m_link, {.read = true});
    }
    if (!ready.readable) return;
    const auto got =
        platform::receive(m_link->socket(), m_core.scratch.data(), m_core.scratch.size());
    if (got.moved == platform::Moved::later) return;
    if (got.moved == platform::Moved::some) {
        take({m_core.scratch.data(), got.bytes});
        return;
    }
    finish(m_head && m_head->framing == Framing::until_close, false);
}

void OwnQuestion::take(std::string_view bytes) {
    if (!m_head) {
        m_in.append(bytes);
        const auto end = m_in.find("\r\n\r\n");
        if (end == std::string::npos) {
            if (m_in.size() > k_head_bytes_max) finish(false, false);
            return;
        }
        m_head = parse_response_head(std::string_view(m_in).substr(0, end + 4), false);
        if (!m_head || m_head->status != 200) {
            finish(false, false);
            return;
        }
        bytes = std::string_view(m_in).substr(end + 4);
    }
    if (m_head->framing == Framing::chunked) {
        while (!bytes.empty() && m_chunks.state() == ChunkWalker::State::more)
            m_body.append(m_chunks.next(bytes));
        if (m_chunks.state() == ChunkWalker::State::done) {
            finish(true, m_head->keep_alive && bytes.empty());
            return;
        }
        if (m_chunks.state() == ChunkWalker::State::broken) {
            finish(false, false);
            return;
        }
    } else {
        m_body.append(bytes);
        if (m_head->framing == Framing::length && m_body.size() >= m_head->content_length) {
            finish(true, m_head->keep_alive && m_body.size() == m_head->content_length);
            return;
        }
    }
    if (m_body.size() > k_list_bytes_max) finish(false, false);
}

void OwnQuestion::sweep() {
    if (m_core.now - m_began > m_core.settings.limits.own_question) finish(false, false);
}

void OwnQuestion::finish(bool answered, bool keep_link) {
    if (m_finished) return;
    m_finished = true;
    if (m_link != nullptr) {
        if (keep_link) {
            m_core.links.give_back(*m_link);
        } else {
            m_core.links.drop(*m_link);
        }
        m_link = nullptr;
    }
    auto list = answered ? taken_list() : std::nullopt;
    const auto done = std::exchange(m_done, nullptr);
    done(std::move(list));
}

// Absent: there is no memory for it.
std::optional<std::string> OwnQuestion::taken_list() {
    try {
        std::set<std::string, std::less<>> foreign;
        for (auto& id : listed_ids(m_body))
            foreign.insert(std::move(id));
        for (const auto& id : m_core.models.folder_ids())
            foreign.erase(id);
        m_core.foreign_ids = std::move(foreign);
        return std::move(m_body);
    } catch (...) {
        log::error(cat("llama-server's list of models was not read: ", current_exception_text()));
        return std::nullopt;
    }
}

} // namespace odysseus
