// Cycles per packet of crypto/ for each algorithm and engine, beside OpenSSL's EVP and IPsec-MB's
// job interface on the same packets in the same run. The contenders take turns, burst by burst, and
// the median of each is reported, so that a disturbance of the machine meets all of them. What it
// leaves out: caches colder than L2, and everything ESP does around the crypto.
#include "crypto/crypto_batch.h"
#include "tools/bench_crypto_baseline.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>
#include <x86intrin.h>

namespace {

using config::Cipher;
using config::Hash;
using crypto::CryptoBatch;
using crypto::CryptoJob;
using crypto::Direction;
using crypto::EngineChoice;
using crypto::SaKeys;

struct Options {
    std::vector<std::size_t> sizes{64, 354, 1420};
    std::size_t burst = 32;
    std::size_t sas = 1;
    std::size_t rounds = 41;
    std::string filter;
    bool json = false;
};

struct Suite {
    Cipher cipher;
    Hash hash;

    [[nodiscard]] std::string name() const {
        const std::string_view a = row_of(cipher).token;
        const std::string_view b = row_of(hash).token;
        return hash == Hash::kNone       ? std::string(a)
               : cipher == Cipher::kNone ? std::string(b)
                                         : fmt::format("{}+{}", a, b);
    }
};

constexpr auto kSuites = std::to_array<Suite>({
    {Cipher::kAesGcm128, Hash::kNone},
    {Cipher::kAesGcm256, Hash::kNone},
    {Cipher::kChaCha20Poly1305, Hash::kNone},
    {Cipher::kAes128, Hash::kSha1},
    {Cipher::kAes128, Hash::kSha256},
    {Cipher::kAes256, Hash::kSha256},
    {Cipher::kAesCtr128, Hash::kSha1},
    {Cipher::k3des, Hash::kSha1},
    {Cipher::k3des, Hash::kNone},
    {Cipher::kDes, Hash::kMd5},
    {Cipher::kDes, Hash::kNone},
    {Cipher::kAes128, Hash::kNone},
    {Cipher::kAes256, Hash::kNone},
    {Cipher::kAesCtr128, Hash::kNone},
    {Cipher::kNone, Hash::kMd5},
    {Cipher::kNone, Hash::kSha1},
    {Cipher::kNone, Hash::kSha256},
    {Cipher::kNone, Hash::kSha384},
    {Cipher::kNone, Hash::kSha512},
    {Cipher::kNone, Hash::kAesXcbc},
    {Cipher::kNone, Hash::kAesGmac128},
});

// Any bytes will do, but not all the same.
void fill(std::span<std::uint8_t> bytes) {
    std::uint32_t state = 1;
    for (std::uint8_t& byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::uint8_t>(state >> 24);
    }
}

// The packets of a burst: header, IV, payload, ICV in one piece; verified into a second buffer, so
// that every round finds the same ciphertext.
struct Packets {
    static constexpr std::size_t kHeader = 8;
    static constexpr std::size_t kStride = 2048;

    std::vector<std::uint8_t> memory;
    std::vector<std::uint8_t> output;
    std::size_t iv = 0;
    std::size_t payload = 0;
    bool aead = false;

    Packets(const Suite& suite, std::size_t size, std::size_t count)
        : memory(count * kStride), output(count * kStride) {
        const config::CipherRow& row = row_of(suite.cipher);
        iv = std::max(row.bytes.iv, row_of(suite.hash).bytes.iv);
        payload = (size + row.bytes.block - 1) / row.bytes.block * row.bytes.block;
        aead = row.aead;
        fill(memory);
    }

    [[nodiscard]] CryptoJob job(std::size_t index, const SaKeys& keys, Direction direction) {
        std::uint8_t* const packet = memory.data() + index * kStride;
        CryptoJob job;
        job.keys = &keys;
        job.direction = direction;
        job.iv = packet + kHeader;
        job.src = packet + kHeader + iv;
        job.dst = direction == Direction::kProtect ? packet + kHeader + iv
                                                   : output.data() + index * kStride;
        job.length = static_cast<std::uint32_t>(payload);
        job.icv = packet + kHeader + iv + payload;
        if (aead) {
            job.aad = packet;
            job.aad_length = kHeader;
        } else {
            job.auth = packet;
            job.auth_length = static_cast<std::uint32_t>(kHeader + iv + payload);
        }
        return job;
    }
};

struct Contender {
    std::string name;
    std::vector<SaKeys> keys;
    std::unique_ptr<CryptoBatch> batch;
    std::function<void(std::span<CryptoJob>)> run;
    std::vector<double> cycles;

    [[nodiscard]] double median() {
        std::sort(cycles.begin(), cycles.end());
        return cycles[cycles.size() / 2];
    }
};

struct NamedChoice {
    std::string name;
    EngineChoice choice;
    crypto::Engine engine;
};

const std::vector<NamedChoice>& choices() {
    static const std::vector<NamedChoice> kAll = [] {
        std::vector<NamedChoice> found;
        found.push_back({"chosen", EngineChoice::best(), crypto::Engine::kNone});
        for (const crypto::EngineRow& row : crypto::kEngines) {
            if (row.engine != crypto::Engine::kNone && row.engine != crypto::Engine::kLanes
                && crypto::engine_available(row.engine)) {
                found.push_back(
                    {std::string(row.name), EngineChoice::only(row.engine), row.engine});
            }
        }
        const crypto::CpuFeatures cpu = crypto::CpuFeatures::detect();
        for (const crypto::DesLanes* const lanes : crypto::all_des_lanes()) {
            if (lanes->available(cpu)) {
                found.push_back(
                    {std::string(lanes->name), EngineChoice::only(*lanes), crypto::Engine::kLanes});
            }
        }
        return found;
    }();
    return kAll;
}

// Whether the engine has both halves of the suite (of DES suites: the cipher).
bool claims(const NamedChoice& choice, const Suite& suite) {
    const bool cipher = suite.cipher == Cipher::kNone || engine_claims(choice.engine, suite.cipher);
    const bool hash = suite.hash == Hash::kNone || engine_claims(choice.engine, suite.hash);
    if (choice.engine == crypto::Engine::kLanes) {
        return suite.cipher != Cipher::kNone && cipher && suite.hash == Hash::kNone;
    }
    return choice.engine == crypto::Engine::kNone || (cipher && hash);
}

struct Measurement {
    Suite suite;
    Direction direction;
    std::size_t size;
    std::vector<std::pair<std::string, double>> cycles;  // per packet; "chosen" first
};

class Bench {
  public:
    explicit Bench(const Options& options) : options_(options) {}

    [[nodiscard]] Measurement measure(const Suite& suite, Direction direction, std::size_t size) {
        const config::CipherSizes& cipher = row_of(suite.cipher).bytes;
        const config::HashSizes& hash = row_of(suite.hash).bytes;
        const auto key = [](std::size_t bytes) {
            std::vector<std::uint8_t> made(bytes);
            fill(made);
            return made;
        };
        const auto cipher_key = key(std::size_t{cipher.key} + cipher.salt);
        const auto auth_key = key(std::size_t{hash.key} + hash.salt);
        Packets packets(suite, size, options_.burst);

        std::vector<Contender> contenders;
        for (const NamedChoice& choice : choices()) {
            if (!claims(choice, suite)) {
                continue;
            }
            Contender made;
            made.name = choice.name;
            for (std::size_t i = 0; i < options_.sas; ++i) {
                made.keys.push_back(
                    SaKeys::expand({suite.cipher, suite.hash, cipher_key, auth_key}, choice.choice)
                        .value());
            }
            made.batch = CryptoBatch::create(choice.choice).value();
            CryptoBatch* const batch = made.batch.get();
            made.run = [batch](std::span<CryptoJob> jobs) { batch->run(jobs); };
            contenders.push_back(std::move(made));
        }
        const bench::BaselineKeys plain{suite.cipher, suite.hash, cipher_key, auth_key};
        const bool evp = suite.hash != Hash::kAesXcbc;
        const auto openssl = evp ? std::make_shared<bench::EvpBaseline>(plain) : nullptr;
        const auto imb = std::make_shared<bench::ImbJobBaseline>(plain);
        if (evp) {
            add_baseline(contenders, "evp", [openssl](auto jobs) { openssl->run(jobs); });
        }
        add_baseline(contenders, "ipsec-mb-job", [imb](auto jobs) { imb->run(jobs); });
        take_turns(contenders, packets, direction);

        Measurement result{suite, direction, size, {}};
        for (Contender& contender : contenders) {
            result.cycles.emplace_back(contender.name, contender.median());
        }
        return result;
    }

  private:
    static void add_baseline(std::vector<Contender>& contenders,
                             std::string name,
                             std::function<void(std::span<CryptoJob>)> run) {
        Contender made;
        made.name = std::move(name);
        made.run = std::move(run);
        contenders.push_back(std::move(made));
    }

    // The first contender's keys stand in for a baseline, which has its own.
    void take_turns(std::vector<Contender>& contenders, Packets& packets, Direction direction) {
        std::vector<CryptoJob> jobs(options_.burst);
        const auto fill = [&](const Contender& contender, Direction way) {
            const auto& keys = contender.keys.empty() ? contenders[0].keys : contender.keys;
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                jobs[i] = packets.job(i, keys[i % keys.size()], way);
            }
        };
        fill(contenders[0], Direction::kProtect);
        contenders[0].run(jobs);
        for (std::size_t round = 0; round < options_.rounds + 2; ++round) {
            for (Contender& contender : contenders) {
                fill(contender, direction);
                const std::uint64_t start = __rdtsc();
                contender.run(jobs);
                const std::uint64_t cycles = __rdtsc() - start;
                // The first two rounds warm caches and branch predictors.
                if (round >= 2) {
                    contender.cycles.push_back(static_cast<double>(cycles)
                                               / static_cast<double>(jobs.size()));
                }
                check(contender, jobs, direction);
            }
        }
    }

    static void check(const Contender& contender,
                      const std::vector<CryptoJob>& jobs,
                      Direction direction) {
        if (direction == Direction::kProtect || contender.batch == nullptr) {
            return;
        }
        for (const CryptoJob& job : jobs) {
            if (job.status != crypto::JobStatus::kOk) {
                throw std::runtime_error(contender.name + " did not verify its packets");
            }
        }
    }

    const Options& options_;
};

std::string ratio(const Measurement& m, std::string_view baseline) {
    for (const auto& [name, cycles] : m.cycles) {
        if (name == baseline) {
            return fmt::format("{:.2f}", cycles / m.cycles[0].second);
        }
    }
    return "-";
}

void print_row(const Measurement& m) {
    const double chosen = m.cycles[0].second;
    std::string others;
    for (std::size_t i = 1; i < m.cycles.size(); ++i) {
        others += fmt::format("  {} {:.0f}", m.cycles[i].first, m.cycles[i].second);
    }
    fmt::print("{:<20} {:<4} {:>5} {:>9.0f} {:>7.2f} {:>8} {:>8} {}\n",
               m.suite.name(),
               m.direction == Direction::kProtect ? "enc" : "dec",
               m.size,
               chosen,
               chosen / static_cast<double>(m.size),
               ratio(m, "evp"),
               ratio(m, "ipsec-mb-job"),
               others);
    std::cout.flush();
}

nlohmann::json to_json(const Measurement& m) {
    nlohmann::json cycles;
    for (const auto& [name, value] : m.cycles) {
        cycles[name] = value;
    }
    return {{"suite", m.suite.name()},
            {"direction", m.direction == Direction::kProtect ? "encrypt" : "decrypt"},
            {"bytes", m.size},
            {"cycles_per_packet", cycles}};
}

void run(const Options& options) {
    Bench bench(options);
    nlohmann::json rows = nlohmann::json::array();
    if (!options.json) {
        fmt::print("CPU: {}\n{}\n",
                   crypto::CpuFeatures::detect().to_string(),
                   choices()[0].choice.to_string());
        fmt::print(
            "Median TSC cycles per packet, bursts of {}, {} SA(s).\n", options.burst, options.sas);
        fmt::print("{:<20} {:<4} {:>5} {:>9} {:>7} {:>8} {:>8}\n",
                   "suite",
                   "",
                   "bytes",
                   "cycles",
                   "c/B",
                   "evp/",
                   "imb-job/");
    }
    for (const Suite& suite : kSuites) {
        if (suite.name().find(options.filter) == std::string::npos) {
            continue;
        }
        for (const Direction direction : {Direction::kProtect, Direction::kVerify}) {
            for (const std::size_t size : options.sizes) {
                const Measurement m = bench.measure(suite, direction, size);
                if (options.json) {
                    rows.push_back(to_json(m));
                } else {
                    print_row(m);
                }
            }
        }
    }
    if (options.json) {
        std::cout << rows.dump(1) << '\n';
    }
}

int run_command(int argc, char** argv) {
    Options options;
    CLI::App app{"Measures the crypto engines."};
    app.add_option("--sizes", options.sizes, "payload bytes")->check(CLI::Range(1, 1900));
    app.add_option("--burst", options.burst, "packets in a burst")->check(CLI::Range(1, 64));
    app.add_option("--sas", options.sas, "SAs the burst is spread over")->check(CLI::Range(1, 64));
    app.add_option("--rounds", options.rounds, "bursts per contender")
        ->check(CLI::Range(1, 100000));
    app.add_option("--filter", options.filter, "only suites with this in their name");
    app.add_flag("--json", options.json, "machine-readable output");
    CLI11_PARSE(app, argc, argv);
    run(options);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run_command(argc, argv);
    } catch (const std::exception& error) {
        static_cast<void>(std::fprintf(stderr, "portcullis-bench-crypto: %s\n", error.what()));
        return 1;
    }
}
