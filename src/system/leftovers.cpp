#include "odysseus/system/leftovers.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/system/files.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

namespace odysseus::system {
namespace {

constexpr std::size_t k_record_bytes_max = std::size_t{16} * 1024;

std::optional<ProcessIdentity> read_record(const std::filesystem::path& file) {
    const auto text = read_file(file, k_record_bytes_max);
    if (!text) return std::nullopt;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object() || !json.contains("pid") || !json["pid"].is_number_integer()) {
        return std::nullopt;
    }
    const auto word = [&](const char* key) {
        const bool there = json.contains(key) && json[key].is_string();
        return there ? json[key].get<std::string>() : std::string();
    };
    ProcessIdentity record{json["pid"].get<std::int64_t>(), word("started"), word("executable")};
    if (record.pid <= 1 || record.started.empty() || record.executable.empty()) return std::nullopt;
    return record;
}

// "123@boot": what was started by the same boot of the system has the same ending.
std::string boot_of(const std::string& started) {
    const auto at = started.find('@');
    return at == std::string::npos ? std::string() : started.substr(at);
}

} // namespace

void record_child(const std::filesystem::path& file, std::int64_t pid) {
    const auto identity = process_identity(pid);
    if (!identity) return;
    const nlohmann::json record = {{"pid", identity->pid},
                                   {"started", identity->started},
                                   {"executable", identity->executable}};
    // Not forced to the disk: it is for the end of this program, not of the system. Half a record
    // is none.
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        << record.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void forget_child(const std::filesystem::path& file) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
}

std::optional<ProcessIdentity> recorded_child(const std::filesystem::path& file) {
    const auto record = read_record(file);
    const auto running = record ? process_identity(record->pid) : std::nullopt;
    const bool same =
        running && running->started == record->started && running->executable == record->executable;
    return same ? running : std::nullopt;
}

std::optional<std::string> clean_leftovers(const std::filesystem::path& file) {
    const auto record = read_record(file);
    if (!record) {
        forget_child(file);
        return std::nullopt;
    }
    const auto leader = process_identity(record->pid);
    const bool leader_is_ours =
        leader && leader->started == record->started && leader->executable == record->executable;
    int ended = 0;
    // Model processes carry the leader's number as their group's. While the leader's number is a
    // stranger's, the group cannot be ours: a number in use as a group's is not given away.
    if (leader_is_ours || !leader) {
        for (const auto pid : group_members(record->pid)) {
            const auto member = process_identity(pid);
            if (!member || member->executable != record->executable) continue;
            if (boot_of(member->started) != boot_of(record->started)) continue;
            kill_process(pid);
            ++ended;
        }
    }
    if (leader_is_ours && ended == 0) {
        kill_process(record->pid);
        ended = 1;
    }
    forget_child(file);
    if (ended == 0) return std::nullopt;
    return concat("ended ", ended, " process", ended == 1 ? "" : "es",
                  " of llama-server that an earlier run had left behind");
}

} // namespace odysseus::system
