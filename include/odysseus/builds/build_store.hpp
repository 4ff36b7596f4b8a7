// The llama.cpp builds that are installed below HOME/bin/llama-OS-ARCH (HOME/bin/llama on Windows):
//
//   b11160-cuda-13.4/   a build, with its manifest.json; never changed once it is there
//   current.json        which one is used, and which one was before; swapped in one step
//   .lock               held by whoever installs or switches
//   .in-use             held by an odysseus that serves: no build is removed or replaced meanwhile
//   .downloads/         archives on their way, to go on with after a restart
//   .staging-*, .*.old  what an installation that was killed left; swept by the next one
//
// A build is whole or it is not there: its folder gets its name by one rename after everything,
// manifest included, is on the disk. Reading takes no lock, starts no process and uses no network.
#pragma once

#include "odysseus/builds/build_manifest.hpp"
#include "odysseus/hardware/machine.hpp"
#include "odysseus/system/file_lock.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odysseus::builds {

struct InstalledBuild {
    std::string id; // the folder's name
    BuildManifest manifest;
    std::filesystem::path folder; // absolute when HOME is
    std::filesystem::path server; // llama-server itself
    bool current = false;
    bool previous = false;
    std::string note; // a sentence, when it is used for another reason than that it was chosen
};

// What `wait` may do while another odysseus holds the store.
struct StoreWait {
    std::chrono::milliseconds limit{0};
    std::function<void(const std::string& sentence)> tell; // "another odysseus (process 7) ..."
    std::function<bool()> stopped;
};

class BuildStore {
  public:
    BuildStore(const std::filesystem::path& home, hardware::Os os, hardware::Arch arch);
    [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
    [[nodiscard]] hardware::Os os() const { return m_os; }

    // Whole builds, the newest first.
    [[nodiscard]] std::vector<InstalledBuild> list() const;
    // The one in use; when that was damaged, the one before it, with a note.
    [[nodiscard]] std::optional<InstalledBuild> current() const;
    // By id, or by tag (the one in use first, then the newest).
    [[nodiscard]] std::optional<InstalledBuild> find(std::string_view tag_or_id) const;

    // Each takes the lock. Throws Error: usage (no such build, naming those there are), busy.
    InstalledBuild use(std::string_view tag_or_id, const StoreWait& wait);
    InstalledBuild rollback(const StoreWait& wait);

    // For installations. Throws Error (busy) when somebody else has it for too long, Stopped.
    [[nodiscard]] system::FileLock lock(const StoreWait& wait) const;
    // For who runs a build: until it goes, builds are only added. To be taken after the build was
    // chosen; then look whether it is still there, since a removal that was under way was waited
    // for. Nothing: stopped, or the store cannot be written and so nothing be removed.
    [[nodiscard]] std::optional<system::FileLock> hold(const std::function<bool()>& stopped) const;

    // With the lock held: removes what killed installations left.
    void sweep() const;
    // With the lock held: a name in the store for a build in the making.
    [[nodiscard]] std::filesystem::path new_staging() const;
    // With the lock held: gives a staged folder its name. Flushed before, and after. Throws Error
    // (busy) when a whole build of that name is there and may be running.
    void publish(const std::filesystem::path& staging, const std::string& id) const;
    // With the lock held: swaps the pointer, then removes all builds but it and the one before;
    // while one may be running none, until the next switch.
    InstalledBuild select(const std::string& id) const;
    [[nodiscard]] std::filesystem::path downloads() const;
    void remove_downloads() const;

  private:
    [[nodiscard]] std::optional<InstalledBuild> read(const std::string& id) const;
    [[nodiscard]] std::optional<CurrentRecord> record() const;
    [[nodiscard]] std::optional<system::FileLock> if_none_runs() const;
    hardware::Os m_os;
    std::filesystem::path m_folder;
};

// What a launch needs and no more.
[[nodiscard]] std::optional<InstalledBuild> current_build(const std::filesystem::path& home,
                                                          hardware::Os os, hardware::Arch arch);

inline constexpr const char* k_manifest_file = "manifest.json";

// "llama-server", with ".exe" on Windows.
[[nodiscard]] std::string server_file_name(hardware::Os os);

} // namespace odysseus::builds
