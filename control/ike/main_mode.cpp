// What initiator and responder of main mode have in common: the script, repeated messages, vendor
// IDs, the key exchange.
#include "control/ike/main_mode.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace control::ike {
namespace {

constexpr std::uint8_t kMaxCertificates = 16;
constexpr std::uint8_t kMaxDiscoveries = 8;

constexpr std::array kMessage2 = {PayloadRule{PayloadType::kSa, 1, 1}};
constexpr std::array kMessage3 = {
    PayloadRule{PayloadType::kKeyExchange, 1, 1},
    PayloadRule{PayloadType::kNonce, 1, 1},
    PayloadRule{PayloadType::kCertificateRequest, 0, kMaxCertificates},
    PayloadRule{PayloadType::kNatDiscovery, 0, kMaxDiscoveries},
    PayloadRule{PayloadType::kNatDiscoveryDraft, 0, kMaxDiscoveries},
};
constexpr std::array kMessage5 = {
    PayloadRule{PayloadType::kIdentification, 1, 1},
    PayloadRule{PayloadType::kHash, 0, 1},
    PayloadRule{PayloadType::kSignature, 0, 1},
    PayloadRule{PayloadType::kCertificate, 0, kMaxCertificates},
    PayloadRule{PayloadType::kCertificateRequest, 0, kMaxCertificates},
};

// RFC 2409 5: the messages each role waits for, in order.
constexpr std::array kInitiatorScript = {
    MainModeStep{"message 2", false, kMessage2, main_mode_message2},
    MainModeStep{"message 4", false, kMessage3, main_mode_message4},
    MainModeStep{"message 6", true, kMessage5, main_mode_message6},
};
constexpr std::array kResponderScript = {
    MainModeStep{"message 3", false, kMessage3, main_mode_message3},
    MainModeStep{"message 5", true, kMessage5, main_mode_message5},
};

std::span<const MainModeStep> script_of(const IsakmpSa& sa) {
    return sa.initiator ? std::span<const MainModeStep>(kInitiatorScript)
                        : std::span<const MainModeStep>(kResponderScript);
}

// The peer goes on trying for a while; the operator hears of it now.
void tell_once(Core& core, IsakmpSa& sa) {
    sa.handshake->authentication_failed = true;
    if (!sa.initiator && !std::exchange(sa.handshake->told, true)) {
        core.failed({sa.local.address,
                     sa.remote.address,
                     config::kAnyRule,
                     "main mode",
                     sa.handshake->reason});
    }
}

// One message against its row: form first, then the step.
std::optional<Drop> act(Core& core, IsakmpSa& sa, Message& message, const MainModeStep& step) {
    if (step.encrypted != message.encrypted()) {
        return step.encrypted ? Drop::kNotEncrypted : Drop::kBadFlags;
    }
    const auto read =
        step.encrypted ? decrypt_payloads(message, sa.secrets, sa.iv) : read_payloads(message);
    if (const Drop* drop = std::get_if<Drop>(&read)) {
        if (*drop == Drop::kDecryption && sa.method != nullptr
            && sa.method->kind == config::AuthKind::kPresharedKey) {
            sa.handshake->reason =
                fmt::format("{} of {} cannot be decrypted: the pre-shared keys differ?",
                            step.name,
                            sa.remote.address.to_string());
            tell_once(core, sa);
        }
        return *drop;
    }
    if (const std::optional<Drop> drop = check_payloads(message, step.payloads)) {
        return drop;
    }
    return step.act(core, sa, message);
}

}  // namespace

std::string_view awaited_message(const IsakmpSa& sa) {
    return sa.handshake && sa.handshake->step < script_of(sa).size()
               ? script_of(sa)[sa.handshake->step].name
               : std::string_view();
}

Header main_mode_header(const IsakmpSa& sa) {
    Header header;
    header.initiator = sa.cookie_i;
    header.responder = sa.cookie_r;
    header.exchange = static_cast<std::uint8_t>(ExchangeType::kMainMode);
    return header;
}

Drop answer_again(Core& core, IsakmpSa& sa) {
    Handshake& handshake = *sa.handshake;
    if (++handshake.repeats > kMaxRepeats) {
        return Drop::kTooManyRepeats;
    }
    if (!handshake.last_sent.message.empty()) {
        ++core.statistics.retransmissions;
        core.send(sa, handshake.last_sent.message);
    }
    return Drop::kRepeated;
}

std::optional<Drop> receive_main_mode(Core& core, IsakmpSa& sa, Message& message) {
    if (message.header.message_id != 0) {
        return Drop::kBadMessageId;
    }
    if (!sa.handshake) {
        return Drop::kUnexpected;
    }
    Handshake& handshake = *sa.handshake;
    handshake.heard = true;
    if (message.digest == handshake.last_digest) {
        return answer_again(core, sa);
    }
    if (handshake.step >= script_of(sa).size()) {
        return Drop::kUnexpected;
    }
    const MainModeStep& step = script_of(sa)[handshake.step];
    const std::optional<Drop> drop = act(core, sa, message, step);
    if (!drop) {
        if (sa.handshake) {
            sa.handshake->last_digest = message.digest;
            sa.handshake->repeats = 0;
            ++sa.handshake->step;
        }
        return std::nullopt;
    }
    if (sa.closed) {
        return drop;
    }
    notify_error(core, sa, *drop);
    // What was decrypted came from whom the keys are shared with: there is nothing to wait for.
    if (*drop == Drop::kAuthentication || *drop == Drop::kBadIdentity) {
        fail_main_mode(core, sa, std::string(sa.handshake->reason));
    }
    return drop;
}

AuthenticationMethod authentication_of(const config::AuthMethod& method) {
    return method.kind == config::AuthKind::kRootCa ? AuthenticationMethod::kRsaSignature
                                                    : AuthenticationMethod::kPresharedKey;
}

std::vector<const config::AuthMethod*> usable_methods(Core& core,
                                                      const config::NegotiationTerms& terms,
                                                      const config::IpAddress& remote) {
    std::vector<const config::AuthMethod*> methods;
    for (const config::AuthMethod& method : terms.main_mode.auth_methods) {
        switch (method.kind) {
            case config::AuthKind::kKerberos:
                if (core.stranger_lines.admit(core.now)) {
                    core.log("{} -- Kerberos is passed over: it cannot be used here",
                             remote.to_string());
                }
                break;
            case config::AuthKind::kPresharedKey:
                methods.push_back(&method);
                break;
            case config::AuthKind::kRootCa:
                if (const auto own = core.credentials.own(method); own) {
                    methods.push_back(&method);
                } else if (core.stranger_lines.admit(core.now)) {
                    core.log("{} -- certificates of {} are passed over: {}",
                             remote.to_string(),
                             method.root_ca,
                             own.error().text);
                }
                break;
        }
    }
    return methods;
}

std::vector<Vendor> own_vendors(const EngineOptions& options) {
    std::vector<Vendor> vendors;
    if (options.nat_traversal) {
        vendors = {Vendor::kNatTraversalRfc,
                   Vendor::kNatTraversalDraft03,
                   Vendor::kNatTraversalDraft02n,
                   Vendor::kNatTraversalDraft02};
    }
    vendors.push_back(Vendor::kDeadPeerDetection);
    vendors.push_back(Vendor::kFragmentation);
    vendors.push_back(Vendor::kPortcullis);
    return vendors;
}

Bytes vendor_body(Vendor vendor) {
    Bytes body = vendor_id(vendor);
    if (vendor == Vendor::kFragmentation) {
        // Peers look for the capability that follows: fragments of main mode's messages.
        body.insert(body.end(), {0x80, 0, 0, 0});
    }
    return body;
}

void note_vendors(IsakmpSa& sa, const Message& message) {
    for (const ByteView body : message.all(PayloadType::kVendorId)) {
        if (const std::optional<Vendor> vendor = vendor_of(body)) {
            sa.add(*vendor);
        }
    }
}

std::string vendors_text(const IsakmpSa& sa) {
    std::string text;
    for (const VendorRow& row : vendor_rows()) {
        if (sa.has(row.vendor)) {
            text += text.empty() ? "vendors " : ", ";
            text += row.name;
        }
    }
    return text.empty() ? "no vendors known" : text;
}

void add_key_exchange(Core& core, IsakmpSa& sa, MessageBuilder& builder) {
    Handshake& handshake = *sa.handshake;
    builder.add(PayloadType::kKeyExchange, handshake.public_own);
    builder.add(PayloadType::kNonce, handshake.nonce_own);
    if (sa.authentication == AuthenticationMethod::kRsaSignature) {
        for (const config::AuthMethod* method : handshake.methods) {
            if (method->kind != config::AuthKind::kRootCa) {
                continue;
            }
            // RFC 2408 3.10: X.509 certificate for signatures; without a name any CA will do.
            Bytes body{4};
            if (!method->exclude_ca_name) {
                const Bytes name = core.credentials.ca_name(*method);
                body.insert(body.end(), name.begin(), name.end());
            }
            builder.add(PayloadType::kCertificateRequest, body);
        }
    }
    if (sa.nat_traversal != NatTraversal::kNone) {
        for (const Bytes& body :
             nat_discovery({sa.offer.hash, sa.cookie_i, sa.cookie_r, sa.local, sa.remote})) {
            builder.add(nat_discovery_payload(sa.nat_traversal), body);
        }
    }
}

std::optional<Drop> read_key_exchange(IsakmpSa& sa, const Message& message) {
    Handshake& handshake = *sa.handshake;
    const ByteView key = message.body(PayloadType::kKeyExchange);
    const ByteView nonce = message.body(PayloadType::kNonce);
    if (!is_nonce(nonce)) {
        return Drop::kBadPayload;
    }
    if (key.size() != crypto::DhExchange::public_bytes(sa.offer.dh_group)) {
        handshake.reason = fmt::format("the public value of {} has {} bytes, group {} wants {}",
                                       sa.remote.address.to_string(),
                                       key.size(),
                                       sa.offer.dh_group,
                                       crypto::DhExchange::public_bytes(sa.offer.dh_group));
        return Drop::kBadKeyExchange;
    }
    handshake.public_peer.assign(key.begin(), key.end());
    handshake.nonce_peer.assign(nonce.begin(), nonce.end());
    handshake.certificate_requests.clear();
    for (const ByteView body : message.all(PayloadType::kCertificateRequest)) {
        if (!body.empty() && body[0] == 4) {
            handshake.certificate_requests.emplace_back(body.begin() + 1, body.end());
        }
    }
    if (sa.nat_traversal != NatTraversal::kNone) {
        sa.nat =
            nat_situation({sa.offer.hash, sa.cookie_i, sa.cookie_r, message.local, message.remote},
                          message.all(nat_discovery_payload(sa.nat_traversal)));
    }
    return std::nullopt;
}

std::optional<Drop> derive_secrets(Core& core, IsakmpSa& sa) {
    Handshake& handshake = *sa.handshake;
    assert(handshake.dh);
    const config::Result<config::SecretBytes> shared = handshake.dh->shared(handshake.public_peer);
    if (!shared) {
        handshake.reason = shared.error().text;
        return Drop::kBadKeyExchange;
    }
    PhaseOneInput input;
    input.offer = sa.offer;
    input.nonce_i = sa.initiator ? handshake.nonce_own : handshake.nonce_peer;
    input.nonce_r = sa.initiator ? handshake.nonce_peer : handshake.nonce_own;
    input.shared = shared->bytes();
    input.cookie_i = sa.cookie_i;
    input.cookie_r = sa.cookie_r;
    if (sa.authentication == AuthenticationMethod::kPresharedKey) {
        const auto found = std::ranges::find(
            handshake.methods, config::AuthKind::kPresharedKey, &config::AuthMethod::kind);
        assert(found != handshake.methods.end());
        sa.method = *found;
        sa.secrets = psk_secrets(input, sa.method->preshared_key.bytes());
    } else {
        sa.secrets = signature_secrets(input);
    }
    const Bytes& public_i = sa.initiator ? handshake.public_own : handshake.public_peer;
    const Bytes& public_r = sa.initiator ? handshake.public_peer : handshake.public_own;
    sa.iv = phase1_iv(sa.secrets, public_i, public_r);
    handshake.dh.reset();
    if (core.options.log_keys) {
        core.host.log_key(sa.cookie_i, sa.secrets.encryption_key.bytes());
    }
    return std::nullopt;
}

}  // namespace control::ike
