#include "odysseus/system/certificates.hpp"

namespace odysseus::system {

std::optional<std::filesystem::path> certificate_bundle(const std::filesystem::path& root) {
    for (const char* place : {
             "etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, NixOS
             "etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, Red Hat
             "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // the same, newer
             "etc/ssl/ca-bundle.pem",                            // openSUSE
             "etc/ssl/cert.pem",                                 // Alpine
         }) {
        std::error_code ignored;
        if (std::filesystem::is_regular_file(root / place, ignored)) return root / place;
    }
    return std::nullopt;
}

} // namespace odysseus::system
