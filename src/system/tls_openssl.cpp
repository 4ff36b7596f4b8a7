#include "odysseus/system/tls.hpp"

#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/system/certificates.hpp"

#include <array>
#include <csignal>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace odysseus::system {
namespace {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using ContextPointer = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslPointer = std::unique_ptr<SSL, Freed<SSL_free>>;
using CertificatePointer = std::unique_ptr<X509, Freed<X509_free>>;
using FilePointer = std::unique_ptr<BIO, Freed<BIO_free>>;

class OpensslContext final : public TlsContext {
  public:
    explicit OpensslContext(const SSL_METHOD* method) : ssl(SSL_CTX_new(method)) {
        if (!ssl) throw Error(Fault::bug, "OpenSSL offers no TLS");
        std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes as to a file; who has gone is an error
        SSL_CTX_set_min_proto_version(ssl.get(), TLS1_2_VERSION);
        SSL_CTX_set_mode(ssl.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_options(ssl.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_session_cache_mode(ssl.get(), SSL_SESS_CACHE_OFF);
    }
    ContextPointer ssl;
    CertificateDigest pinned;
    std::string host;
};

std::string last_error() {
    const auto code = ERR_peek_last_error();
    ERR_clear_error();
    if (code == 0) return "it cannot be read";
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "it cannot be read";
}

CertificateDigest digest_of(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int count = 0;
    if (certificate == nullptr || X509_digest(certificate, EVP_sha256(), bytes.data(), &count) != 1)
        return {};
    static constexpr char k_digits[] = "0123456789abcdef";
    CertificateDigest digest;
    for (unsigned int i = 0; i < count; ++i) {
        digest += k_digits[bytes[i] >> 4];
        digest += k_digits[bytes[i] & 15];
    }
    return digest;
}

int accept_pinned(int /*trusted*/, X509_STORE_CTX* store) {
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const auto* pinned = static_cast<const CertificateDigest*>(SSL_get_app_data(ssl));
    if (digest_of(X509_STORE_CTX_get0_cert(store)) == *pinned) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

class OpensslStream final : public TlsStream {
  public:
    OpensslStream(std::shared_ptr<TlsContext> context, std::intptr_t socket, bool accepts)
        : m_context(std::static_pointer_cast<OpensslContext>(std::move(context))),
          m_ssl(SSL_new(m_context->ssl.get())) {
        if (!m_ssl || SSL_set_fd(m_ssl.get(), static_cast<int>(socket)) != 1)
            throw Error(Fault::bug, "OpenSSL could not take a socket");
        SSL_set_app_data(m_ssl.get(), &m_context->pinned);
        if (accepts) {
            SSL_set_accept_state(m_ssl.get());
            return;
        }
        SSL_set_connect_state(m_ssl.get());
        if (m_context->pinned.empty()) SSL_set1_host(m_ssl.get(), m_context->host.c_str());
        if (!is_address(m_context->host))
            SSL_set_tlsext_host_name(m_ssl.get(), m_context->host.c_str());
    }

    Moved read(char* into, std::size_t room) override {
        if (m_broken) return {State::broken, 0};
        std::size_t bytes = 0;
        ERR_clear_error();
        const int result = SSL_read_ex(m_ssl.get(), into, room, &bytes);
        if (result == 1) return {State::some, bytes};
        return {state_after(result), 0};
    }

    Moved write(const char* bytes, std::size_t count) override {
        if (m_broken) return {State::broken, 0};
        std::size_t written = 0;
        ERR_clear_error();
        const int result = SSL_write_ex(m_ssl.get(), bytes, count, &written);
        if (result == 1) return {State::some, written};
        const auto state = state_after(result);
        return {state == State::ended ? State::broken : state, 0};
    }

    bool holds_bytes() const override { return SSL_pending(m_ssl.get()) > 0; }

    void end_sending() override {
        if (m_broken || SSL_is_init_finished(m_ssl.get()) == 0) return;
        ERR_clear_error();
        (void)SSL_shutdown(m_ssl.get());
        ERR_clear_error();
    }

    std::string trouble() const override { return m_trouble; }

    CertificateDigest peer_certificate() const override {
        const CertificatePointer certificate(SSL_get_peer_certificate(m_ssl.get()));
        return digest_of(certificate.get());
    }

  private:
    static bool is_address(const std::string& host) {
        return host.find(':') != std::string::npos ||
               host.find_first_not_of("0123456789.") == std::string::npos;
    }

    State state_after(int result) {
        switch (SSL_get_error(m_ssl.get(), result)) {
        case SSL_ERROR_WANT_READ: return State::read_later;
        case SSL_ERROR_WANT_WRITE: return State::write_later;
        case SSL_ERROR_ZERO_RETURN: return State::ended;
        default: break;
        }
        m_broken = true;
        const auto verified = SSL_get_verify_result(m_ssl.get());
        if (verified == X509_V_ERR_CERT_REJECTED) {
            m_trouble = "its certificate is not the one that it was paired with";
        } else if (verified != X509_V_OK) {
            m_trouble =
                concat("its certificate will not do: ", X509_verify_cert_error_string(verified));
        } else if (const auto code = ERR_peek_last_error(); code != 0) {
            const char* reason = ERR_reason_error_string(code);
            m_trouble = concat("TLS failed: ", reason != nullptr ? reason : "unknown error");
        }
        ERR_clear_error();
        return State::broken;
    }

    const std::shared_ptr<OpensslContext> m_context;
    const SslPointer m_ssl;
    bool m_broken = false;
    std::string m_trouble;
};

void use_files(SSL_CTX* ssl, const TlsFiles& files) {
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ssl, files.certificate.c_str()) != 1)
        throw Error(Fault::usage, concat("the certificate ", files.certificate,
                                         " (--tls-cert) cannot be used: ", last_error(),
                                         "; it must be a PEM file"));
    if (SSL_CTX_use_PrivateKey_file(ssl, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1)
        throw Error(Fault::usage,
                    concat("the key ", files.key, " (--tls-key) cannot be used: ", last_error(),
                           "; it must be the PEM file that belongs to --tls-cert, "
                           "without a password"));
}

std::string content_of(BIO* memory) {
    char* text = nullptr;
    const auto bytes = BIO_get_mem_data(memory, &text);
    return {text, static_cast<std::size_t>(bytes)};
}

} // namespace

bool has_tls() {
    return true;
}

std::shared_ptr<TlsContext> tls_server(const TlsFiles& files) {
    auto context = std::make_shared<OpensslContext>(TLS_server_method());
    auto* const ssl = context->ssl.get();
    SSL_CTX_set_num_tickets(ssl, 0);
    use_files(ssl, files);
    return context;
}

std::shared_ptr<TlsContext> tls_mutual(const TlsFiles& files, bool accepts,
                                       const CertificateDigest& pinned) {
    auto context =
        std::make_shared<OpensslContext>(accepts ? TLS_server_method() : TLS_client_method());
    auto* const ssl = context->ssl.get();
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
    use_files(ssl, files);
    const auto accept_any = [](int, X509_STORE_CTX* store) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    };
    context->pinned = pinned;
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       pinned.empty() ? accept_any : accept_pinned);
    return context;
}

NewCertificate new_certificate(const std::string& name) {
    using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
    using KeyPointer = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
    constexpr long k_valid_s = 20L * 365 * 24 * 3600;
    const KeyContext maker(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr));
    EVP_PKEY* made = nullptr;
    if (!maker || EVP_PKEY_keygen_init(maker.get()) != 1 ||
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker.get(), NID_X9_62_prime256v1) != 1 ||
        EVP_PKEY_keygen(maker.get(), &made) != 1)
        throw Error(Fault::bug, concat("OpenSSL makes no key: ", last_error()));
    const KeyPointer key(made);
    const CertificatePointer certificate(X509_new());
    auto* const x509 = certificate.get();
    const auto* const text = reinterpret_cast<const unsigned char*>(name.c_str());
    auto* const subject = x509 != nullptr ? X509_get_subject_name(x509) : nullptr;
    if (subject == nullptr || X509_set_version(x509, 2) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(x509), -24L * 3600) == nullptr ||
        X509_gmtime_adj(X509_getm_notAfter(x509), k_valid_s) == nullptr ||
        X509_set_pubkey(x509, key.get()) != 1 ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) != 1 ||
        X509_set_issuer_name(x509, subject) != 1 || X509_sign(x509, key.get(), EVP_sha256()) == 0)
        throw Error(Fault::bug, concat("OpenSSL makes no certificate: ", last_error()));
    const FilePointer certificate_text(BIO_new(BIO_s_mem()));
    const FilePointer key_text(BIO_new(BIO_s_mem()));
    if (!certificate_text || !key_text || PEM_write_bio_X509(certificate_text.get(), x509) != 1 ||
        PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                 nullptr) != 1)
        throw Error(Fault::bug, concat("OpenSSL writes no certificate: ", last_error()));
    return {content_of(certificate_text.get()), content_of(key_text.get())};
}

std::shared_ptr<TlsContext> tls_client(const std::string& host, const CertificateDigest& pinned) {
    auto context = std::make_shared<OpensslContext>(TLS_client_method());
    auto* const ssl = context->ssl.get();
    context->host = host;
    context->pinned = pinned;
    if (!pinned.empty()) {
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, accept_pinned);
        SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
        return context;
    }
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    const auto bundle = certificate_bundle();
    if (!bundle || SSL_CTX_load_verify_locations(ssl, bundle->string().c_str(), nullptr) != 1)
        SSL_CTX_set_default_verify_paths(ssl);
    return context;
}

CertificateDigest certificate_digest(const std::string& file) {
    const FilePointer input(BIO_new_file(file.c_str(), "r"));
    const CertificatePointer certificate(
        input ? PEM_read_bio_X509(input.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!certificate)
        throw Error(Fault::usage,
                    concat("the certificate ", file, " cannot be used: ", last_error()));
    return digest_of(certificate.get());
}

std::unique_ptr<TlsStream> tls_accept(const std::shared_ptr<TlsContext>& context,
                                      std::intptr_t socket) {
    return std::make_unique<OpensslStream>(context, socket, true);
}

std::unique_ptr<TlsStream> tls_connect(const std::shared_ptr<TlsContext>& context,
                                       std::intptr_t socket) {
    return std::make_unique<OpensslStream>(context, socket, false);
}

} // namespace odysseus::system
