#include "paired_file.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/settings/home.hpp"
#include "odysseus/system/files.hpp"

namespace odysseus::commands {
namespace {

constexpr std::size_t k_file_bytes_max = std::size_t{1} << 20;

} // namespace

std::filesystem::path paired_file(const settings::Settings& settings) {
    return settings::home_of(settings).data() / "paired.json";
}

system::TlsFiles identity_files(const settings::Settings& settings) {
    const auto data = settings::home_of(settings).data();
    return {system::utf8(data / "machine.crt"), system::utf8(data / "machine.key")};
}

std::vector<PairedMachine> paired_with(const settings::Settings& settings) {
    const auto file = paired_file(settings);
    const auto text = system::read_file(file, k_file_bytes_max);
    if (!text) return {};
    auto machines = paired_machines(*text);
    if (!machines)
        throw Error(Fault::usage, concat(system::utf8(file), " is damaged; remove it and pair the "
                                                             "machines again: odysseus pair"));
    return std::move(*machines);
}

void write_paired(const settings::Settings& settings, const std::vector<PairedMachine>& machines) {
    system::write_private_file(paired_file(settings), paired_text(machines));
}

system::TlsFiles made_identity(const settings::Settings& settings) {
    auto files = identity_files(settings);
    const auto certificate = system::path_from_utf8(files.certificate);
    const auto key = system::path_from_utf8(files.key);
    std::filesystem::create_directories(certificate.parent_path());
    if (system::read_file(certificate, k_file_bytes_max) &&
        system::read_file(key, k_file_bytes_max))
        return files;
    const auto made = system::new_certificate("odysseus");
    system::write_private_file(key, made.key);
    system::write_private_file(certificate, made.certificate);
    return files;
}

} // namespace odysseus::commands
