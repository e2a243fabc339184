// What ESP and AH cost on one core, in both directions, beside the bare crypto libraries.
//
// Method. Packets of one length go from a host behind gateway "west" through a tunnel to a host
// behind gateway "east", in bursts of 32. Six contenders take turns, burst by burst, and the order
// of the turns moves on by one from round to round:
//
//   clear     the whole pipeline of either gateway, with the same rules permitting: no IPsec
//   pipeline  the whole pipeline: parse, route, classify, protect or verify, forward
//   esp       IPsec processing alone, on parsed packets: SA, sequence number, headers, crypto
//   crypto    CryptoBatch alone, on the jobs that IPsec processing has made
//   imb, evp  IPsec-MB's job interface, and OpenSSL's EVP, on the same jobs
//
// Every burst is made anew, as an in-memory device would do it, and everything that is verified was
// protected just before; neither that nor a device is in the numbers. The median burst counts, so
// that a disturbance of the machine meets all alike or nobody. Bytes are those of the inner IP
// packet, cycles are ticks of the TSC. A bare library has one key, however many SAs there are.
#include "config/methods.h"
#include "config/sa_method.h"
#include "dataplane/eal.h"
#include "dataplane/packet_pool.h"
#include "tools/bench_esp_bed.h"

#include <rte_cycles.h>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using bench::Bed;
using bench::Contender;
using bench::Method;
using bench::Way;
using config::Cipher;
using config::Hash;
using config::IpsecProtocol;

struct Options {
    std::vector<std::size_t> sizes = {64, 354, 1420};
    std::vector<std::size_t> sas = {1};
    unsigned rounds = 301;
    std::uint16_t cpu = 0;
    std::string filter;
    bool all = false;
    bool json = false;
};

constexpr auto kMethods = std::to_array<Method>({
    {IpsecProtocol::kEsp, Cipher::kAesGcm128, Hash::kNone},
    {IpsecProtocol::kEsp, Cipher::kAesGcm256, Hash::kNone},
    {IpsecProtocol::kEsp, Cipher::kChaCha20Poly1305, Hash::kNone},
    {IpsecProtocol::kEsp, Cipher::kAesCtr128, Hash::kSha1},
    {IpsecProtocol::kEsp, Cipher::kAes128, Hash::kSha1},
    {IpsecProtocol::kEsp, Cipher::kAes256, Hash::kSha256},
    {IpsecProtocol::kEsp, Cipher::kNone, Hash::kSha1},
    {IpsecProtocol::kEsp, Cipher::kNone, Hash::kAesGmac128},
    {IpsecProtocol::kEsp, Cipher::k3des, Hash::kSha1},
    {IpsecProtocol::kEsp, Cipher::kDes, Hash::kMd5},
    {IpsecProtocol::kAh, Cipher::kNone, Hash::kSha1},
    {IpsecProtocol::kAh, Cipher::kNone, Hash::kSha256},
    {IpsecProtocol::kAh, Cipher::kNone, Hash::kAesGmac128},
    {IpsecProtocol::kAh, Cipher::kNone, Hash::kAesXcbc},
});

// Every combination that an SA can have.
std::vector<Method> all_methods() {
    std::vector<Method> found;
    for (const config::CipherRow& cipher : config::kCiphers) {
        for (const config::HashRow& hash : config::kHashes) {
            const Method method{IpsecProtocol::kEsp, cipher.cipher, hash.hash};
            if (bench::is_possible(method)) {
                found.push_back(method);
            }
        }
    }
    for (const config::HashRow& hash : config::kHashes) {
        if (hash.hash != Hash::kNone) {
            found.push_back({IpsecProtocol::kAh, Cipher::kNone, hash.hash});
        }
    }
    return found;
}

std::vector<Method> chosen_methods(const Options& options) {
    const std::regex wanted(options.filter, std::regex::icase);
    const std::vector<Method> from =
        options.all ? all_methods() : std::vector<Method>(kMethods.begin(), kMethods.end());
    std::vector<Method> chosen;
    for (const Method& method : from) {
        if (std::regex_search(bench::name_of(method), wanted)) {
            chosen.push_back(method);
        }
    }
    return chosen;
}

// One line of the result: cycles per packet.
struct Row {
    std::string method;
    Way way;
    std::size_t bytes;
    std::size_t sas;
    double clear;
    double pipeline;
    double esp;
    double crypto;
    double bare;
    const char* bare_name;

    [[nodiscard]] double over_bare() const { return esp - bare; }
    [[nodiscard]] double around_crypto() const { return esp - crypto; }
    // Finding the SA and the route of the protected packet; inbound a second parse, route and
    // classification.
    [[nodiscard]] double rest() const { return pipeline - esp - clear; }
    [[nodiscard]] double gbits(double cycles) const {
        return static_cast<double>(bytes) * 8 * static_cast<double>(rte_get_tsc_hz()) / cycles
               / 1e9;
    }
};

Row make_row(Bed& bed, const Method& method, Way way) {
    const double imb = bed.median(Contender::kImb, way);
    const double evp = bed.median(Contender::kEvp, way);
    const bool evp_is_faster = evp != 0 && evp < imb;
    return {.method = bench::name_of(method),
            .way = way,
            .bytes = bed.bytes(),
            .sas = bed.sas(),
            .clear = bed.median(Contender::kClear, way),
            .pipeline = bed.median(Contender::kPipeline, way),
            .esp = bed.median(Contender::kEsp, way),
            .crypto = bed.median(Contender::kCrypto, way),
            .bare = evp_is_faster ? evp : imb,
            .bare_name = evp_is_faster ? "evp" : "imb"};
}

void print_head(const Options& options) {
    fmt::print("CPU: {}; TSC {:.2f} GHz; {} rounds of bursts of 32\n",
               crypto::CpuFeatures::detect().to_string(),
               static_cast<double>(rte_get_tsc_hz()) / 1e9,
               options.rounds);
    fmt::print(
        "TSC cycles per packet. pipeline = clear + headers + crypto + rest; "
        "esp = headers + crypto.\n\n");
    fmt::print(
        "{:<29}{:<4}{:>5}{:>6} |{:>9}{:>8} |{:>8}{:>8} |{:>8}     {:>7}{:>6} |"
        "{:>7}{:>8}{:>8}{:>6}\n",
        "method",
        "",
        "bytes",
        "SAs",
        "pipeline",
        "Gb/s",
        "esp",
        "Gb/s",
        "bare",
        "esp over",
        "%",
        "clear",
        "headers",
        "crypto",
        "rest");
}

void print_row(const Row& row) {
    fmt::print(
        "{:<29}{:<4}{:>5}{:>6} |{:>9.0f}{:>8.2f} |{:>8.0f}{:>8.2f} |{:>8.0f} {} {:>8.0f}"
        "{:>6.0f} |{:>7.0f}{:>8.0f}{:>8.0f}{:>6.0f}\n",
        row.method,
        row.way == Way::kEncrypt ? "enc" : "dec",
        row.bytes,
        row.sas,
        row.pipeline,
        row.gbits(row.pipeline),
        row.esp,
        row.gbits(row.esp),
        row.bare,
        row.bare_name,
        row.over_bare(),
        100 * row.over_bare() / row.bare,
        row.clear,
        row.around_crypto(),
        row.crypto,
        row.rest());
    std::cout.flush();
}

nlohmann::json to_json(const Row& row) {
    return {
        {"method", row.method},
        {"direction", row.way == Way::kEncrypt ? "encrypt" : "decrypt"},
        {"bytes", row.bytes},
        {"sas", row.sas},
        {"cycles_per_packet",
         {{"pipeline", row.pipeline},
          {"clear", row.clear},
          {"esp", row.esp},
          {"crypto", row.crypto},
          {"bare", row.bare}}},
        {"bare", row.bare_name},
        {"gbits_per_second", {{"pipeline", row.gbits(row.pipeline)}, {"esp", row.gbits(row.esp)}}}};
}

int measure(const Options& options, rte_mempool* pool) {
    const crypto::EngineChoice engines = crypto::EngineChoice::best();
    const std::vector<Method> methods = chosen_methods(options);
    if (methods.empty()) {
        fmt::print(stderr, "no method is like \"{}\"\n", options.filter);
        return 1;
    }
    nlohmann::json rows = nlohmann::json::array();
    if (!options.json) {
        print_head(options);
    }
    for (const std::size_t sas : options.sas) {
        const auto network = bench::make_network(sas);
        for (const Method& method : methods) {
            bench::Gateways gateways(*network, engines, pool, method, sas);
            for (const std::size_t bytes : options.sizes) {
                Bed bed(gateways, bytes);
                bed.run(options.rounds);
                for (const Way way : {Way::kEncrypt, Way::kDecrypt}) {
                    const Row row = make_row(bed, method, way);
                    if (options.json) {
                        rows.push_back(to_json(row));
                    } else {
                        print_row(row);
                    }
                }
            }
        }
    }
    if (options.json) {
        std::cout << rows.dump(1) << '\n';
    }
    return 0;
}

int run(const Options& options) {
    config::GatewayConfig config;
    config.main_lcore = options.cpu;
    config.worker_lcores = {options.cpu};  // never launched
    config.memory_mb = 512;
    config.file_prefix = fmt::format("portcullis-bench-{}", getpid());
    auto eal = dataplane::Eal::start(config);
    if (!eal) {
        fmt::print(stderr, "{}\n", eal.error().text);
        return 1;
    }
    auto pool = dataplane::make_packet_pool("bench", 2047, 1500);
    if (!pool) {
        fmt::print(stderr, "{}\n", pool.error().text);
        return 1;
    }
    return measure(options, pool->get());
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Measures what ESP and AH cost, beside the bare crypto libraries."};
    app.add_option("--sizes", options.sizes, "Bytes of the inner IP packet, comma separated")
        ->delimiter(',')
        ->check(CLI::Range(std::size_t{bench::kMinBytes}, std::size_t{bench::kMaxBytes}));
    app.add_option("--sas", options.sas, "SAs, used at random, comma separated")
        ->delimiter(',')
        ->check(CLI::Range(std::size_t{1}, bench::kMaxFlows));
    app.add_option("--rounds", options.rounds, "Bursts of each contender")
        ->check(CLI::Range(1, 1000000));
    app.add_option("--cpu", options.cpu, "CPU to run on");
    app.add_option("--filter", options.filter, "Regular expression for the method's name");
    app.add_flag("--all", options.all, "Every method an SA can have");
    app.add_flag("--json", options.json, "Print JSON");
    CLI11_PARSE(app, argc, argv);
    try {
        return run(options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "portcullis-bench-esp: {}\n", error.what());
        return 1;
    }
}
