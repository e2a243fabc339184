// Proof by certificates: see certificates.h.
#include "control/certificates.h"

#include "control/certificate_identity.h"
#include "control/log.h"
#include "control/revocation.h"
#include "control/rsa_signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace control {

namespace {

using config::AuthKind;
using config::AuthMethod;
using config::Error;
using config::ErrorCode;
using config::Result;
using ike::Judged;
using ike::Judgement;

constexpr std::size_t kMostWarnings = 256;

Error no_method(std::string text) {
    return Error{ErrorCode::kNoAuthMethod, std::move(text)};
}

Judged bad(std::string reason) {
    return Judged{Judgement::kBad, std::move(reason), {}};
}

Result<std::vector<CertificatePtr>> decode_all(const std::vector<ike::Bytes>& encoded) {
    if (encoded.empty()) {
        return no_method("the peer sent no certificate");
    }
    if (encoded.size() > Certificates::kMostPeerCertificates) {
        return no_method(fmt::format("the peer sent {} certificates; expected at most {}",
                                     encoded.size(),
                                     Certificates::kMostPeerCertificates));
    }
    std::vector<CertificatePtr> certificates;
    for (const ike::Bytes& der : encoded) {
        CertificatePtr certificate = decode_certificate(der);
        if (certificate == nullptr) {
            return no_method(
                fmt::format("certificate {} of the peer is not one X.509 certificate "
                            "in DER",
                            certificates.size() + 1));
        }
        certificates.push_back(std::move(certificate));
    }
    return certificates;
}

}  // namespace

Certificates::Certificates(Options options)
    : now_(options.now ? std::move(options.now) : [] { return std::time(nullptr); }),
      crls_(options.crl) {}

Result<std::unique_ptr<Certificates>> Certificates::load(const config::IkeConfig& config,
                                                         Options options) {
    std::unique_ptr<Certificates> loaded(new Certificates(std::move(options)));
    for (const std::string& path : config.ca) {
        Result<std::vector<CertificatePtr>> certificates = read_certificates(path);
        if (!certificates) {
            return std::move(certificates).error();
        }
        for (CertificatePtr& certificate : *certificates) {
            config::DistinguishedName name = name_of(*X509_get_subject_name(certificate.get()));
            loaded->anchors_.push_back({std::move(certificate), std::move(name)});
        }
    }
    if (!config.certificate.empty() || !config.pkcs12.empty()) {
        Result<OwnCertificate> own = OwnCertificate::load(config);
        if (!own) {
            return std::move(own).error();
        }
        loaded->own_ = std::move(own).value();
        log::info(log::Category::kIpsec,
                  "this gateway is {} until {}",
                  subject_text(*loaded->own_->certificate),
                  time_text(X509_get0_notAfter(loaded->own_->certificate.get())));
    }
    if (Result<void> read = loaded->crls_.load(config.crl); !read) {
        return std::move(read).error();
    }
    return loaded;
}

Result<std::vector<X509*>> Certificates::anchors_of(const AuthMethod& method) const {
    if (method.kind != AuthKind::kRootCa) {
        return no_method("Certificates prove only methods that name a rootca.");
    }
    const Result<config::DistinguishedName> name = config::DistinguishedName::parse(method.root_ca);
    if (!name) {
        return no_method(name.error().text);
    }
    std::vector<X509*> anchors;
    std::vector<std::string> others;
    for (const Anchor& anchor : anchors_) {
        if (same_name(anchor.name, *name)) {
            anchors.push_back(anchor.certificate.get());
        } else {
            others.push_back(fmt::format("\"{}\"", anchor.name.to_string()));
        }
    }
    if (anchors.empty()) {
        return no_method(
            fmt::format("The authority \"{}\" is not one of ike.ca in gateway.toml, which has {}.",
                        method.root_ca,
                        others.empty() ? "none" : fmt::format("{}", fmt::join(others, ", "))));
    }
    return anchors;
}

Result<CertificateChain> Certificates::own_chain(const AuthMethod& method) const {
    const Result<std::vector<X509*>> anchors = anchors_of(method);
    if (!anchors) {
        return anchors.error();
    }
    if (!own_) {
        return no_method(
            "This gateway has no certificate; expected ike.certificate and ike.private_key, or "
            "ike.pkcs12, in gateway.toml.");
    }
    Result<CertificateChain> chain =
        CertificateChain::build(*own_->certificate, own_->others, *anchors, now_());
    if (!chain) {
        return no_method(fmt::format("This gateway cannot prove itself under \"{}\": {}.",
                                     method.root_ca,
                                     chain.error().text));
    }
    return chain;
}

Result<ike::OwnIdentity> Certificates::own(const AuthMethod& method) const {
    const Result<CertificateChain> chain = own_chain(method);
    if (!chain) {
        return chain.error();
    }
    ike::OwnIdentity identity;
    identity.id.type = static_cast<std::uint8_t>(ike::IdType::kDerDn);
    identity.id.data = der_of(*X509_get_subject_name(own_->certificate.get()));
    // The anchor stays here: the peer trusts its own copy or none. Our certificate always goes.
    const std::size_t sent = std::max<std::size_t>(chain->certificates.size() - 1, 1);
    for (std::size_t i = 0; i < sent; ++i) {
        identity.chain.push_back(der_of(*chain->certificates[i]));
    }
    return identity;
}

Result<ike::Bytes> Certificates::sign(const AuthMethod& method, ike::ByteView hash) const {
    if (method.kind != AuthKind::kRootCa || !own_) {
        return no_method("This gateway has no certificate to sign with.");
    }
    return rsa_sign(own_->key.get(), hash);
}

ike::Bytes Certificates::ca_name(const AuthMethod& method) const {
    if (method.exclude_ca_name) {
        return {};
    }
    const Result<std::vector<X509*>> anchors = anchors_of(method);
    return anchors ? der_of(*X509_get_subject_name(anchors->front())) : ike::Bytes();
}

Result<void> Certificates::check(const AuthMethod& method) const {
    switch (method.kind) {
        case AuthKind::kPresharedKey:
            return {};
        case AuthKind::kKerberos:
            return no_method(
                "Kerberos is not in this version: it comes with the domain store. psk or rootca "
                "was expected.");
        case AuthKind::kRootCa:
            break;
    }
    if (method.certificate_mapping) {
        return no_method(
            fmt::format("certmap:yes of \"{}\" is not in this version: certificates are mapped to "
                        "accounts of a domain, which comes with the domain store. certmap:no was "
                        "expected.",
                        method.root_ca));
    }
    const Result<CertificateChain> chain = own_chain(method);
    return chain ? Result<void>() : Result<void>(chain.error());
}

Result<CertificatePtr> Certificates::signer_of(const ike::PeerProof& proof,
                                               const std::vector<CertificatePtr>& certificates) {
    std::string reason;
    for (const CertificatePtr& certificate : certificates) {
        if (!holds_identity(*certificate, proof.id)) {
            continue;
        }
        EVP_PKEY* key = X509_get0_pubkey(certificate.get());
        if (const std::optional<std::string> fault = key_fault(key)) {
            reason = fmt::format("certificate {}: {}", subject_text(*certificate), *fault);
        } else if (rsa_verify(key, proof.hash, proof.signature)) {
            return share(certificate.get());
        } else {
            reason = fmt::format("certificate {}: the signature is not by its key",
                                 subject_text(*certificate));
        }
    }
    if (reason.empty()) {
        reason = fmt::format("no certificate of the peer holds its ID, {}; the first is {}",
                             identity_text(proof.id),
                             subject_text(*certificates.front()));
    }
    return no_method(std::move(reason));
}

Judged Certificates::judge(const ike::PeerProof& proof) {
    if (proof.method == nullptr || proof.method->certificate_mapping) {
        return bad("the method of the rule cannot be proven by a certificate here");
    }
    const Result<std::vector<X509*>> anchors = anchors_of(*proof.method);
    if (!anchors) {
        return bad(anchors.error().text);
    }
    Result<std::vector<CertificatePtr>> certificates = decode_all(proof.certificates);
    if (!certificates) {
        return bad(certificates.error().text);
    }
    const Result<CertificatePtr> signer = signer_of(proof, *certificates);
    if (!signer) {
        return bad(signer.error().text);
    }
    // Peers under the same intermediate authority may leave its certificate out.
    if (own_) {
        for (const CertificatePtr& other : own_->others) {
            certificates->push_back(share(other.get()));
        }
    }
    const Result<CertificateChain> chain =
        CertificateChain::build(**signer, *certificates, *anchors, now_());
    if (!chain) {
        return bad(chain.error().text);
    }
    warn_of_weakness(*chain);
    Judged judged = judge_revocation(*chain);
    if (judged.judgement == Judgement::kGood) {
        judged.subject = subject_text(**signer);
    }
    return judged;
}

Judged Certificates::judge_revocation(const CertificateChain& chain) {
    Judged judged{Judgement::kGood, {}, {}};
    if (crl_check_ == CrlCheck::kNone) {
        return judged;
    }
    crls_.refresh();
    std::vector<X509_CRL*> lists;
    for (std::size_t i = 1; i < chain.certificates.size(); ++i) {
        const std::vector<X509_CRL*> more = crls_.lists_of(*chain.certificates[i]);
        lists.insert(lists.end(), more.begin(), more.end());
    }
    const std::vector<RevocationFinding> findings = check_revocation(chain, lists, now_());
    bool waiting = false;
    for (const RevocationFinding& finding : findings) {
        if (finding.revoked) {
            return bad(finding.reason);
        }
        X509& certificate = *chain.certificates[finding.certificate];
        if (crls_.fetch(certificate)) {
            waiting = true;
        } else if (crl_check_ == CrlCheck::kAnyError) {
            judged.judgement = Judgement::kBad;
            judged.reason = fmt::format("{}{}; strongcrlcheck=2 wants to know",
                                        finding.reason,
                                        crls_.fetch_errors(certificate));
        }
    }
    if (waiting && judged.judgement == Judgement::kGood) {
        return Judged{Judgement::kWaiting, {}, {}};
    }
    return judged;
}

void Certificates::warn_of_weakness(const CertificateChain& chain) {
    for (const std::string& text : chain.weak) {
        if (warned_.size() < kMostWarnings && warned_.insert(text).second) {
            log::warning(log::Category::kIpsec, "weak: {}", text);
        }
    }
}

}  // namespace control
