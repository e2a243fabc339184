// Handshakes of IKE per second and memory per SA. Two engines in one thread and nothing between
// them, so that a handshake is the work of both sides: a gateway that only answers does about twice
// as many. Memory is what the allocator gave out, for one side.
#include "control/certificates.h"
#include "control/sa_manager.h"
#include "crypto/ike_crypto.h"
#include "tests/support/certificate_maker.h"
#include "tests/support/ike_ladder.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <malloc.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using std::chrono::steady_clock;

struct Authentication {
    std::string name;
    config::AuthMethod method;
    control::ike::Credentials* credentials = nullptr;  // nullptr: preshared key
};

// Two gateways with certificates of one authority.
class Proofs {
  public:
    Proofs()
        : root_(control::test::issue_authority(
            {.subject = "CN=Root", .key = control::test::rsa_key(0)})),
          gateway_(control::test::issue(
              {.subject = "CN=Gateway", .key = control::test::rsa_key(1), .issuer = &root_})) {
        config::IkeConfig config;
        config.ca = {directory_.write_pem("root.crt", {root_.certificate.get()})};
        config.certificate = directory_.write_pem("gw.crt", {gateway_.certificate.get()});
        config.private_key = directory_.write_pem("gw.key", gateway_.key);
        auto loaded = control::Certificates::load(
            config, {.crl = {}, .now = [] { return control::test::kNow; }});
        if (!loaded) {
            throw std::runtime_error(loaded.error().text);
        }
        certificates_ = std::move(loaded).value();
    }

    [[nodiscard]] Authentication authentication() const {
        return {"RSA 2048", tests::root_ca("CN=Root"), certificates_.get()};
    }

  private:
    control::test::Directory directory_;
    control::test::Issued root_;
    control::test::Issued gateway_;
    std::unique_ptr<control::Certificates> certificates_;
};

class Pair {
  public:
    Pair(const Authentication& authentication, std::uint16_t group, bool pfs) {
        config::NegotiationTerms terms = tests::psk_terms();
        terms.main_mode.offers = tests::mm(fmt::format("AES128-SHA256-{}", group));
        terms.main_mode.auth_methods = {authentication.method};
        terms.quick_mode.pfs_group = pfs ? config::PfsGroup::kGroupMm : config::PfsGroup::kNone;
        net_.set_terms(terms);
        for (tests::LadderGateway* gateway : {&net_.a, &net_.b}) {
            control::ike::EngineOptions options;
            options.dpd_delay = std::chrono::seconds(0);
            options.max_half_open = options.max_half_open_per_peer = 100'000;
            control::ike::Credentials& credentials = authentication.credentials != nullptr
                                                         ? *authentication.credentials
                                                         : gateway->credentials;
            gateway->engine =
                std::make_unique<control::ike::Engine>(options, gateway->host, credentials);
        }
    }

    // Main mode, unless there is one, and quick mode.
    void handshake() {
        const std::uint64_t before = net_.b.engine->statistics().quick_modes;
        net_.acquire(net_.a);
        net_.deliver();
        if (net_.b.engine->statistics().quick_modes == before) {
            throw std::runtime_error("the engines do not agree:\n" + net_.a.host.log_text()
                                     + net_.b.host.log_text());
        }
        forget_talk();
    }
    // From another address than before.
    void handshake_of_peer(std::uint32_t number) {
        net_.a.ip = tests::address(fmt::format("10.9.{}.{}", number / 250, number % 250 + 1));
        handshake();
    }
    void handshake_for_traffic(std::uint32_t number) {
        net_.a.host.rules.front().local = net_.b.host.rules.front().remote =
            tests::selector(fmt::format("10.1.{}.{}", number / 250, number % 250 + 1));
        handshake();
    }
    void close() {
        net_.a.engine->close({}, net_.now);
        net_.deliver();
        forget_talk();
    }
    void close_children() {
        for (const control::ike::ChildId child : net_.a.host.usable()) {
            net_.a.engine->close_child(child, net_.now);
        }
        net_.deliver();
        forget_talk();
    }
    // What the engines keep for messages that come again; what a test remembers of children.
    void forget() {
        net_.now += std::chrono::minutes(5);
        net_.a.engine->tick(net_.now);
        net_.b.engine->tick(net_.now);
        for (tests::LadderHost* host : {&net_.a.host, &net_.b.host}) {
            host->children.clear();
        }
    }

  private:
    // What a test remembers is no memory of the engine.
    void forget_talk() {
        net_.seen = std::vector<tests::Datagram>();
        for (tests::LadderHost* host : {&net_.a.host, &net_.b.host}) {
            host->lines = std::vector<std::string>();
            host->removed = std::vector<control::ike::ChildId>();
            host->granted = std::vector<config::RuleTag>();
        }
        net_.now += std::chrono::milliseconds(10);
        net_.a.engine->tick(net_.now);
        net_.b.engine->tick(net_.now);
        net_.deliver();
    }

    tests::Ladder net_;
};

double per_second(std::size_t rounds, const std::function<void()>& operation) {
    const auto start = steady_clock::now();
    for (std::size_t i = 0; i < rounds; ++i) {
        operation();
    }
    return static_cast<double>(rounds)
           / std::chrono::duration<double>(steady_clock::now() - start).count();
}

struct HandshakeRow {
    std::string authentication;
    std::uint16_t group = 0;
    double main_and_quick = 0;
    double main_and_pfs = 0;
    double quick = 0;
    double quick_pfs = 0;
    double dh = 0;
};

HandshakeRow measure(const Authentication& authentication,
                     std::uint16_t group,
                     std::size_t rounds) {
    HandshakeRow row;
    row.authentication = authentication.name;
    row.group = group;
    for (const bool pfs : {false, true}) {
        Pair pair(authentication, group, pfs);
        (pfs ? row.main_and_pfs : row.main_and_quick) = per_second(rounds, [&] {
            pair.handshake();
            pair.close();
        });
        pair.handshake();
        (pfs ? row.quick_pfs : row.quick) = per_second(rounds, [&] {
            pair.close_children();
            pair.handshake();
        });
    }
    const crypto::DhExchange peer = crypto::DhExchange::generate(group);
    row.dh = per_second(rounds, [&] {
        if (!crypto::DhExchange::generate(group).shared(peer.public_value())) {
            throw std::runtime_error("a key of our own is refused");
        }
    });
    return row;
}

std::size_t allocated() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct Memory {
    std::size_t isakmp_sa = 0;
    std::size_t child = 0;  // in the engine
    std::size_t sas = 0;    // its two SAs: table, keys, what control remembers
};

// One gateway and `count` peers, as main modes go; then as many children more with the last one.
Memory measure_engine(std::size_t count) {
    Pair pair({"PSK", tests::psk("secret"), nullptr}, 19, false);
    pair.handshake();
    const auto grown = [&](const std::function<void(std::uint32_t)>& step) {
        pair.forget();
        const std::size_t before = allocated();
        for (std::uint32_t i = 0; i < count; ++i) {
            step(i);
        }
        pair.forget();
        return (allocated() - before) / (2 * count);
    };
    const std::size_t both = grown([&](std::uint32_t i) { pair.handshake_of_peer(i); });
    Memory memory;
    memory.child = grown([&](std::uint32_t i) { pair.handshake_for_traffic(i); });
    memory.isakmp_sa = both - memory.child;
    return memory;
}

std::size_t measure_sas(std::size_t count) {
    const crypto::EngineChoice engines = crypto::EngineChoice::best();
    dataplane::SaTable table(1U << 16U);
    const dataplane::Publication publication(1);
    control::SaManager manager(table, engines, publication, {});
    const dataplane::TscClock clock{.now = 1, .hz = 1};
    const std::size_t before = allocated();
    for (std::size_t i = 0; i < 2 * count; ++i) {
        control::SaRequest request;
        request.child = i / 2 + 1;
        config::SaSpec& spec = request.sas.sa;
        const bool inbound = i % 2 == 0;
        spec.direction = inbound ? config::SaDirection::kInbound : config::SaDirection::kOutbound;
        spec.spi = static_cast<std::uint32_t>(0x1000 + i);
        spec.mode = config::SaMode::kTunnel;
        spec.source = tests::address(inbound ? "192.0.2.2" : "192.0.2.1");
        spec.destination = tests::address(inbound ? "192.0.2.1" : "192.0.2.2");
        spec.cipher = config::Cipher::kAesGcm128;
        spec.cipher_key = config::SecretBytes(std::vector<std::uint8_t>(20, 7));
        spec.lifetime = {90'000, 100'000, 3000, 3600};
        if (auto added = manager.add(request, clock); !added) {
            throw std::runtime_error(added.error().text);
        }
    }
    return (allocated() - before) / count;
}

void print(const std::vector<HandshakeRow>& rows, const Memory& memory) {
    fmt::print(
        "Handshakes per second, both sides in one thread; DH: key pair and shared secret of one "
        "side.\n");
    fmt::print("{:<9} {:>5} {:>11} {:>12} {:>9} {:>11} {:>8}\n",
               "method",
               "group",
               "main+quick",
               "main+quick",
               "quick",
               "quick",
               "DH");
    fmt::print("{:<9} {:>5} {:>11} {:>12} {:>9} {:>11}\n", "", "", "", "with PFS", "", "with PFS");
    for (const HandshakeRow& row : rows) {
        fmt::print("{:<9} {:>5} {:>11.0f} {:>12.0f} {:>9.0f} {:>11.0f} {:>8.0f}\n",
                   row.authentication,
                   row.group,
                   row.main_and_quick,
                   row.main_and_pfs,
                   row.quick,
                   row.quick_pfs,
                   row.dh);
    }
    fmt::print("\nBytes of memory, one side.\n");
    fmt::print("{:<48} {:>8}\n", "ISAKMP SA", memory.isakmp_sa);
    fmt::print("{:<48} {:>8}\n", "pair of SAs: in IKE", memory.child);
    fmt::print("{:<48} {:>8}\n", "pair of SAs: for packets, AES-GCM-128", memory.sas);
}

void print_json(const std::vector<HandshakeRow>& rows, const Memory& memory) {
    nlohmann::json handshakes = nlohmann::json::array();
    for (const HandshakeRow& row : rows) {
        handshakes.push_back({{"method", row.authentication},
                              {"group", row.group},
                              {"main_and_quick_per_second", row.main_and_quick},
                              {"main_and_quick_pfs_per_second", row.main_and_pfs},
                              {"quick_per_second", row.quick},
                              {"quick_pfs_per_second", row.quick_pfs},
                              {"dh_per_second", row.dh}});
    }
    const nlohmann::json all{{"handshakes", handshakes},
                             {"isakmp_sa_bytes", memory.isakmp_sa},
                             {"child_bytes", memory.child},
                             {"sa_pair_bytes", memory.sas}};
    std::cout << all.dump(1) << '\n';
}

int run_command(int argc, char** argv) {
    std::size_t rounds = 200;
    std::size_t pairs = 1000;
    bool json = false;
    CLI::App app{"Measures IKE."};
    app.add_option("--rounds", rounds, "handshakes of each kind")->check(CLI::Range(1, 100000));
    app.add_option("--pairs", pairs, "for memory: SAs of each kind")->check(CLI::Range(1, 30000));
    app.add_flag("--json", json, "machine-readable output");
    CLI11_PARSE(app, argc, argv);
    const Proofs proofs;
    std::vector<HandshakeRow> rows;
    for (const Authentication& authentication :
         {Authentication{"PSK", tests::psk("secret"), nullptr}, proofs.authentication()}) {
        for (const std::uint16_t group : std::to_array<std::uint16_t>({2, 14, 19})) {
            rows.push_back(measure(authentication, group, rounds));
        }
    }
    Memory memory = measure_engine(pairs);
    memory.sas = measure_sas(pairs);
    json ? print_json(rows, memory) : print(rows, memory);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run_command(argc, argv);
    } catch (const std::exception& error) {
        static_cast<void>(std::fprintf(stderr, "portcullis-bench-ike: %s\n", error.what()));
        return 1;
    }
}
