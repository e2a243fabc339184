// Diffie-Hellman operations of IKE per second and core, for each group, beside OpenSSL's own on the
// groups that it has by name. A main mode costs each side one key pair and one shared secret, a
// quick mode with PFS the same again. Both take turns, and the median of each is reported.
#include "crypto/ike_crypto.h"
#include "crypto/openssl_handle.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using crypto::DhExchange;
using EvpKey = crypto::OpensslHandle<EVP_PKEY, EVP_PKEY_free>;
using EvpContext = crypto::OpensslHandle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

struct OpensslGroup {
    std::uint16_t group;
    const char* type;
    const char* name;
};

constexpr auto kOpensslGroups = std::to_array<OpensslGroup>({
    {14, "DH", "modp_2048"},
    {15, "DH", "modp_3072"},
    {16, "DH", "modp_4096"},
    {17, "DH", "modp_6144"},
    {18, "DH", "modp_8192"},
    {19, "EC", "P-256"},
    {20, "EC", "P-384"},
    {21, "EC", "P-521"},
    {24, "DHX", "dh_2048_256"},
});

void require(bool done) {
    if (!done) {
        throw std::runtime_error("OpenSSL refused a Diffie-Hellman operation.");
    }
}

EvpKey evp_key(const OpensslGroup& group) {
    std::string name = group.name;
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name.data(), 0),
        OSSL_PARAM_construct_end()};
    const EvpContext context(EVP_PKEY_CTX_new_from_name(nullptr, group.type, nullptr));
    EVP_PKEY* key = nullptr;
    require(context != nullptr && EVP_PKEY_keygen_init(context.get()) == 1
            && EVP_PKEY_CTX_set_params(context.get(), parameters.data()) == 1
            && EVP_PKEY_generate(context.get(), &key) == 1);
    return EvpKey(key);
}

void evp_shared(EVP_PKEY* own, EVP_PKEY* peer) {
    const EvpContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr));
    std::vector<unsigned char> secret(1024);
    std::size_t length = secret.size();
    require(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1
            && EVP_PKEY_derive_set_peer(context.get(), peer) == 1
            && EVP_PKEY_derive(context.get(), secret.data(), &length) == 1);
}

struct Operation {
    std::string_view name;
    std::function<void()> run;
    std::vector<double> seconds;

    // Per second.
    [[nodiscard]] double rate() {
        std::ranges::sort(seconds);
        return 1 / seconds[seconds.size() / 2];
    }
};

std::vector<Operation> measured(const config::DhGroupRow& row, std::size_t rounds) {
    const DhExchange own = DhExchange::generate(row.ike_group);
    const DhExchange peer = DhExchange::generate(row.ike_group);
    EvpKey evp_own;
    EvpKey evp_peer;
    std::vector<Operation> operations{
        {"generate", [&] { static_cast<void>(DhExchange::generate(row.ike_group)); }, {}},
        {"shared", [&] { require(own.shared(peer.public_value()).ok()); }, {}},
    };
    const auto* const openssl =
        std::ranges::find(kOpensslGroups, row.ike_group, &OpensslGroup::group);
    if (openssl != kOpensslGroups.end()) {
        evp_own = evp_key(*openssl);
        evp_peer = evp_key(*openssl);
        operations.push_back({"evp_generate", [openssl] { evp_key(*openssl); }, {}});
        operations.push_back(
            {"evp_shared", [&] { evp_shared(evp_own.get(), evp_peer.get()); }, {}});
    }
    for (std::size_t round = 0; round < rounds; ++round) {
        for (Operation& operation : operations) {
            const auto start = std::chrono::steady_clock::now();
            operation.run();
            operation.seconds.push_back(
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
    }
    return operations;
}

void run(std::size_t rounds, bool json) {
    nlohmann::json rows = nlohmann::json::array();
    if (!json) {
        fmt::print("Operations per second on one core, median of {}.\n", rounds);
        fmt::print("{:>5} {:>5} {:>9} {:>9} {:>13} {:>11}\n",
                   "group",
                   "bits",
                   "generate",
                   "shared",
                   "evp generate",
                   "evp shared");
    }
    for (const config::DhGroupRow& row : config::kDhGroups) {
        std::vector<Operation> operations = measured(row, rounds);
        nlohmann::json object{{"group", row.ike_group}, {"bits", row.bits}};
        std::string line = fmt::format("{:>5} {:>5}", row.ike_group, row.bits);
        constexpr std::array<int, 4> kWidths{9, 9, 13, 11};
        for (std::size_t i = 0; i < operations.size(); ++i) {
            const double rate = operations[i].rate();
            object[std::string(operations[i].name) + "_per_second"] = rate;
            line += fmt::format(" {:>{}.0f}", rate, kWidths[i]);
        }
        rows.push_back(std::move(object));
        if (!json) {
            fmt::print("{}\n", line);
            std::cout.flush();
        }
    }
    if (json) {
        std::cout << rows.dump(1) << '\n';
    }
}

int run_command(int argc, char** argv) {
    std::size_t rounds = 101;
    bool json = false;
    CLI::App app{"Measures Diffie-Hellman."};
    app.add_option("--rounds", rounds, "operations of each kind")->check(CLI::Range(1, 100000));
    app.add_flag("--json", json, "machine-readable output");
    CLI11_PARSE(app, argc, argv);
    run(rounds, json);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run_command(argc, argv);
    } catch (const std::exception& error) {
        static_cast<void>(std::fprintf(stderr, "portcullis-bench-dh: %s\n", error.what()));
        return 1;
    }
}
