// Two IKE engines and the wire between them, all in the hands of a test: a clock that is counted
// up, randomness that repeats, datagrams that can be lost, doubled, changed and translated.
#pragma once

#include "control/ike/engine.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tests {

using control::ike::Bytes;
using control::ike::ChildId;
using control::ike::Endpoint;
using control::ike::Time;

[[nodiscard]] config::IpAddress address(const std::string& text);
// "10.1.0.0/16" or "10.1.2.3".
[[nodiscard]] control::ike::Selector selector(const std::string& text,
                                              std::uint8_t protocol = 0,
                                              std::uint16_t port = 0);

// Whose certificates are a CA's name and a subject, whose signatures are MACs.
class FakeCredentials : public control::ike::Credentials {
  public:
    std::string subject = "CN=gateway";
    std::map<std::string, std::string> own_cas;  // root_ca -> key that stands for the CA's
    std::size_t certificate_bytes = 400;         // length of each
    std::size_t intermediates = 0;
    unsigned waits = 0;  // how often judge() says kWaiting first

    [[nodiscard]] config::Result<control::ike::OwnIdentity> own(
        const config::AuthMethod& method) const override;
    [[nodiscard]] config::Result<Bytes> sign(const config::AuthMethod& method,
                                             control::ike::ByteView hash) const override;
    [[nodiscard]] Bytes ca_name(const config::AuthMethod& method) const override;
    [[nodiscard]] control::ike::Judged judge(const control::ike::PeerProof& proof) override;
};

struct LadderRule {
    config::RuleTag tag = 1;
    config::SaMode mode = config::SaMode::kTunnel;
    control::ike::Selector local;
    control::ike::Selector remote;
    std::shared_ptr<const config::NegotiationTerms> terms;
};

struct Datagram {
    Endpoint source;
    Endpoint destination;
    Bytes bytes;
};

struct HostChild {
    config::Guid rule;
    std::optional<config::SaPair> inbound;
    std::optional<config::SaPair> outbound;
    bool retired = false;
    std::optional<Endpoint> moved_to;
    control::ike::ChildUse use;
};

class LadderHost : public control::ike::Host {
  public:
    std::vector<LadderRule> rules;  // the first one that fits
    std::deque<Datagram>* wire = nullptr;
    std::map<ChildId, HostChild> children;
    std::vector<ChildId> removed;
    std::vector<control::ike::Failure> failures;
    std::vector<config::RuleTag> granted;
    std::vector<std::string> lines;
    std::vector<Bytes> logged_keys;
    std::size_t keepalives = 0;
    bool refuse_installs = false;

    [[nodiscard]] std::shared_ptr<const config::NegotiationTerms> main_mode_terms(
        const config::IpAddress& local, const config::IpAddress& remote) const override;
    [[nodiscard]] std::optional<control::ike::QuickModeMatch> quick_mode_match(
        const control::ike::QuickModeQuery& query) const override;
    void send(const Endpoint& local,
              const Endpoint& remote,
              control::ike::ByteView message) override;
    void send_keepalive(const Endpoint& local, const Endpoint& remote) override;
    [[nodiscard]] std::uint32_t new_spi(config::IpsecProtocol protocol,
                                        const config::IpAddress& local) override;
    [[nodiscard]] config::Result<void> install(ChildId child,
                                               const config::Guid& rule,
                                               const config::SaPair& sas) override;
    void remove(ChildId child) override;
    void retire_outbound(ChildId child) override;
    void move_peer(ChildId child, const Endpoint& remote) override;
    [[nodiscard]] control::ike::ChildUse use_of(ChildId child) const override;
    void established(config::RuleTag selector, const config::IpAddress& remote) override;
    void failed(const control::ike::Failure& failure) override;
    void log(std::string_view line) override;
    void log_key(const control::ike::Cookie& initiator,
                 control::ike::ByteView encryption_key) override;

    // Children with both directions that new packets may take.
    [[nodiscard]] std::vector<ChildId> usable() const;
    [[nodiscard]] std::string log_text() const;

  private:
    std::uint32_t last_spi_ = 0x1000;
};

struct LadderGateway {
    LadderGateway(const std::string& name,
                  const std::string& ip,
                  control::ike::EngineOptions options,
                  std::uint32_t seed);

    std::string name;
    config::IpAddress ip;
    LadderHost host;
    FakeCredentials credentials;
    std::mt19937 random;
    std::unique_ptr<control::ike::Engine> engine;
};

class Ladder {
  public:
    explicit Ladder(const control::ike::EngineOptions& options = {});

    LadderGateway a;
    LadderGateway b;
    Time now = Time(std::chrono::hours(1));
    std::deque<Datagram> wire;
    // What becomes of a datagram, which is the `number`th: nothing, itself, several.
    std::function<std::vector<Datagram>(const Datagram&, std::size_t number)> fate;
    std::vector<Datagram> seen;  // all that was sent, before its fate

    // The same terms on both sides: one tunnel 10.1.0.0/16 - 10.2.0.0/16.
    void set_terms(const config::NegotiationTerms& terms);
    void set_rules(LadderGateway& gateway, std::vector<LadderRule> rules);
    [[nodiscard]] control::ike::Acquire wish(const LadderGateway& from) const;
    void acquire(LadderGateway& from);

    // Until nothing is on the wire.
    void deliver();
    // Timers and datagrams, until `duration` has passed.
    void run(std::chrono::milliseconds duration);
    void restart(LadderGateway& gateway, std::uint32_t seed);

    // "a>b main, b>a main, a>b quick": what `seen` says from `from` on.
    [[nodiscard]] std::string story(std::size_t from = 0) const;
    [[nodiscard]] std::uint64_t drops(const LadderGateway& gateway, control::ike::Drop drop) const;

    control::ike::EngineOptions options;
};

[[nodiscard]] config::NegotiationTerms psk_terms(const std::string& key = "secret");
[[nodiscard]] config::AuthMethod psk(const std::string& key);
[[nodiscard]] config::AuthMethod root_ca(const std::string& name);
[[nodiscard]] std::vector<config::MmOffer> mm(const std::string& text);
[[nodiscard]] std::vector<config::QmOffer> qm(const std::string& text);

// Empty, or what does not fit: every outbound SA of one side is an inbound one of the other, with
// the same keys and algorithms.
[[nodiscard]] std::string mismatch(const LadderHost& a, const LadderHost& b);

}  // namespace tests
