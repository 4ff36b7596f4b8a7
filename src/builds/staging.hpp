// A build in the making: a folder that removes itself unless it was published.
#pragma once

#include "odysseus/builds/build_store.hpp"
#include "odysseus/builds/install.hpp"
#include "unpack.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace odysseus::builds {

class Staging {
  public:
    Staging(const BuildStore& store, const InstallOptions& options);
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;
    ~Staging();

    // Into the folder itself; finds llama-server.
    void unpack_build(const std::filesystem::path& archive);
    // A copy of a folder that somebody else unpacked.
    void copy_build(const std::filesystem::path& folder);
    // Every file of it, flat, beside llama-server.
    void unpack_runtime(const std::filesystem::path& archive);
    // Files that came beside llama-server in another way since.
    void add_new_files();

    // Writes the manifest, gives the folder its name in the store.
    void publish(const BuildStore& store, const std::string& id, BuildManifest manifest);

    [[nodiscard]] std::filesystem::path server() const;
    [[nodiscard]] std::filesystem::path server_folder() const { return server().parent_path(); }

  private:
    [[nodiscard]] UnpackOptions unpack_options() const;
    void take(const Unpacked& unpacked, const std::string& below);
    void copy_tree(const std::filesystem::path& folder);
    void find_server(const std::string& where);

    const InstallOptions& m_options;
    hardware::Os m_os;
    std::filesystem::path m_folder; // the store's own .staging-*
    std::filesystem::path m_build;  // what becomes the build's folder
    std::string m_server;           // below m_build
    std::vector<ManifestFile> m_files;
};

} // namespace odysseus::builds
