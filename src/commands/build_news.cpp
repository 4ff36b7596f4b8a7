#include "odysseus/commands/build_news.hpp"

#include "build_news_text.hpp"
#include "odysseus/base/exception_text.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/known_builds.hpp"
#include "odysseus/settings/home.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/terminal.hpp"

#include <ctime>
#include <system_error>
#include <utility>

namespace odysseus::commands {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{64} << 10;

std::filesystem::path machine_file(const settings::Settings& settings) {
    return settings::home_of(settings).data() / "build_machine.json";
}

std::filesystem::path check_file(const settings::Settings& settings) {
    return settings::home_of(settings).data() / "update_check.json";
}

std::int64_t now_s() {
    return static_cast<std::int64_t>(std::time(nullptr));
}

void write_quietly(const std::filesystem::path& file, const std::string& text) {
    try {
        std::error_code ignored;
        std::filesystem::create_directories(file.parent_path(), ignored);
        system::write_file_atomically(file, text);
    } catch (...) {
        log::debug(concat(system::utf8(file), " is not written: ", current_exception_text()));
    }
}

UpdateCheck last_check(const settings::Settings& settings) {
    return update_check_from(
        system::read_file(check_file(settings), k_file_bytes_max).value_or(""));
}

// Builds that odysseus chose itself, and may choose anew.
bool is_own_choice(const settings::Settings& settings, const PlannedBuild& build) {
    const bool follows = settings.release == "stable" || settings.release == "nightly";
    return follows && settings.llama_server.empty() && build.source != "import";
}

} // namespace

void note_installed(const settings::Settings& settings, const hardware::Machine& machine,
                    const builds::InstalledBuild& build) {
    write_quietly(machine_file(settings), chosen_for_text(chosen_for(machine)));
    auto check = last_check(settings);
    check.asked_s = now_s();
    if (!is_newer(check.newest, build.manifest.tag)) check.newest = build.manifest.tag;
    write_quietly(check_file(settings), update_check_text(check));
}

std::vector<std::string> build_findings(const settings::Settings& settings,
                                        const hardware::Machine& machine,
                                        const PlannedBuild& build) {
    std::vector<std::string> findings;
    if (const auto fault = builds::known_fault(build.tag, machine)) {
        findings.push_back(concat(builds::fault_sentence(build.tag, *fault),
                                  ". A newer one is taken by: odysseus backend update"));
    }
    if (auto better = better_build_now(settings, machine, build))
        findings.push_back(std::move(*better));
    return findings;
}

void note_build_findings(const settings::Settings& settings, const PlannedBuild& build,
                         hardware::Machine& machine) {
    for (const auto& finding : build_findings(settings, machine, build)) {
        machine.notes.push_back(finding);
        machine.warnings.push_back(finding);
    }
}

std::optional<std::string> better_build_now(const settings::Settings& settings,
                                            const hardware::Machine& machine,
                                            const PlannedBuild& build) {
    if (!build.backend || !is_own_choice(settings, build) || !settings.hardware.empty())
        return std::nullopt;
    const auto text = system::read_file(machine_file(settings), k_file_bytes_max);
    const auto then = text ? chosen_for(*text) : std::nullopt;
    return then ? better_build(machine, settings.device, *build.backend, *then) : std::nullopt;
}

UpdateWatch::UpdateWatch(settings::Settings settings, hardware::Machine machine,
                         const PlannedBuild& build)
    : m_settings(std::move(settings)), m_machine(std::move(machine)), m_tag(build.tag) {
    if (m_settings.offline || !is_own_choice(m_settings, build)) return;
    try {
        m_thread = std::thread([this] { look(); });
    } catch (const std::system_error&) { // no thread to be had: another day
    }
}

UpdateWatch::~UpdateWatch() {
    m_stopped = true;
    if (m_thread.joinable()) m_thread.join();
}

void UpdateWatch::look() {
    try {
        auto check = last_check(m_settings);
        const auto before = check.told_s + check.asked_s;
        if (should_ask(check, now_s())) {
            check.asked_s = now_s(); // also when nobody answers
            write_quietly(check_file(m_settings), update_check_text(check));
            auto quiet = release_source(
                m_settings, [this] { return m_stopped.load(); }, [](const std::string&) {});
            const auto newest = quiet.wanted();
            if (!newest.empty() && !builds::known_fault(newest.front().tag, m_machine))
                check.newest = newest.front().tag;
        }
        if (!m_stopped && should_tell(check, m_tag, now_s())) {
            system::say("update", concat("llama.cpp ", check.newest, " is out (", m_tag,
                                         " is in use): odysseus backend update"));
            check.told_s = now_s();
        }
        if (check.told_s + check.asked_s != before)
            write_quietly(check_file(m_settings), update_check_text(check));
    } catch (...) {
        log::debug(concat("no news of llama.cpp: ", current_exception_text()));
    }
}

} // namespace odysseus::commands
