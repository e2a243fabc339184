// What proves identities by certificates (RFC 2409 5.1, RFC 4945): our own key and chain, and the
// judgement of a peer's. The engine asks; who implements it reads files and fetches revocation
// lists (control/certificates.h).
#pragma once

#include "config/policy.h"
#include "config/result.h"
#include "control/ike/identity.h"
#include "control/ike/isakmp.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace control::ike {

// Our certificate for one peer: DER, our own first, then intermediates.
struct OwnIdentity {
    std::vector<Bytes> chain;
    Identity id;  // the certificate's subject, as ID_DER_ASN1_DN
};

struct PeerProof {
    const config::AuthMethod* method = nullptr;  // kRootCa: the CA a rule names
    Identity id;                                 // as the peer sent it
    std::vector<Bytes> certificates;             // of its CERT payloads, X.509 only; as sent
    ByteView hash;                               // what must have been signed
    ByteView signature;
};

enum class Judgement : std::uint8_t {
    kGood,
    kBad,
    kWaiting,  // a revocation list is on its way: ask again when the peer repeats its message
};

struct Judged {
    Judgement judgement = Judgement::kBad;
    std::string reason;   // of kBad: which certificate, what is wrong with it
    std::string subject;  // of kGood: for listings
};

class Credentials {
  public:
    Credentials() = default;
    Credentials(const Credentials&) = delete;
    Credentials& operator=(const Credentials&) = delete;
    virtual ~Credentials() = default;

    // Our certificate that chains to the rule's CA. Errors: kNoAuthMethod, in words.
    [[nodiscard]] virtual config::Result<OwnIdentity> own(
        const config::AuthMethod& method) const = 0;
    // PKCS#1 v1.5 over `hash` as it is, without DigestInfo (RFC 2409 5.1), by the key of own().
    [[nodiscard]] virtual config::Result<Bytes> sign(const config::AuthMethod& method,
                                                     ByteView hash) const = 0;
    // DER of the CA's subject name, for a certificate request; empty if it is not known.
    [[nodiscard]] virtual Bytes ca_name(const config::AuthMethod& method) const = 0;
    // Chain to the rule's CA, validity now, revocation by strongcrlcheck, the ID in the
    // certificate, and the signature.
    [[nodiscard]] virtual Judged judge(const PeerProof& proof) = 0;
};

}  // namespace control::ike
