// Certificates: proof of identity by certificates (RFC 2409 5.1, RFC 4945) as gateway.toml and the
// rules want it. Used by one thread, that of the IKE engine.
//
// Left out: certificate mapping and Kerberos, which need a domain; OCSP; lists over LDAP;
// signatures other than RSA. An ID that is an address is not compared with the peer's address,
// which a NAT changes.
#pragma once

#include "config/distinguished_name.h"
#include "config/gateway_file.h"
#include "config/policy.h"
#include "config/result.h"
#include "control/certificate_chain.h"
#include "control/crl_store.h"
#include "control/ike/credentials.h"
#include "control/own_certificate.h"

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace control {

// netsh `set config property=strongcrlcheck`.
enum class CrlCheck : std::uint8_t {
    kNone = 0,
    kRevoked = 1,   // only what is known to be revoked fails
    kAnyError = 2,  // what is not known to be good fails
};

class Certificates final : public ike::Credentials {
  public:
    static constexpr std::size_t kMostPeerCertificates = 16;

    struct Options {
        CrlStore::Options crl;
        std::function<std::time_t()> now;  // empty: the system's clock
    };

    // Reads every file. Errors: kSystem; the text begins with the file at fault.
    [[nodiscard]] static config::Result<std::unique_ptr<Certificates>> load(
        const config::IkeConfig& config, Options options);

    [[nodiscard]] config::Result<ike::OwnIdentity> own(
        const config::AuthMethod& method) const override;
    [[nodiscard]] config::Result<ike::Bytes> sign(const config::AuthMethod& method,
                                                  ike::ByteView hash) const override;
    [[nodiscard]] ike::Bytes ca_name(const config::AuthMethod& method) const override;
    [[nodiscard]] ike::Judged judge(const ike::PeerProof& proof) override;

    // Why a rule with this method can never negotiate here. Errors: kNoAuthMethod.
    [[nodiscard]] config::Result<void> check(const config::AuthMethod& method) const;
    void set_crl_check(CrlCheck level) { crl_check_ = level; }

  private:
    struct Anchor {
        CertificatePtr certificate;
        config::DistinguishedName name;
    };

    explicit Certificates(Options options);

    [[nodiscard]] config::Result<std::vector<X509*>> anchors_of(
        const config::AuthMethod& method) const;
    [[nodiscard]] config::Result<CertificateChain> own_chain(
        const config::AuthMethod& method) const;
    // The certificate of the peer that holds its ID and whose key made the signature.
    [[nodiscard]] static config::Result<CertificatePtr> signer_of(
        const ike::PeerProof& proof, const std::vector<CertificatePtr>& certificates);
    [[nodiscard]] ike::Judged judge_revocation(const CertificateChain& chain);
    void warn_of_weakness(const CertificateChain& chain);

    std::function<std::time_t()> now_;
    std::vector<Anchor> anchors_;
    std::optional<OwnCertificate> own_;
    CrlStore crls_;
    CrlCheck crl_check_ = CrlCheck::kRevoked;
    std::set<std::string> warned_;  // each weakness once
};

}  // namespace control
