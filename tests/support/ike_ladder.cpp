#include "tests/support/ike_ladder.h"

#include "control/ike/isakmp.h"
#include "crypto/ike_crypto.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace tests {

using namespace control::ike;  // NOLINT(google-build-using-namespace)

config::IpAddress address(const std::string& text) {
    return config::IpAddress::parse(text).value();
}

Selector selector(const std::string& text, std::uint8_t protocol, std::uint16_t port) {
    const config::IpPrefix prefix = config::IpPrefix::parse(text).value();
    return {prefix.first(), prefix.last(), protocol, port};
}

// --- Credentials

config::Result<OwnIdentity> FakeCredentials::own(const config::AuthMethod& method) const {
    if (!own_cas.contains(method.root_ca)) {
        return config::Error{config::ErrorCode::kNoAuthMethod,
                             "no certificate under " + method.root_ca};
    }
    OwnIdentity own;
    for (std::size_t i = 0; i <= intermediates; ++i) {
        std::string text = i == 0 ? subject : fmt::format("intermediate {}", i);
        text.resize(std::max(text.size(), certificate_bytes), '.');
        own.chain.emplace_back(text.begin(), text.end());
    }
    own.id.type = static_cast<std::uint8_t>(IdType::kDerDn);
    own.id.data.assign(subject.begin(), subject.end());
    return own;
}

config::Result<Bytes> FakeCredentials::sign(const config::AuthMethod& method, ByteView hash) const {
    const std::string& key = own_cas.at(method.root_ca);
    const config::SecretBytes mac = crypto::hmac(
        config::Hash::kSha256, config::SecretBytes(std::string_view(key)).bytes(), {hash});
    return Bytes(mac.bytes().begin(), mac.bytes().end());
}

Bytes FakeCredentials::ca_name(const config::AuthMethod& method) const {
    return {method.root_ca.begin(), method.root_ca.end()};
}

Judged FakeCredentials::judge(const PeerProof& proof) {
    if (waits > 0) {
        --waits;
        return {Judgement::kWaiting, "", ""};
    }
    const auto known = own_cas.find(proof.method->root_ca);
    if (known == own_cas.end()) {
        return {Judgement::kBad, "no such CA here", ""};
    }
    if (proof.certificates.empty()) {
        return {Judgement::kBad, "no certificate", ""};
    }
    const std::string name(proof.id.data.begin(), proof.id.data.end());
    const Bytes& first = proof.certificates.front();
    if (std::string(first.begin(), first.end()).rfind(name, 0) != 0) {
        return {Judgement::kBad, "the certificate is not of " + name, ""};
    }
    const config::SecretBytes mac =
        crypto::hmac(config::Hash::kSha256,
                     config::SecretBytes(std::string_view(known->second)).bytes(),
                     {proof.hash});
    if (!std::ranges::equal(mac.bytes(), proof.signature)) {
        return {Judgement::kBad, "the signature of " + name + " does not verify", ""};
    }
    return {Judgement::kGood, "", name};
}

// --- Host

std::shared_ptr<const config::NegotiationTerms> LadderHost::main_mode_terms(
    const config::IpAddress& /*local*/, const config::IpAddress& /*remote*/) const {
    return rules.empty() ? nullptr : rules.front().terms;
}

std::optional<QuickModeMatch> LadderHost::quick_mode_match(const QuickModeQuery& query) const {
    const auto within = [](const Selector& inner, const Selector& outer) {
        return inner.first >= outer.first && inner.last <= outer.last
               && (outer.protocol == 0 || outer.protocol == inner.protocol)
               && (outer.port == 0 || outer.port == inner.port);
    };
    for (const LadderRule& rule : rules) {
        if (rule.mode == query.mode && within(query.traffic.local, rule.local)
            && within(query.traffic.remote, rule.remote)) {
            return QuickModeMatch{rule.tag, {}, rule.terms};
        }
    }
    return std::nullopt;
}

void LadderHost::send(const Endpoint& local, const Endpoint& remote, ByteView message) {
    wire->push_back({local, remote, Bytes(message.begin(), message.end())});
}

void LadderHost::send_keepalive(const Endpoint& /*local*/, const Endpoint& /*remote*/) {
    ++keepalives;
}

std::uint32_t LadderHost::new_spi(config::IpsecProtocol /*protocol*/,
                                  const config::IpAddress& local) {
    return (static_cast<std::uint32_t>(local.bytes[3]) << 24U) + ++last_spi_;
}

config::Result<void> LadderHost::install(ChildId child,
                                         const config::Guid& rule,
                                         const config::SaPair& sas) {
    if (refuse_installs) {
        return config::Error{config::ErrorCode::kTooManySas, "the table is full"};
    }
    HostChild& kept = children[child];
    kept.rule = rule;
    auto& place = sas.sa.direction == config::SaDirection::kInbound ? kept.inbound : kept.outbound;
    if (place) {
        throw std::logic_error("installed twice");
    }
    place = sas;
    return {};
}

void LadderHost::remove(ChildId child) {
    children.erase(child);
    removed.push_back(child);
}

void LadderHost::retire_outbound(ChildId child) {
    children.at(child).retired = true;
}

void LadderHost::move_peer(ChildId child, const Endpoint& remote) {
    children.at(child).moved_to = remote;
}

ChildUse LadderHost::use_of(ChildId child) const {
    const auto found = children.find(child);
    return found == children.end() ? ChildUse{} : found->second.use;
}

void LadderHost::established(config::RuleTag selector, const config::IpAddress& /*remote*/) {
    granted.push_back(selector);
}

void LadderHost::failed(const Failure& failure) {
    failures.push_back(failure);
}

void LadderHost::log(std::string_view line) {
    lines.emplace_back(line);
}

void LadderHost::log_key(const Cookie& /*initiator*/, ByteView encryption_key) {
    logged_keys.emplace_back(encryption_key.begin(), encryption_key.end());
}

std::vector<ChildId> LadderHost::usable() const {
    std::vector<ChildId> ids;
    for (const auto& [id, child] : children) {
        if (child.inbound && child.outbound && !child.retired) {
            ids.push_back(id);
        }
    }
    return ids;
}

std::string LadderHost::log_text() const {
    std::string text;
    for (const std::string& line : lines) {
        text += line + "\n";
    }
    return text;
}

// --- Ladder

LadderGateway::LadderGateway(const std::string& given_name,
                             const std::string& given_ip,
                             EngineOptions options,
                             std::uint32_t seed)
    : name(given_name), ip(address(given_ip)), random(seed) {
    credentials.subject = "CN=" + name;
    options.random = [this](std::span<std::uint8_t> bytes) {
        std::ranges::generate(bytes, [this] { return static_cast<std::uint8_t>(random()); });
    };
    engine = std::make_unique<Engine>(std::move(options), host, credentials);
}

Ladder::Ladder(const EngineOptions& given)
    : a("a", "192.0.2.1", given, 1), b("b", "192.0.2.2", given, 2), options(given) {
    a.host.wire = &wire;
    b.host.wire = &wire;
}

void Ladder::set_rules(LadderGateway& gateway, std::vector<LadderRule> rules) {
    gateway.host.rules = std::move(rules);
}

void Ladder::set_terms(const config::NegotiationTerms& terms) {
    const auto shared = std::make_shared<const config::NegotiationTerms>(terms);
    const Selector one = selector("10.1.0.0/16");
    const Selector two = selector("10.2.0.0/16");
    set_rules(a, {{1, config::SaMode::kTunnel, one, two, shared}});
    set_rules(b, {{2, config::SaMode::kTunnel, two, one, shared}});
}

Acquire Ladder::wish(const LadderGateway& from) const {
    const LadderRule& rule = from.host.rules.front();
    Acquire wish;
    wish.selector = rule.tag;
    wish.mode = rule.mode;
    wish.local = from.ip;
    wish.remote = &from == &a ? b.ip : a.ip;
    wish.traffic = {rule.local, rule.remote};
    wish.terms = rule.terms;
    return wish;
}

void Ladder::acquire(LadderGateway& from) {
    from.engine->acquire(wish(from), now);
}

void Ladder::deliver() {
    for (std::size_t rounds = 0; !wire.empty(); ++rounds) {
        if (rounds > 100'000) {
            throw std::logic_error("the engines never stop talking");
        }
        const Datagram sent = wire.front();
        wire.pop_front();
        const std::size_t number = seen.size();
        seen.push_back(sent);
        const std::vector<Datagram> arriving = fate ? fate(sent, number) : std::vector{sent};
        for (const Datagram& datagram : arriving) {
            for (LadderGateway* gateway : {&a, &b}) {
                if (gateway->ip == datagram.destination.address) {
                    gateway->engine->receive(
                        datagram.destination, datagram.source, datagram.bytes, now);
                }
            }
        }
    }
}

void Ladder::run(std::chrono::milliseconds duration) {
    const Time end = now + duration;
    deliver();
    while (true) {
        Time next = end;
        for (const LadderGateway* gateway : {&a, &b}) {
            if (const auto tick = gateway->engine->next_tick()) {
                next = std::min(next, *tick);
            }
        }
        now = std::max(now, next);
        a.engine->tick(now);
        b.engine->tick(now);
        deliver();
        if (now >= end) {
            return;
        }
    }
}

void Ladder::restart(LadderGateway& gateway, std::uint32_t seed) {
    gateway.random.seed(seed);
    EngineOptions again = options;
    again.random = [&gateway](std::span<std::uint8_t> bytes) {
        std::ranges::generate(bytes,
                              [&gateway] { return static_cast<std::uint8_t>(gateway.random()); });
    };
    gateway.host.children.clear();
    gateway.engine = std::make_unique<Engine>(std::move(again), gateway.host, gateway.credentials);
}

std::string Ladder::story(std::size_t from) const {
    std::string text;
    for (std::size_t i = from; i < seen.size(); ++i) {
        const Datagram& datagram = seen[i];
        const auto header = decode_header(datagram.bytes);
        const std::uint8_t exchange = std::get<Header>(header).exchange;
        text += text.empty() ? "" : ", ";
        text += datagram.source.address == a.ip ? "a>b " : "b>a ";
        text += exchange == 2    ? "main"
                : exchange == 5  ? "info"
                : exchange == 32 ? "quick"
                                 : "other";
    }
    return text;
}

std::uint64_t Ladder::drops(const LadderGateway& gateway, Drop drop) const {
    return gateway.engine->statistics().drops[static_cast<std::size_t>(drop)];
}

// --- Terms

config::AuthMethod psk(const std::string& key) {
    config::AuthMethod method;
    method.kind = config::AuthKind::kPresharedKey;
    method.preshared_key = config::SecretBytes(std::string_view(key));
    return method;
}

config::AuthMethod root_ca(const std::string& name) {
    config::AuthMethod method;
    method.kind = config::AuthKind::kRootCa;
    method.root_ca = name;
    return method;
}

std::vector<config::MmOffer> mm(const std::string& text) {
    return config::parse_mm_methods(text).value();
}

std::vector<config::QmOffer> qm(const std::string& text) {
    return config::parse_qm_methods(text).value();
}

config::NegotiationTerms psk_terms(const std::string& key) {
    config::NegotiationTerms terms;
    terms.main_mode.policy_name = "main";
    terms.main_mode.offers = mm("AES128-SHA256-19");
    terms.main_mode.auth_methods = {psk(key)};
    terms.quick_mode.policy_name = "quick";
    terms.quick_mode.offers = qm("ESP[AES128,SHA1]:100000k/3600s");
    return terms;
}

namespace {

bool same_sa(const config::SaSpec& out, const config::SaSpec& in) {
    return out.spi == in.spi && out.protocol == in.protocol && out.mode == in.mode
           && out.cipher == in.cipher && out.hash == in.hash
           && equal_ct(out.cipher_key, in.cipher_key) && equal_ct(out.auth_key, in.auth_key)
           && out.esn == in.esn;
}

bool arrives(const config::SaPair& out, const LadderHost& at) {
    return std::ranges::any_of(at.children, [&](const auto& entry) {
        const std::optional<config::SaPair>& in = entry.second.inbound;
        return in && same_sa(out.sa, in->sa) && out.outer.has_value() == in->outer.has_value()
               && (!out.outer || same_sa(*out.outer, *in->outer));
    });
}

std::string half_mismatch(const LadderHost& from, const LadderHost& to) {
    for (const auto& [id, child] : from.children) {
        if (child.outbound && !arrives(*child.outbound, to)) {
            return fmt::format("outbound SPI {:08x} is not the other's inbound one",
                               child.outbound->sa.spi);
        }
    }
    return "";
}

}  // namespace

std::string mismatch(const LadderHost& a, const LadderHost& b) {
    const std::string one = half_mismatch(a, b);
    return one.empty() ? half_mismatch(b, a) : one;
}

}  // namespace tests
