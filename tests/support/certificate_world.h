// An authority with an intermediate one, a gateway and a peer under it, and what the peer sends.
#pragma once

#include "control/certificates.h"
#include "control/rsa_signature.h"
#include "tests/support/certificate_maker.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace control::test {

// Keys by number: 0 root, 1 intermediate, 2 gateway, 3 peer, 4 and up: others.
class CertificateWorld : public testing::Test {
  protected:
    static constexpr long kPeerSerial = 4711;
    static constexpr long kIntermediateSerial = 12;

    CertificateWorld()
        : root_(issue_authority({.subject = "C=DE, O=Example, CN=Root",
                                 .key = rsa_key(0),
                                 .until = kNow + 100 * kDay})),
          intermediate_(issue_authority({.subject = "C=DE, O=Example, CN=Sub",
                                         .key = rsa_key(1),
                                         .issuer = &root_,
                                         .serial = kIntermediateSerial,
                                         .until = kNow + 100 * kDay})),
          gateway_(issue({.subject = "C=DE, CN=gw", .key = rsa_key(2), .issuer = &intermediate_})),
          peer_(issue(peer_order())) {
        config_.ca = {directory_.write_pem("root.crt", {root_.certificate.get()})};
        config_.certificate = directory_.write_pem(
            "gw.crt", {gateway_.certificate.get(), intermediate_.certificate.get()});
        config_.private_key = directory_.write_pem("gw.key", gateway_.key);
        method_.kind = config::AuthKind::kRootCa;
        method_.root_ca = "CN=Root,O=Example,C=DE";
    }

    [[nodiscard]] Order peer_order() const {
        return {.subject = "C=DE, CN=peer",
                .key = rsa_key(3),
                .issuer = &intermediate_,
                .serial = kPeerSerial,
                .extensions = {{"subjectAltName", "DNS:peer.example"}}};
    }

    [[nodiscard]] std::unique_ptr<Certificates> load(CrlStore::Options crl = {}) {
        auto loaded = Certificates::load(config_, {.crl = crl, .now = [this] { return now_; }});
        EXPECT_TRUE(loaded.ok()) << loaded.error().text;
        return loaded.ok() ? std::move(loaded).value() : nullptr;
    }

    // What a peer with this certificate sends, under its own name.
    [[nodiscard]] ike::PeerProof proof_of(const Issued& peer,
                                          const std::vector<const Issued*>& others) {
        ike::PeerProof proof;
        proof.method = &method_;
        proof.id.type = static_cast<std::uint8_t>(ike::IdType::kDerDn);
        proof.id.data = der_of(*X509_get_subject_name(peer.certificate.get()));
        proof.certificates.push_back(peer.der());
        for (const Issued* other : others) {
            proof.certificates.push_back(other->der());
        }
        proof.hash = hash_;
        if (const auto signature = rsa_sign(peer.key, hash_)) {
            signature_ = *signature;
        }
        proof.signature = signature_;
        return proof;
    }
    [[nodiscard]] ike::PeerProof peer_proof() { return proof_of(peer_, {&intermediate_}); }

    std::time_t now_ = kNow;
    Directory directory_;
    Issued root_;
    Issued intermediate_;
    Issued gateway_;
    Issued peer_;
    config::IkeConfig config_;
    config::AuthMethod method_;
    ike::Bytes hash_ = ike::Bytes(20, 0x77);
    ike::Bytes signature_;
};

}  // namespace control::test
