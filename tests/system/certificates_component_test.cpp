#include "odysseus/system/certificates.hpp"

#include "scratch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>

using namespace odysseus;

#ifdef __linux__
TEST_CASE("certificates: found where each family of Linux has them") {
    for (const std::string place :
         {"etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt",
          "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "etc/ssl/ca-bundle.pem",
          "etc/ssl/cert.pem"}) {
        const Scratch root;
        CHECK_FALSE(system::certificate_bundle(root.path()).has_value());
        const auto file = root / place;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << "-----BEGIN CERTIFICATE-----\n";
        CHECK(system::certificate_bundle(root.path()) == file);
    }
}
#endif
