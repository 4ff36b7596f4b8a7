#include "odysseus/system/tls.hpp"

#include "odysseus/base/error.hpp"

namespace odysseus::system {
namespace {

[[noreturn]] void refuse() {
    throw Error(Fault::usage, "this build of odysseus has no TLS; use http to the end of a tunnel "
                              "on this machine (ssh -L)");
}

} // namespace

bool has_tls() {
    return false;
}

std::shared_ptr<TlsContext> tls_server(const TlsFiles& /*files*/) {
    refuse();
}

std::shared_ptr<TlsContext> tls_client(const std::string& /*host*/,
                                       const CertificateDigest& /*pinned*/) {
    refuse();
}

std::shared_ptr<TlsContext> tls_mutual(const TlsFiles& /*files*/, bool /*accepts*/,
                                       const CertificateDigest& /*pinned*/) {
    refuse();
}

NewCertificate new_certificate(const std::string& /*name*/) {
    refuse();
}

CertificateDigest certificate_digest(const std::string& /*file*/) {
    refuse();
}

std::unique_ptr<TlsStream> tls_accept(const std::shared_ptr<TlsContext>& /*context*/,
                                      std::intptr_t /*socket*/) {
    refuse();
}

std::unique_ptr<TlsStream> tls_connect(const std::shared_ptr<TlsContext>& /*context*/,
                                       std::intptr_t /*socket*/) {
    refuse();
}

} // namespace odysseus::system
