// The contenders of bench_esp.cpp and their turns.
#pragma once

#include "tools/bench_crypto_baseline.h"
#include "tools/bench_esp_gateway.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bench {

inline constexpr std::size_t kMinBytes = 28;    // IPv4 and UDP header
inline constexpr std::size_t kMaxBytes = 1420;  // within 1,500 whatever the method

struct Method {
    config::IpsecProtocol protocol;
    config::Cipher cipher;
    config::Hash hash;
};
// "ESP[AES128,SHA1]"
[[nodiscard]] std::string name_of(const Method& method);
// Whether an SA can have it.
[[nodiscard]] bool is_possible(const Method& method);

enum class Way : std::uint8_t { kEncrypt, kDecrypt };
inline constexpr std::size_t kWays = 2;

enum class Contender : std::uint8_t { kClear, kPipeline, kEsp, kCrypto, kImb, kEvp };
inline constexpr std::size_t kContenders = 6;

// West and east with `sas` tunnels from one to the other, each for the traffic of one flow.
class Gateways {
  public:
    Gateways(const Network& network,
             const crypto::EngineChoice& engines,
             rte_mempool* pool,
             const Method& method,
             std::size_t sas);
    ~Gateways();
    Gateways(const Gateways&) = delete;
    Gateways& operator=(const Gateways&) = delete;

    // At random, and the same ones in every run.
    [[nodiscard]] std::size_t next_flow() {
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
        return (random_ >> 33U) % outbound.size();
    }
    // The buffers of a burst, those used longest ago.
    [[nodiscard]] Packets next_buffers();

    Gateway west;
    Gateway east;
    std::vector<dataplane::Sa*> outbound;  // of west, by flow
    ImbJobBaseline imb;
    std::optional<EvpBaseline> evp;  // not of XCBC, which it lacks

  private:
    // As many as stay in the caches, as a receive queue's do.
    static constexpr std::size_t kBuffers = std::size_t{16} * dataplane::kBurst;

    struct Keys {
        explicit Keys(const Method& method);
        std::vector<std::uint8_t> cipher;
        std::vector<std::uint8_t> auth;
    };
    Gateways(const Network& network,
             const crypto::EngineChoice& engines,
             rte_mempool* pool,
             const Method& method,
             std::size_t sas,
             const Keys& keys);

    std::uint64_t random_ = 1;
    std::vector<rte_mbuf*> buffers_;
    std::size_t next_buffer_ = 0;
};

// Packets of one length between them.
class Bed {
  public:
    Bed(Gateways& gateways, std::size_t bytes);

    void run(unsigned rounds);
    // Cycles per packet; 0: there is no such contender.
    [[nodiscard]] double median(Contender contender, Way way);
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t sas() const { return gateways_.outbound.size(); }

  private:
    using Jobs = std::array<crypto::CryptoJob, dataplane::kBurst>;

    // As west's host sends them.
    [[nodiscard]] Packets make_packets();
    // The same behind west's route stage.
    [[nodiscard]] Packets parsed_packets();
    [[nodiscard]] Packets arrive(const dataplane::Burst& sent);
    void check_arrived(std::span<rte_mbuf* const> burst, unsigned hops) const;

    void take_turn(Contender contender);
    void run_pipelines(Contender contender);
    void run_esp();
    void run_crypto(Contender contender);
    void run_jobs(Contender contender, Gateway& gateway);
    void prepare_outbound(const Packets& packets, std::uint64_t now);
    void protect(const Packets& packets, std::uint64_t now, dataplane::Burst& done);
    void prepare_inbound(const Packets& packets, std::uint64_t now);

    template <typename Work>
    void time(Contender contender, Way way, const Work& work);

    Gateways& gateways_;
    std::size_t bytes_;
    std::vector<std::uint8_t> frame_;
    std::array<std::size_t, dataplane::kBurst> flows_{};  // of the packets made last
    Jobs jobs_{};
    bool warming_up_ = true;  // then packets are compared instead of timed
    std::array<std::array<std::vector<double>, kWays>, kContenders> samples_;
};

}  // namespace bench
