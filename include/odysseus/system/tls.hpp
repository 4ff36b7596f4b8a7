// TLS over a socket that never blocks, by OpenSSL. A build without it has none of this: then every
// attempt to make a context throws Error (usage) with what to use instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace odysseus::system {

[[nodiscard]] bool has_tls();

// SHA-256 over a certificate, as 64 hexadecimal digits.
using CertificateDigest = std::string;

// What connections have in common. Thread-safe once it is made.
class TlsContext {
  public:
    virtual ~TlsContext() = default;
};

struct TlsFiles {
    std::string certificate; // PEM, with what signed it behind it
    std::string key;         // PEM, not encrypted
};
// Both throw Error (usage) where a file cannot be used, with its name.
[[nodiscard]] std::shared_ptr<TlsContext> tls_server(const TlsFiles& files);
// `pinned`: the one certificate that will do, whoever signed it; empty: one that this system
// trusts, and that is for `host`.
[[nodiscard]] std::shared_ptr<TlsContext> tls_client(const std::string& host,
                                                     const CertificateDigest& pinned);
// TLS 1.3 on which both show their certificates, whoever signed them. `pinned`: the one that will
// do; empty: any, and peer_certificate() is to be judged.
[[nodiscard]] std::shared_ptr<TlsContext> tls_mutual(const TlsFiles& files, bool accepts,
                                                     const CertificateDigest& pinned = {});

struct NewCertificate {
    std::string certificate; // PEM
    std::string key;
};
// A new key (P-256) and a certificate for `name` that it signs itself, valid for 20 years.
[[nodiscard]] NewCertificate new_certificate(const std::string& name);
// Of the first certificate in a file. Throws Error (usage).
[[nodiscard]] CertificateDigest certificate_digest(const std::string& file);

// One end of a connection; shakes hands by itself with the first read or write. For one thread. The
// socket must outlive it.
class TlsStream {
  public:
    virtual ~TlsStream() = default;
    enum class State {
        some,
        read_later,  // when the socket can be read
        write_later, // when it can be written
        ended,
        broken,
    };
    struct Moved {
        State state = State::read_later;
        std::size_t bytes = 0;
    };
    [[nodiscard]] virtual Moved read(char* into, std::size_t room) = 0;
    // After `later` it must be asked again with at least the same bytes.
    [[nodiscard]] virtual Moved write(const char* bytes, std::size_t count) = 0;
    // Bytes that were read from the socket and wait here.
    [[nodiscard]] virtual bool holds_bytes() const = 0;
    virtual void end_sending() = 0;
    // What the other side showed; empty: nothing yet.
    [[nodiscard]] virtual CertificateDigest peer_certificate() const = 0;
    // Why it is broken, as a part of a sentence; empty: nothing to tell.
    [[nodiscard]] virtual std::string trouble() const = 0;
};
[[nodiscard]] std::unique_ptr<TlsStream> tls_accept(const std::shared_ptr<TlsContext>& context,
                                                    std::intptr_t socket);
[[nodiscard]] std::unique_ptr<TlsStream> tls_connect(const std::shared_ptr<TlsContext>& context,
                                                     std::intptr_t socket);

} // namespace odysseus::system
