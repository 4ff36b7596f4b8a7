#include "odysseus/builds/install.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/log.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/builds/build_files.hpp"
#include "odysseus/builds/known_builds.hpp"
#include "odysseus/download/url.hpp"
#include "odysseus/system/environment.hpp"
#include "odysseus/system/files.hpp"
#include "python_runtime.hpp"
#include "staging.hpp"

#include <algorithm>
#include <ctime>

namespace odysseus::builds {

namespace fs = std::filesystem;
using system::path_from_utf8;
using system::utf8;

namespace {

// Archives unpack to two or three times their size, and lie beside it meanwhile.
constexpr std::int64_t k_space_factor = 4;

std::string now_text() {
    const auto now = std::time(nullptr);
    std::tm parts{};
    if (const auto* utc = std::gmtime(&now)) parts = *utc; // one thread installs, under a lock
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

// What a person can do about a llama-server that does not run, where that is known.
std::string advice(const std::string& trouble, std::string_view remedy = {}) {
    if (remedy.ends_with('.')) remedy.remove_suffix(1); // an error's sentence has no end
    if (!remedy.empty()) return concat(". ", remedy);
    if (trouble.find("Permission denied") == std::string::npos) return {};
    return "; HOME's disk may run no programs (mounted noexec): use a folder on another one, with "
           "--home DIR";
}

class Installation {
  public:
    Installation(BuildStore& store, const InstallOptions& options)
        : m_store(store), m_options(options) {}

    InstallOutcome fetch_and_install(const BuildChoice& choice) {
        const auto held = begin();
        const auto id = build_id(choice);
        if (!is_build_id(id)) throw Error(Fault::bug, concat("'", id, "' cannot name a folder"));
        if (const auto there = m_store.find(id); there && there->id == id) {
            const auto wrong = differences(*there);
            // Fetched earlier, or by the odysseus that was waited for.
            if (wrong.empty()) return select(id);
            tell(concat("the installed ", id, " is damaged (", wrong.front(), "); it is replaced"));
        }
        check_space(choice);
        BuildManifest manifest = manifest_of(choice);
        std::vector<fs::path> archives;
        for (auto& file : manifest.archives)
            archives.push_back(fetch(file));
        manifest.attested = attested(choice, archives);
        step("unpack");
        Staging staging(m_store, m_options);
        staging.unpack_build(archives.front());
        for (std::size_t i = 1; i < archives.size(); ++i) {
            step("unpack runtime");
            staging.unpack_runtime(archives[i]);
        }
        python_runtime(choice, staging, manifest);
        // Linux' SYCL builds do not look for their libraries beside themselves.
        if (choice.backend == Backend::sycl)
            manifest.library_path = m_store.os() == hardware::Os::linux;
        const auto checked = check(staging, manifest.library_path, manifest.backend);
        if (auto refutation = refuted(checked, choice.tag, choice.backend)) {
            return *std::move(refutation); // the archives stay: another try needs no network
        }
        add_devices(manifest, checked);
        return publish(staging, id, manifest);
    }

    InstalledBuild import(const fs::path& from) {
        const auto held = begin();
        std::error_code error;
        BuildManifest manifest;
        manifest.source = "import";
        manifest.reason = concat("imported from ", system::utf8(from));
        step("unpack");
        Staging staging(m_store, m_options);
        if (fs::is_directory(from, error)) {
            staging.copy_build(from);
        } else if (fs::is_regular_file(from, error)) {
            staging.unpack_build(from);
        } else {
            throw Error(Fault::usage,
                        concat(system::utf8(from), " is neither an archive nor a folder"));
        }
        auto checked = check(staging, false, Backend::cpu);
        const bool lacks_library = checked.trouble.find("shared librar") != std::string::npos;
        if (!checked.runs && lacks_library) { // perhaps one to be run with a library path
            auto again = check(staging, true, Backend::sycl);
            manifest.library_path = again.runs;
            if (again.runs) checked = std::move(again);
        }
        if (!checked.runs) {
            throw Error(Fault::integrity, concat("the llama-server in ", system::utf8(from),
                                                 " does not run here: it ", checked.trouble,
                                                 advice(checked.trouble, checked.remedy)));
        }
        if (!checked.tag) {
            throw Error(Fault::integrity,
                        concat("the llama-server in ", system::utf8(from),
                               " does not say which build it is ('version: ... (build N)')"));
        }
        // It ran with its own folder in front of the user's path, and may need it without one.
        if (system::environment_value("LD_LIBRARY_PATH")) manifest.library_path = true;
        manifest.tag = *checked.tag;
        manifest.backend = backend_of(checked);
        add_devices(manifest, checked);
        BuildChoice choice;
        choice.source = manifest.source;
        choice.tag = manifest.tag;
        choice.backend = manifest.backend;
        return publish(staging, build_id(choice), manifest);
    }

  private:
    void step(std::string_view name) const {
        if (m_options.http.stopped && m_options.http.stopped()) {
            throw Stopped("nothing was installed");
        }
        if (m_options.at_step) m_options.at_step(name);
    }

    void tell(const std::string& sentence) const {
        if (m_options.tell) m_options.tell(sentence);
    }

    [[nodiscard]] system::FileLock begin() const {
        auto held = m_store.lock({m_options.lock_wait, m_options.tell, m_options.http.stopped});
        step("begin");
        m_store.sweep();
        return held;
    }

    InstalledBuild select(const std::string& id) const {
        step("select");
        auto build = m_store.select(id);
        step("clean up");
        m_store.remove_downloads();
        step("end");
        return build;
    }

    InstalledBuild publish(Staging& staging, const std::string& id, BuildManifest& manifest) const {
        manifest.installed_at = now_text();
        step("publish");
        staging.publish(m_store, id, manifest);
        return select(id);
    }

    void check_space(const BuildChoice& choice) const {
        std::int64_t bytes = 0;
        for (const auto& file : choice.files)
            bytes += std::max<std::int64_t>(0, file.size.value_or(0));
        const auto free = system::free_bytes(m_store.folder());
        if (!free || *free / k_space_factor >= bytes) return;
        throw Error(Fault::network,
                    concat("installing llama.cpp ", choice.tag, " needs about ",
                           byte_text(bytes * k_space_factor), ", but only ", byte_text(*free),
                           " are free in ", system::utf8(m_store.folder()),
                           "; make room, or use another folder (--home)"));
    }

    [[nodiscard]] static BuildManifest manifest_of(const BuildChoice& choice) {
        BuildManifest manifest;
        manifest.source = choice.source;
        manifest.tag = choice.tag;
        manifest.backend = choice.backend;
        manifest.reason = choice.reason;
        manifest.archives = choice.files;
        if (choice.files.empty()) throw Error(Fault::bug, "a build without files");
        return manifest;
    }

    // The archive, whole and checked; says so when there was nothing to check it against.
    fs::path fetch(BuildFile& file) const {
        step("fetch");
        download::FileRequest request;
        request.url = file.url;
        request.to = m_store.downloads() / system::path_from_utf8(file.name);
        request.size = file.size;
        request.sha256 = file.sha256;
        request.archive = true;
        if (!file.sha256) {
            tell(concat("the source gives no digest for ", file.name,
                        "; it is checked by its transport (https) alone"));
        }
        const auto got = download::fetch_file(request, m_options.http,
                                              [&](const download::FetchProgress& progress) {
                                                  if (m_options.progress)
                                                      m_options.progress(file.name, progress);
                                              });
        file.url = download::shown_url(file.url); // a mirror's may hold a password
        file.size = got.bytes;
        file.sha256 = got.sha256;
        return request.to;
    }

    // Whether all of it is what upstream's own workflow made, as far as gh can tell.
    [[nodiscard]] bool attested(const BuildChoice& choice,
                                const std::vector<fs::path>& archives) const {
        if (!m_options.attest || choice.source != k_upstream_repo || !has_attestation(choice.tag))
            return false;
        step("attest");
        for (const auto& archive : archives) {
            const auto name = utf8(archive.filename());
            const auto answer = m_options.attest(archive);
            if (answer.result == Attestation::Result::verified) continue;
            if (answer.result == Attestation::Result::refuted) {
                std::error_code ignored;
                fs::remove(archive, ignored);
                throw Error(Fault::integrity, concat("gh refutes that ", name,
                                                     " was made by llama.cpp's own "
                                                     "workflow: ",
                                                     answer.why, "; nothing was installed"));
            }
            log::debug(concat("the attestation of ", name, " was not checked: ", answer.why));
            return false;
        }
        tell("gh has verified the build attestation");
        return true;
    }

    void python_runtime(const BuildChoice& choice, Staging& staging,
                        BuildManifest& manifest) const {
        if (!choice.python_cuda_runtime) return;
        manifest.library_path = true;
        step("python runtime");
        try {
            if (m_options.python_runtime) {
                m_options.python_runtime(staging.server_folder());
            } else {
                PythonRuntimeOptions runtime;
                runtime.home = m_home;
                runtime.tell = m_options.tell;
                add_python_runtime(staging.server_folder(), runtime);
            }
        } catch (const Stopped&) {
            throw;
        } catch (const Error& error) {
            tell(error.what()); // perhaps the system has one
        }
        staging.add_new_files();
    }

    [[nodiscard]] BuildCheck check(const Staging& staging, bool own_folder, Backend backend) const {
        step("check");
        const auto folders = library_folders(staging.server(), own_folder, backend);
        if (m_options.check) return m_options.check(staging.server(), folders);
        return check_build(staging.server(), folders);
    }

    static void add_devices(BuildManifest& manifest, const BuildCheck& check) {
        if (!check.devices) return;
        for (const auto& device : *check.devices)
            manifest.devices.push_back(concat(device.id, ": ", device.name));
    }

    [[nodiscard]] static Backend backend_of(const BuildCheck& check) {
        if (!check.devices) return Backend::cpu;
        for (const auto& device : *check.devices) {
            if (device.is_gpu()) return *device.backend;
        }
        return Backend::cpu;
    }

    BuildStore& m_store;
    const InstallOptions& m_options;
    fs::path m_home = m_store.folder().parent_path().parent_path();
};

[[noreturn]] void none_holds(const std::vector<RejectedBuild>& setbacks) {
    std::vector<std::string> reasons;
    bool ran = false;
    for (const auto& one : setbacks) {
        reasons.push_back(one.why);
        ran = ran || one.setback == Rejection::lists_no_gpu;
    }
    const bool broken = std::any_of(setbacks.begin(), setbacks.end(), [](const auto& one) {
        return one.setback == Rejection::does_not_run;
    });
    throw Error(
        broken && !ran ? Fault::integrity : Fault::no_build,
        concat("no llama.cpp build works here: ", joined(reasons, "; "), advice(reasons.back())));
}

} // namespace

InstallOutcome install_build(BuildStore& store, const BuildChoice& choice,
                             const InstallOptions& options) {
    try {
        return Installation(store, options).fetch_and_install(choice);
    } catch (const download::FileAbsent& error) {
        return RejectedBuild{Rejection::absent, error.what()};
    } catch (const Stopped&) {
        throw;
    } catch (const Error& error) {
        if (error.fault() == Fault::busy) throw;
        throw error.within(concat("installing llama.cpp ", choice.tag));
    }
}

InstalledBuild install_plan(BuildStore& store, const BuildPlan& plan,
                            const InstallOptions& options) {
    std::vector<RejectedBuild> setbacks;
    for (std::optional<std::size_t> index = 0; index && *index < plan.choices.size();) {
        auto choice = plan.choices[*index];
        for (const auto& one : setbacks)
            choice.reason += concat(" (", one.why, ")");
        auto outcome = install_build(store, choice, options);
        if (auto* build = std::get_if<InstalledBuild>(&outcome)) return std::move(*build);
        setbacks.push_back(std::get<RejectedBuild>(std::move(outcome)));
        if (options.tell) options.tell(setbacks.back().why);
        index = next_choice(plan, *index, setbacks.back().setback);
    }
    none_holds(setbacks);
}

InstalledBuild import_build(BuildStore& store, const fs::path& from,
                            const InstallOptions& options) {
    return Installation(store, options).import(from);
}

} // namespace odysseus::builds
