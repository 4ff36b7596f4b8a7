#include "reply_cache.hpp"

#include "odysseus/base/log.hpp"
#include "odysseus/download/sha256.hpp"
#include "odysseus/download/url.hpp"
#include "odysseus/system/files.hpp"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <vector>

namespace odysseus::builds {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t k_file_bytes_max = 32U << 20;
constexpr std::size_t k_files_max = 32;

} // namespace

fs::path ReplyCache::file_of(const std::string& url) const {
    return m_folder / (download::sha256_of(url).substr(0, 24) + ".json");
}

std::optional<CachedReply> ReplyCache::find(const std::string& url) const {
    if (m_folder.empty()) return std::nullopt;
    const auto text = system::read_file(file_of(url), k_file_bytes_max);
    const auto in = text ? json::parse(*text, nullptr, false) : json();
    const auto word = [&](const char* key) {
        const auto it = in.find(key);
        return it != in.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    if (!in.is_object() || word("url") != download::shown_url(url)) return std::nullopt;
    const auto when = in.find("fetched");
    if (when == in.end() || !when->is_number_integer()) return std::nullopt;
    return CachedReply{word("body"), word("etag"), when->get<std::int64_t>()};
}

void ReplyCache::keep(const std::string& url, const CachedReply& reply) const {
    if (m_folder.empty()) return;
    try {
        const json out{{"url", download::shown_url(url)},
                       {"etag", reply.etag},
                       {"fetched", reply.fetched_epoch_s},
                       {"body", reply.body}};
        fs::create_directories(m_folder);
        system::write_file_atomically(
            file_of(url), out.dump(-1, ' ', false, json::error_handler_t::replace), false);
        thin_out();
    } catch (const std::exception& error) {
        log::debug(std::string("the release list is not kept: ") + error.what());
    }
}

// Pinned tags come and go; the oldest answers leave.
void ReplyCache::thin_out() const {
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    for (const auto& entry : fs::directory_iterator(m_folder)) {
        if (entry.path().extension() == ".json") {
            files.emplace_back(entry.last_write_time(), entry.path());
        }
    }
    if (files.size() <= k_files_max) return;
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i + k_files_max < files.size(); ++i)
        fs::remove(files[i].second);
}

} // namespace odysseus::builds
