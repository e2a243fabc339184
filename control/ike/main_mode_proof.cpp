// Who the ends of main mode are, and how they prove it (RFC 2409 5.1, 5.4): messages 5 and 6.
#include "control/ike/main_mode.h"
#include "crypto/constant_time.h"

#include <algorithm>

namespace control::ike {
namespace {

Bytes hash_of(const IsakmpSa& sa, bool own, ByteView id) {
    const Handshake& handshake = *sa.handshake;
    const bool of_initiator = own == sa.initiator;
    PhaseOneProof proof;
    proof.public_own = own ? handshake.public_own : handshake.public_peer;
    proof.public_peer = own ? handshake.public_peer : handshake.public_own;
    proof.cookie_own = of_initiator ? sa.cookie_i : sa.cookie_r;
    proof.cookie_peer = of_initiator ? sa.cookie_r : sa.cookie_i;
    proof.sa_i = handshake.sa_payload;
    proof.id = id;
    return phase1_hash(sa.secrets, proof);
}

// The rule's CA whose certificates the peer asks for, or the first.
const config::AuthMethod* certificate_method(Core& core, const IsakmpSa& sa) {
    const config::AuthMethod* first = nullptr;
    for (const config::AuthMethod* method : sa.handshake->methods) {
        if (method->kind != config::AuthKind::kRootCa) {
            continue;
        }
        if (first == nullptr) {
            first = method;
        }
        const std::vector<Bytes>& requests = sa.handshake->certificate_requests;
        if (std::ranges::find(requests, core.credentials.ca_name(*method)) != requests.end()) {
            return method;
        }
    }
    return first;
}

config::Result<std::vector<OutPayload>> signed_proof(Core& core, IsakmpSa& sa) {
    const config::AuthMethod* method = certificate_method(core, sa);
    if (method == nullptr) {
        return config::Error{config::ErrorCode::kNoAuthMethod, "no certificate can be used"};
    }
    auto own = core.credentials.own(*method);
    if (!own) {
        return std::move(own).error();
    }
    sa.method = method;
    sa.local_id = own->id;
    const Bytes id = encode_identity(sa.local_id);
    auto signature = core.credentials.sign(*method, hash_of(sa, true, id));
    if (!signature) {
        return std::move(signature).error();
    }
    std::vector<OutPayload> payloads{{PayloadType::kIdentification, id}};
    for (const Bytes& certificate : own->chain) {
        Bytes body{4};  // RFC 2408 3.9: X.509 certificate for signatures
        body.insert(body.end(), certificate.begin(), certificate.end());
        payloads.emplace_back(PayloadType::kCertificate, std::move(body));
    }
    payloads.emplace_back(PayloadType::kSignature, *std::move(signature));
    return payloads;
}

std::optional<Drop> judge_psk_identity(Core& core, IsakmpSa& sa, const Identity& id) {
    const bool is_address = id.type == static_cast<std::uint8_t>(IdType::kIpv4Address)
                            || id.type == static_cast<std::uint8_t>(IdType::kIpv6Address);
    const bool is_peer = is_address && std::ranges::equal(id.data, sa.remote.address.view());
    if (is_peer) {
        return std::nullopt;
    }
    if (is_address && !sa.behind_nat()) {
        sa.handshake->reason =
            fmt::format("the peer {} says it is {}", sa.remote.address.to_string(), to_string(id));
        return Drop::kBadIdentity;
    }
    // The key was chosen by the peer's address, so it is the key that says who the peer is.
    core.log("{} -- the peer calls itself {}", name_of(sa), to_string(id));
    return std::nullopt;
}

std::optional<Drop> judge_psk(Core& core,
                              IsakmpSa& sa,
                              const Message& message,
                              const Identity& id) {
    const Payload* hash = message.first(PayloadType::kHash);
    if (hash == nullptr) {
        return Drop::kBadPayload;
    }
    const Bytes expected = hash_of(sa, false, message.body(PayloadType::kIdentification));
    if (hash->body.size() != expected.size()
        || !crypto::equal_ct(hash->body.data(), expected.data(), expected.size())) {
        sa.handshake->reason = "the HASH of the peer does not verify: the pre-shared keys differ?";
        return Drop::kAuthentication;
    }
    return judge_psk_identity(core, sa, id);
}

std::optional<Drop> judge_signature(Core& core,
                                    IsakmpSa& sa,
                                    const Message& message,
                                    const Identity& id) {
    const Payload* signature = message.first(PayloadType::kSignature);
    if (signature == nullptr) {
        return Drop::kBadPayload;
    }
    const Bytes hash = hash_of(sa, false, message.body(PayloadType::kIdentification));
    PeerProof proof;
    proof.id = id;
    proof.hash = hash;
    proof.signature = signature->body;
    for (const ByteView body : message.all(PayloadType::kCertificate)) {
        if (body.size() > 1 && body[0] == 4) {
            proof.certificates.emplace_back(body.begin() + 1, body.end());
        }
    }
    std::string reasons;
    for (const config::AuthMethod* method : sa.handshake->methods) {
        if (method->kind != config::AuthKind::kRootCa) {
            continue;
        }
        proof.method = method;
        const Judged judged = core.credentials.judge(proof);
        switch (judged.judgement) {
            case Judgement::kGood:
                sa.remote_name = judged.subject;
                sa.method = method;
                return std::nullopt;
            case Judgement::kWaiting:
                sa.handshake->reason = "the revocation list of the peer's CA has not arrived";
                return Drop::kWaitingForCrl;
            case Judgement::kBad:
                reasons += (reasons.empty() ? "" : "; ") + judged.reason;
                break;
        }
    }
    sa.handshake->reason = reasons;
    return Drop::kAuthentication;
}

}  // namespace

config::Result<std::vector<OutPayload>> own_proof(Core& core, IsakmpSa& sa) {
    if (sa.authentication == AuthenticationMethod::kRsaSignature) {
        return signed_proof(core, sa);
    }
    sa.local_id = address_identity(sa.local.address);
    const Bytes id = encode_identity(sa.local_id);
    return std::vector<OutPayload>{{PayloadType::kIdentification, id},
                                   {PayloadType::kHash, hash_of(sa, true, id)}};
}

std::optional<Drop> judge_proof(Core& core, IsakmpSa& sa, const Message& message) {
    const auto decoded = decode_identity(message.body(PayloadType::kIdentification));
    if (const Drop* drop = std::get_if<Drop>(&decoded)) {
        return *drop;
    }
    const Identity& id = std::get<Identity>(decoded);
    sa.remote_name = to_string(id);
    const std::optional<Drop> drop = sa.authentication == AuthenticationMethod::kPresharedKey
                                         ? judge_psk(core, sa, message, id)
                                         : judge_signature(core, sa, message, id);
    if (!drop) {
        sa.remote_id = id;
    } else if (*drop == Drop::kAuthentication || *drop == Drop::kBadIdentity) {
        sa.handshake->authentication_failed = true;
    }
    return drop;
}

bool is_initial_contact(const Core& core, const IsakmpSa& sa) {
    for (const SaId id : core.sas.between(sa.local.address, sa.remote.address)) {
        const IsakmpSa* other = core.sas.find(id);
        if (other != nullptr && other != &sa && other->established_now()) {
            return false;
        }
    }
    return core.children.between(sa.local.address, sa.remote.address).empty();
}

OutPayload initial_contact(const IsakmpSa& sa) {
    return notification_payload(static_cast<std::uint16_t>(NotifyType::kInitialContact),
                                spi_of(sa));
}

void forget_older(Core& core, const IsakmpSa& sa) {
    // What was made after this main mode began, the peer has not forgotten: two main modes crossed.
    const std::set<SaId> ids = core.sas.between(sa.local.address, sa.remote.address);
    std::size_t forgotten = 0;
    for (ChildSa* child : children_of(core, sa)) {
        if (child->sa < sa.id && child->created <= sa.created) {
            remove_child(core, *child, false);
            ++forgotten;
        }
    }
    for (const SaId id : ids) {
        IsakmpSa* other = core.sas.find(id);
        if (other != nullptr && other->id < sa.id && other->established_now()
            && other->established <= sa.created && other->remote_id == sa.remote_id) {
            remove_sa(core, *other, "the peer has begun anew");
            ++forgotten;
        }
    }
    if (forgotten > 0) {
        core.log(
            "{} -> INITIAL-CONTACT: {} SAs of this peer are forgotten", name_of(sa), forgotten);
    }
}

void notify_error(Core& core, IsakmpSa& sa, Drop drop) {
    const std::uint16_t type = row_of(drop).notify;
    if (type == 0 || !sa.handshake || sa.handshake->notified || sa.established_now()
        || !core.error_notifies.admit(core.now)) {
        return;
    }
    sa.handshake->notified = true;
    Header header = main_mode_header(sa);
    header.exchange = static_cast<std::uint8_t>(ExchangeType::kInformational);
    header.message_id = core.new_message_id(sa);
    MessageBuilder builder(header);
    builder.add(PayloadType::kNotification, notification_payload(type).second);
    core.log("{} <- {}", name_of(sa), notify_name(type));
    core.send(sa, builder.finish());
}

}  // namespace control::ike
