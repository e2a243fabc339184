// What initiator and responder of quick mode have in common: the script, hashes, repeated messages.
#include "control/ike/quick_mode.h"

#include "control/ike/exchange.h"
#include "control/ike/main_mode.h"
#include "crypto/constant_time.h"

#include <algorithm>
#include <array>

namespace control::ike {
namespace {

// RFC 2409 5.5.
constexpr std::array kMessage1 = {
    PayloadRule{PayloadType::kHash, 1, 1},
    PayloadRule{PayloadType::kSa, 1, 1},
    PayloadRule{PayloadType::kNonce, 1, 1},
    PayloadRule{PayloadType::kKeyExchange, 0, 1},
    PayloadRule{PayloadType::kIdentification, 0, 2},
    PayloadRule{PayloadType::kNatOriginalAddress, 0, 2},
    PayloadRule{PayloadType::kNatOriginalAddressDraft, 0, 2},
};
constexpr std::array kMessage3 = {PayloadRule{PayloadType::kHash, 1, 1}};

struct QuickModeStep {
    std::span<const PayloadRule> payloads;
    Bytes (*hash)(const IsakmpSa&, const QuickMode&, const Message&);
    std::optional<Drop> (*act)(Core&, IsakmpSa&, QuickMode&, Message&);
};

Bytes hash1(const IsakmpSa& sa, const QuickMode& quick, const Message& message) {
    return quick_mode_hash1(sa.secrets, quick.message_id, message.behind_first());
}
Bytes hash2(const IsakmpSa& sa, const QuickMode& quick, const Message& message) {
    return quick_mode_hash2(sa.secrets, quick.message_id, quick.nonce_i, message.behind_first());
}
Bytes hash3(const IsakmpSa& sa, const QuickMode& quick, const Message& /*message*/) {
    return quick_mode_hash3(sa.secrets, quick.message_id, quick.nonce_i, quick.nonce_r);
}

constexpr QuickModeStep kStep1{kMessage1, hash1, quick_mode_message1};
constexpr QuickModeStep kStep2{kMessage1, hash2, quick_mode_message2};
constexpr QuickModeStep kStep3{kMessage3, hash3, quick_mode_message3};

// The HASH before anything else: what it does not cover is not looked at.
std::optional<Drop> act(
    Core& core, IsakmpSa& sa, QuickMode& quick, Message& message, const QuickModeStep& step) {
    const auto read = decrypt_payloads(message, sa.secrets, quick.iv);
    if (const Drop* drop = std::get_if<Drop>(&read)) {
        return *drop;
    }
    if (!begins_with_hash(message)) {
        return Drop::kBadHash;
    }
    const ByteView hash = message.payloads.front().body;
    const Bytes expected = step.hash(sa, quick, message);
    if (hash.size() != expected.size()
        || !crypto::equal_ct(hash.data(), expected.data(), expected.size())) {
        return Drop::kBadHash;
    }
    sa.message_ids.insert(quick.message_id);
    sa.heard = core.now;
    follow_peer(core, sa, message);
    if (const std::optional<Drop> drop = check_payloads(message, step.payloads)) {
        return drop;
    }
    if ((message.header.flags & kFlagCommit) != 0) {
        quick.commit = true;
    }
    quick.iv = message.next_iv;
    return step.act(core, sa, quick, message);
}

std::optional<Drop> answer_repeated(Core& core, IsakmpSa& sa, QuickMode& quick) {
    if (++quick.repeats > kMaxRepeats) {
        return Drop::kTooManyRepeats;
    }
    if (!quick.last_sent.message.empty()) {
        ++core.statistics.retransmissions;
        core.send(sa, quick.last_sent.message);
    }
    return Drop::kRepeated;
}

std::optional<Drop> receive_first(Core& core, IsakmpSa& sa, Message& message) {
    if (sa.message_ids.contains(message.header.message_id)) {
        return Drop::kBadMessageId;
    }
    if (sa.exchanges.size() >= kMaxQuickModes || sa.message_ids.size() >= kMaxMessageIds) {
        return Drop::kTooManySas;
    }
    auto quick = std::make_unique<QuickMode>();
    quick->message_id = message.header.message_id;
    quick->iv = phase2_iv(sa.secrets, sa.iv, quick->message_id);
    QuickMode& kept = *quick;
    const std::optional<Drop> drop = act(core, sa, kept, message, kStep1);
    if (!drop && !sa.closed) {
        kept.last_digest = message.digest;
        sa.exchanges.emplace(kept.message_id, std::move(quick));
    }
    return drop;
}

}  // namespace

std::uint32_t shorter(std::uint32_t a, std::uint32_t b) {
    if (a == 0 || b == 0) {
        return std::max(a, b);
    }
    return std::min(a, b);
}

std::uint16_t pfs_group_of(const config::NegotiationTerms& terms, const IsakmpSa& sa) {
    switch (terms.quick_mode.pfs_group) {
        case config::PfsGroup::kNone:
            return 0;
        case config::PfsGroup::kGroup1:
            return 1;
        case config::PfsGroup::kGroup2:
            return 2;
        case config::PfsGroup::kGroup3:
            return 14;  // netsh's 3 is the group of 2048 bits
        case config::PfsGroup::kGroupMm:
            return sa.offer.dh_group;
    }
    return 0;
}

Header quick_mode_header(const IsakmpSa& sa, const QuickMode& quick) {
    Header header;
    header.initiator = sa.cookie_i;
    header.responder = sa.cookie_r;
    header.exchange = static_cast<std::uint8_t>(ExchangeType::kQuickMode);
    header.flags = kFlagEncryption;
    header.message_id = quick.message_id;
    return header;
}

void send_quick_mode(Core& core, IsakmpSa& sa, QuickMode& quick, Bytes message, bool repeat) {
    core.send(sa, message);
    if (!repeat) {
        quick.last_sent.keep(std::move(message));
        return;
    }
    quick.last_sent.start(std::move(message), core.options.retransmit_first, core.now);
    core.add_timer(TimerKind::kQuickModeRepeat, sa.id, quick.last_sent.interval, quick.message_id);
}

std::optional<Drop> receive_quick_mode(Core& core, IsakmpSa& sa, Message& message) {
    if (!sa.established_now()) {
        return Drop::kUnexpected;
    }
    if (!message.encrypted()) {
        return Drop::kNotEncrypted;
    }
    if (message.header.message_id == 0) {
        return Drop::kBadMessageId;
    }
    const auto found = sa.exchanges.find(message.header.message_id);
    if (found == sa.exchanges.end()) {
        return receive_first(core, sa, message);
    }
    QuickMode& quick = *found->second;
    if (message.digest == quick.last_digest) {
        return answer_repeated(core, sa, quick);
    }
    if (quick.done) {
        return Drop::kUnexpected;
    }
    const MessageDigest digest = message.digest;
    const std::uint32_t message_id = quick.message_id;
    const std::optional<Drop> drop =
        act(core, sa, quick, message, quick.initiator ? kStep2 : kStep3);
    // The step may have ended the exchange.
    const auto after = sa.exchanges.find(message_id);
    if (!drop && !sa.closed && after != sa.exchanges.end()) {
        after->second->last_digest = digest;
        after->second->repeats = 0;
    }
    return drop;
}

void repeat_quick_mode(Core& core, IsakmpSa& sa, QuickMode& quick) {
    Retransmission& sent = quick.last_sent;
    if (quick.done || !sent.due || *sent.due > core.now) {
        return;
    }
    if (sent.sent > core.options.retransmits) {
        fail_quick_mode(
            core,
            sa,
            quick,
            fmt::format(
                "no answer to message {} after {} tries", quick.initiator ? 1 : 2, sent.sent));
        return;
    }
    sent.sent_again(core.now);
    ++core.statistics.retransmissions;
    core.send(sa, sent.message);
    core.add_timer(TimerKind::kQuickModeRepeat, sa.id, sent.interval, quick.message_id);
}

void fail_quick_mode(Core& core, IsakmpSa& sa, QuickMode& quick, std::string reason) {
    const bool initiator = quick.initiator;
    const std::uint64_t wish_id = quick.wish;
    if (ChildSa* child = core.children.find(quick.child)) {
        remove_child(core, *child, true);
    }
    sa.exchanges.erase(quick.message_id);
    if (!initiator) {
        ++core.statistics.receive_failures;
        core.failed({sa.local.address,
                     sa.remote.address,
                     config::kAnyRule,
                     "quick mode",
                     std::move(reason)});
        return;
    }
    if (Wish* wish = core.wishes.find(wish_id)) {
        wish_failed(core, *wish, {"quick mode", std::move(reason), false});
    }
}

}  // namespace control::ike
