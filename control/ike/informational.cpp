#include "control/ike/informational.h"

#include "control/ike/exchange.h"
#include "control/ike/main_mode.h"
#include "control/ike/wire.h"
#include "crypto/constant_time.h"

#include <algorithm>
#include <array>

namespace control::ike {
namespace {

constexpr std::uint8_t kMany = 64;
constexpr std::array kInformational = {
    PayloadRule{PayloadType::kHash, 1, 1},
    PayloadRule{PayloadType::kDelete, 0, kMany},
};

// "; ours: ..." behind a refusal of the proposal: the peer's answer does not say what it wants.
std::string ours_text(const IsakmpSa& sa, std::uint16_t type) {
    return type == static_cast<std::uint16_t>(NotifyType::kNoProposalChosen)
               ? fmt::format("; ours {}", config::to_string(sa.terms->main_mode.offers))
               : std::string();
}

// RFC 2408 3.14.1: the numbers below are errors.
bool is_error(const Notification& notification) {
    return notification.type < static_cast<std::uint16_t>(NotifyType::kConnected);
}

// In clear anybody can write one: it may say why a negotiation fails, and that there is little
// point in repeating the question. An answer still counts more.
std::optional<Drop> note_unprotected(Core& core, IsakmpSa& sa, Message& message) {
    const auto read = read_payloads(message);
    if (const Drop* drop = std::get_if<Drop>(&read)) {
        return *drop;
    }
    if (!sa.established_now() && sa.handshake) {
        sa.handshake->heard = true;
        for (const Notification& notification : notifications_of(message)) {
            const std::string_view name = notify_name(notification.type);
            sa.handshake->reason =
                fmt::format("the peer said {} (not authenticated)",
                            name.empty() ? fmt::format("notification {}", notification.type)
                                         : std::string(name))
                + ours_text(sa, notification.type);
            sa.handshake->refused = sa.handshake->refused || is_error(notification);
            if (core.stranger_lines.admit(core.now)) {
                core.log("{} -> {}", name_of(sa), sa.handshake->reason);
            }
        }
    }
    return Drop::kNotEncrypted;
}

// Of an error about one of our quick modes: by the SPI of its proposal, or the only one there is.
QuickMode* quick_mode_of(IsakmpSa& sa, const Notification& notification) {
    QuickMode* only = nullptr;
    std::size_t open = 0;
    for (const auto& [message_id, quick] : sa.exchanges) {
        if (!quick->initiator || quick->done) {
            continue;
        }
        if (notification.spi.size() == sizeof(std::uint32_t)) {
            const std::uint32_t spi = read_u32(notification.spi, 0);
            if (spi != 0 && (spi == quick->ours.esp || spi == quick->ours.ah)) {
                return quick.get();
            }
        }
        only = quick.get();
        ++open;
    }
    return open == 1 ? only : nullptr;
}

void act_on_error(Core& core, IsakmpSa& sa, const Notification& notification) {
    const std::string_view name = notify_name(notification.type);
    const std::string text =
        fmt::format("the peer says {}",
                    name.empty() ? fmt::format("error {}", notification.type) : std::string(name));
    core.log("{} -> {}", name_of(sa), text);
    if (is(notification, NotifyType::kInvalidSpi)) {
        return;  // of packets, not of a negotiation
    }
    QuickMode* quick = quick_mode_of(sa, notification);
    if (quick == nullptr) {
        return;
    }
    const bool proposal = is(notification, NotifyType::kNoProposalChosen);
    fail_quick_mode(core,
                    sa,
                    *quick,
                    proposal ? fmt::format(
                        "{}; ours {}", text, config::to_string(quick->terms->quick_mode.offers))
                             : text);
}

void act_on(Core& core, IsakmpSa& sa, const Notification& notification) {
    if (is(notification, NotifyType::kRUThere)) {
        answer_are_you_there(core, sa, notification);
    } else if (is(notification, NotifyType::kRUThereAck)) {
        peer_is_there(core, sa, notification);
    } else if (is(notification, NotifyType::kInitialContact)) {
        forget_older(core, sa);
    } else if (is_error(notification)) {
        act_on_error(core, sa, notification);
    } else {
        const std::string_view name = notify_name(notification.type);
        core.log(
            "{} -> {}",
            name_of(sa),
            name.empty() ? fmt::format("notification {}", notification.type) : std::string(name));
    }
}

void delete_children(Core& core, const IsakmpSa& sa, const Deletion& deletion) {
    for (const ByteView spi : deletion.spis) {
        if (spi.size() != sizeof(std::uint32_t)) {
            continue;
        }
        ChildSa* child = child_with_spi(core, sa, deletion.protocol, read_u32(spi, 0));
        if (child == nullptr) {
            continue;
        }
        core.log("{} -> delete: SAs for {}", name_of(sa), to_string(child->traffic.remote));
        remove_child(core, *child, false);
    }
}

// The ISAKMP SAs that a Delete names, of this peer only.
void delete_sas(Core& core, const IsakmpSa& sa, const Deletion& deletion) {
    for (const ByteView spi : deletion.spis) {
        Cookie initiator{};
        Cookie responder{};
        if (spi.size() != initiator.size() + responder.size()) {
            continue;
        }
        std::copy_n(spi.begin(), initiator.size(), initiator.begin());
        std::copy_n(spi.begin() + 8, responder.size(), responder.begin());
        IsakmpSa* named = core.sas.find(initiator, responder);
        if (named == nullptr || !named->established_now() || named->remote_id != sa.remote_id
            || named->remote.address != sa.remote.address) {
            continue;
        }
        core.log("{} -> delete: main mode", name_of(*named));
        remove_sa(core, *named, "the peer has deleted the main mode");
    }
}

// Payload by payload: after a Delete of its own SA nothing more is done (CVE-2023-38712).
void act_on_payloads(Core& core, IsakmpSa& sa, const Message& message) {
    for (const Payload& payload : message.payloads) {
        if (sa.closed) {
            return;
        }
        if (payload.type == PayloadType::kNotification) {
            const auto decoded = decode_notification(payload.body);
            if (const auto* notification = std::get_if<Notification>(&decoded)) {
                act_on(core, sa, *notification);
            }
        } else if (payload.type == PayloadType::kDelete) {
            const auto decoded = decode_deletion(payload.body);
            const auto* deletion = std::get_if<Deletion>(&decoded);
            if (deletion == nullptr) {
                continue;
            }
            if (deletion->protocol == kProtocolIsakmp) {
                delete_sas(core, sa, *deletion);
            } else {
                delete_children(core, sa, *deletion);
            }
        }
    }
}

std::optional<Drop> check_hash(const IsakmpSa& sa, const Message& message) {
    if (!begins_with_hash(message)) {
        return Drop::kBadHash;
    }
    const ByteView hash = message.payloads.front().body;
    const Bytes expected =
        informational_hash(sa.secrets, message.header.message_id, message.behind_first());
    const bool good = hash.size() == expected.size()
                      && crypto::equal_ct(hash.data(), expected.data(), expected.size());
    return good ? std::nullopt : std::optional(Drop::kBadHash);
}

// A peer that fails in message 5 or 6 has the keys already: what it says is worth telling.
std::optional<Drop> note_protected_error(Core& core, IsakmpSa& sa, Message& message) {
    if (!sa.handshake || sa.secrets.encryption_key.empty()) {
        return Drop::kUnexpected;
    }
    const Bytes iv = phase2_iv(sa.secrets, sa.iv, message.header.message_id);
    const auto read = decrypt_payloads(message, sa.secrets, iv);
    if (const Drop* drop = std::get_if<Drop>(&read)) {
        return *drop;
    }
    if (const std::optional<Drop> drop = check_hash(sa, message)) {
        return drop;
    }
    for (const Notification& notification : notifications_of(message)) {
        sa.handshake->reason = fmt::format("the peer says {}", notify_name(notification.type));
        core.log("{} -> {}", name_of(sa), sa.handshake->reason);
    }
    return Drop::kUnexpected;
}

}  // namespace

std::optional<Drop> receive_informational(Core& core, IsakmpSa& sa, Message& message) {
    if (!message.encrypted()) {
        return note_unprotected(core, sa, message);
    }
    const std::uint32_t message_id = message.header.message_id;
    if (message_id == 0 || sa.message_ids.contains(message_id)) {
        return Drop::kBadMessageId;
    }
    if (!sa.established_now()) {
        return note_protected_error(core, sa, message);
    }
    if (sa.message_ids.size() >= kMaxMessageIds) {
        return Drop::kTooManySas;
    }
    const Bytes iv = phase2_iv(sa.secrets, sa.iv, message_id);
    const auto read = decrypt_payloads(message, sa.secrets, iv);
    if (const Drop* drop = std::get_if<Drop>(&read)) {
        return *drop;
    }
    // RFC 2409 5.7; CVE-2019-10155: without its HASH nothing is believed.
    if (const std::optional<Drop> drop = check_hash(sa, message)) {
        return drop;
    }
    sa.message_ids.insert(message_id);
    sa.heard = core.now;
    follow_peer(core, sa, message);
    if (const std::optional<Drop> drop = check_payloads(message, kInformational)) {
        return drop;
    }
    act_on_payloads(core, sa, message);
    return std::nullopt;
}

void send_informational(Core& core, IsakmpSa& sa, const std::vector<OutPayload>& payloads) {
    if (!sa.established_now() || sa.closed) {
        return;
    }
    Header header;
    header.initiator = sa.cookie_i;
    header.responder = sa.cookie_r;
    header.exchange = static_cast<std::uint8_t>(ExchangeType::kInformational);
    header.flags = kFlagEncryption;
    header.message_id = core.new_message_id(sa);
    Bytes iv = phase2_iv(sa.secrets, sa.iv, header.message_id);
    core.send(sa, encrypt_hashed(header, payloads, sa.secrets, iv, [&](ByteView covered) {
                  return informational_hash(sa.secrets, header.message_id, covered);
              }));
}

void send_delete(Core& core, IsakmpSa& sa) {
    const Bytes spi = spi_of(sa);
    Deletion deletion;
    deletion.protocol = kProtocolIsakmp;
    deletion.spi_bytes = static_cast<std::uint8_t>(spi.size());
    deletion.spis = {spi};
    core.log("{} <- delete: main mode", name_of(sa));
    send_informational(core, sa, {{PayloadType::kDelete, encode_deletion(deletion)}});
}

void send_delete(Core& core, IsakmpSa& sa, const ChildSa& child) {
    std::vector<OutPayload> payloads;
    // RFC 2408 3.15: the sender's inbound SPIs.
    const auto add = [&](std::uint8_t protocol, std::uint32_t number) {
        if (number == 0) {
            return;
        }
        const Bytes spi = spi_bytes(number);
        Deletion deletion;
        deletion.protocol = protocol;
        deletion.spi_bytes = static_cast<std::uint8_t>(spi.size());
        deletion.spis = {spi};
        payloads.emplace_back(PayloadType::kDelete, encode_deletion(deletion));
    };
    add(kProtocolEsp, child.ours.esp);
    add(kProtocolAh, child.ours.ah);
    core.log("{} <- delete: SAs for {}", name_of(sa), to_string(child.traffic.remote));
    send_informational(core, sa, payloads);
}

}  // namespace control::ike
