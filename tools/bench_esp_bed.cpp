#include "tools/bench_esp_bed.h"

#include "config/bytes.h"
#include "config/sa_method.h"
#include "dataplane/checksum.h"
#include "dataplane/forward.h"
#include "dataplane/wire.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace bench {
namespace {

using config::be16;
using config::store;
using dataplane::kBurst;
using dataplane::kEtherHeader;

constexpr std::uint8_t kTtl = 64;

// Any bytes will do, but not all the same.
std::uint8_t pattern(std::size_t i) {
    return static_cast<std::uint8_t>(i * 7);
}

std::vector<std::uint8_t> make_key(std::size_t bytes) {
    std::vector<std::uint8_t> key(bytes);
    for (std::size_t i = 0; i < bytes; ++i) {
        key[i] = pattern(i);
    }
    return key;
}

config::SaSpec spec_of(const Method& method,
                       std::span<const std::uint8_t> cipher_key,
                       std::span<const std::uint8_t> auth_key) {
    config::SaSpec spec;
    spec.protocol = method.protocol;
    spec.mode = config::SaMode::kTunnel;
    spec.spi = config::kMinSpi;
    spec.cipher = method.cipher;
    spec.hash = method.hash;
    spec.cipher_key = config::SecretBytes(cipher_key);
    spec.auth_key = config::SecretBytes(auth_key);
    return spec;
}

std::vector<std::uint8_t> make_frame(std::size_t bytes, const Site& west) {
    std::vector<std::uint8_t> frame(kEtherHeader + bytes);
    for (std::size_t i = 0; i < frame.size(); ++i) {
        frame[i] = pattern(i);
    }
    const config::MacAddress& mac = west.topology.ports[kLan].mac;
    std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin());
    store(&frame[dataplane::kEtherTypeOffset], be16(dataplane::kEtherIpv4));
    std::uint8_t* const ip = &frame[kEtherHeader];
    std::fill_n(ip, dataplane::kIpv4Header, std::uint8_t{0});
    ip[0] = 0x45;
    store(ip + dataplane::kIpv4TotalLength, be16(static_cast<std::uint16_t>(bytes)));
    ip[dataplane::kIpv4Ttl] = kTtl;
    ip[dataplane::kIpv4Protocol] = dataplane::kProtoUdp;
    std::copy(kSender.begin(), kSender.end(), ip + dataplane::kIpv4Source);
    std::uint8_t* const udp = ip + dataplane::kIpv4Header;
    store(udp, be16(std::uint16_t{7}));
    store(udp + 2, be16(std::uint16_t{9}));
    store(udp + 4, be16(static_cast<std::uint16_t>(bytes - dataplane::kIpv4Header)));
    store(udp + 6, std::uint16_t{0});
    return frame;
}

}  // namespace

std::string name_of(const Method& method) {
    return config::algorithms_text(spec_of(method, {}, {}));
}

bool is_possible(const Method& method) {
    const bool aead = row_of(method.cipher).aead;
    const bool hashed = method.hash != config::Hash::kNone;
    const bool gmac = row_of(method.hash).bytes.iv != 0;
    const bool encrypts = method.cipher != config::Cipher::kNone;
    if (aead || gmac) {
        return aead ? !hashed : !encrypts;
    }
    // RFC 3686 3.3: counter mode never alone.
    return hashed || (encrypts && row_of(method.cipher).bytes.salt == 0);
}

Gateways::Keys::Keys(const Method& method) {
    const config::CipherSizes& cipher_bytes = row_of(method.cipher).bytes;
    const config::HashSizes& hash_bytes = row_of(method.hash).bytes;
    cipher = make_key(std::size_t{cipher_bytes.key} + cipher_bytes.salt);
    auth = make_key(std::size_t{hash_bytes.key} + hash_bytes.salt);
}

Gateways::Gateways(const Network& network,
                   const crypto::EngineChoice& engines,
                   rte_mempool* pool,
                   const Method& method,
                   std::size_t sas)
    : Gateways(network, engines, pool, method, sas, Keys(method)) {}

Gateways::Gateways(const Network& network,
                   const crypto::EngineChoice& engines,
                   rte_mempool* pool,
                   const Method& method,
                   std::size_t sas,
                   const Keys& keys)
    : west(network.west, engines, pool, sas),
      east(network.east, engines, pool, sas),
      imb({method.cipher, method.hash, keys.cipher, keys.auth}) {
    if (method.hash != config::Hash::kAesXcbc) {
        evp.emplace(BaselineKeys{method.cipher, method.hash, keys.cipher, keys.auth});
    }
    config::SaSpec spec = spec_of(method, keys.cipher, keys.auth);
    spec.source = network.west_end;
    spec.destination = network.east_end;
    for (std::size_t flow = 0; flow < sas; ++flow) {
        spec.rule = sas == 1 ? config::kAnyRule : network.tags[flow];
        spec.direction = config::SaDirection::kOutbound;
        outbound.push_back(&west.add_sa(spec));
        spec.direction = config::SaDirection::kInbound;
        east.add_sa(spec);
        ++spec.spi;
    }
    buffers_.resize(kBuffers);
    if (rte_pktmbuf_alloc_bulk(pool, buffers_.data(), kBuffers) != 0) {
        throw std::runtime_error("the packet pool is empty");
    }
}

Gateways::~Gateways() {
    rte_pktmbuf_free_bulk(buffers_.data(), static_cast<unsigned>(buffers_.size()));
}

Packets Gateways::next_buffers() {
    Packets packets{};
    std::copy_n(buffers_.begin() + static_cast<std::ptrdiff_t>(next_buffer_),
                packets.size(),
                packets.begin());
    next_buffer_ = (next_buffer_ + packets.size()) % buffers_.size();
    return packets;
}

Bed::Bed(Gateways& gateways, std::size_t bytes)
    : gateways_(gateways), bytes_(bytes), frame_(make_frame(bytes, gateways.west.site())) {}

// --- Packets -------------------------------------------------------------------------------------

Packets Bed::make_packets() {
    const Packets packets = gateways_.next_buffers();
    for (std::size_t i = 0; i < packets.size(); ++i) {
        flows_[i] = gateways_.next_flow();
        rte_mbuf* const mbuf = packets[i];
        rte_pktmbuf_reset(mbuf);
        mbuf->data_len = static_cast<std::uint16_t>(frame_.size());
        mbuf->pkt_len = mbuf->data_len;
        std::memcpy(dataplane::bytes_at(mbuf, 0), frame_.data(), frame_.size());
        std::uint8_t* const ip = dataplane::bytes_at(mbuf, kEtherHeader);
        store(ip + dataplane::kIpv4Destination, host_of(flows_[i]));
        store(ip + dataplane::kIpv4Checksum,
              dataplane::checksum_finish(dataplane::checksum_add(0, {ip, dataplane::kIpv4Header})));
    }
    return packets;
}

// What west has protected, as east's route stage leaves it.
Packets Bed::arrive(const dataplane::Burst& sent) {
    if (sent.count != kBurst) {
        throw std::runtime_error("a packet could not be protected");
    }
    const config::MacAddress& from = gateways_.west.site().topology.ports[kWan].mac;
    for (rte_mbuf* mbuf : sent.items) {
        dataplane::write_ethernet(mbuf, from, gateways_.west.site().peer_mac);
    }
    gateways_.east.parse_and_route(kWan, sent.items);
    return sent.items;
}

// `hops`: how many gateways have forwarded them.
void Bed::check_arrived(std::span<rte_mbuf* const> burst, unsigned hops) const {
    if (burst.size() != kBurst) {
        throw std::runtime_error("a packet could not be verified");
    }
    constexpr std::size_t kAddresses = kEtherHeader + dataplane::kIpv4Source;
    for (std::size_t i = 0; i < burst.size(); ++i) {
        std::vector<std::uint8_t> expected = frame_;
        store(&expected[kEtherHeader + dataplane::kIpv4Destination], host_of(flows_[i]));
        const std::uint8_t* const frame = dataplane::bytes_at(burst[i], 0);
        if (burst[i]->data_len != expected.size()
            || frame[kEtherHeader + dataplane::kIpv4Ttl] != kTtl - hops
            || !std::equal(expected.begin() + kAddresses, expected.end(), frame + kAddresses)) {
            throw std::runtime_error("a packet did not arrive as it was sent");
        }
    }
}

// --- Contenders ----------------------------------------------------------------------------------

template <typename Work>
void Bed::time(Contender contender, Way way, const Work& work) {
    const std::uint64_t began = rte_rdtsc_precise();
    work(began);
    const std::uint64_t cycles = rte_rdtsc_precise() - began;
    if (!warming_up_) {
        samples_[static_cast<std::size_t>(contender)][static_cast<std::size_t>(way)].push_back(
            static_cast<double>(cycles) / kBurst);
    }
}

void Bed::run_pipelines(Contender contender) {
    const bool clear = contender == Contender::kClear;
    Gateway& west = gateways_.west;
    Gateway& east = gateways_.east;
    const Packets sent = make_packets();
    time(contender, Way::kEncrypt, [&](std::uint64_t now) {
        west.receive(clear ? west.site().clear : west.site().protect, kLan, sent, now);
    });
    const Packets on_wire = west.take(kWan);
    time(contender, Way::kDecrypt, [&](std::uint64_t now) {
        east.receive(clear ? east.site().clear : east.site().protect, kWan, on_wire, now);
    });
    const Packets arrived = east.take(kLan);
    if (warming_up_) {
        check_arrived(arrived, 2);
    }
}

void Bed::run_esp() {
    const Packets sent = parsed_packets();
    dataplane::Burst on_wire;
    time(Contender::kEsp, Way::kEncrypt, [&](std::uint64_t now) { protect(sent, now, on_wire); });
    const Packets received = arrive(on_wire);
    dataplane::Burst inner;
    time(Contender::kEsp, Way::kDecrypt, [&](std::uint64_t now) {
        prepare_inbound(received, now);
        gateways_.east.crypto().run(jobs_);
        gateways_.east.inbound().finish(now, jobs_, inner);
    });
    if (warming_up_) {
        check_arrived(inner.all(), 0);
    }
}

// Each gets packets of its own, as warm as the others': an engine that runs where another one has
// just been would find everything in the first cache.
void Bed::run_crypto(Contender contender) {
    prepare_outbound(parsed_packets(), rte_rdtsc());
    time(contender, Way::kEncrypt, [&](std::uint64_t) { run_jobs(contender, gateways_.west); });
    dataplane::Burst on_wire;
    protect(parsed_packets(), rte_rdtsc(), on_wire);
    prepare_inbound(arrive(on_wire), rte_rdtsc());
    time(contender, Way::kDecrypt, [&](std::uint64_t) { run_jobs(contender, gateways_.east); });
}

void Bed::run_jobs(Contender contender, Gateway& gateway) {
    if (contender == Contender::kImb) {
        gateways_.imb.run(jobs_);
    } else if (contender == Contender::kEvp) {
        gateways_.evp->run(jobs_);
    } else {
        gateway.crypto().run(jobs_);
    }
}

Packets Bed::parsed_packets() {
    const Packets packets = make_packets();
    gateways_.west.parse_and_route(kLan, packets);
    return packets;
}

void Bed::prepare_outbound(const Packets& packets, std::uint64_t now) {
    dataplane::IpsecOutbound& outbound = gateways_.west.outbound();
    for (std::size_t i = 0; i < packets.size(); ++i) {
        outbound.add(packets[i], *gateways_.outbound[flows_[i]]);
    }
    if (outbound.prepare(now, jobs_) != jobs_.size()) {
        throw std::runtime_error("a packet could not be protected");
    }
}

void Bed::protect(const Packets& packets, std::uint64_t now, dataplane::Burst& done) {
    prepare_outbound(packets, now);
    gateways_.west.crypto().run(jobs_);
    gateways_.west.outbound().finish(now, jobs_, done);
}

void Bed::prepare_inbound(const Packets& packets, std::uint64_t now) {
    dataplane::IpsecInbound& inbound = gateways_.east.inbound();
    for (rte_mbuf* mbuf : packets) {
        inbound.add(mbuf, dataplane::ipsec_header(mbuf));
    }
    if (inbound.prepare(now, jobs_) != jobs_.size()) {
        throw std::runtime_error("a packet could not be verified");
    }
}

// --- Turns ---------------------------------------------------------------------------------------

void Bed::run(unsigned rounds) {
    constexpr unsigned kWarmUp = 4;
    for (unsigned round = 0; round < rounds + kWarmUp; ++round) {
        warming_up_ = round < kWarmUp;
        for (unsigned turn = 0; turn < kContenders; ++turn) {
            take_turn(static_cast<Contender>((round + turn) % kContenders));
        }
    }
}

void Bed::take_turn(Contender contender) {
    switch (contender) {
        case Contender::kClear:
        case Contender::kPipeline:
            run_pipelines(contender);
            break;
        case Contender::kEsp:
            run_esp();
            break;
        case Contender::kCrypto:
        case Contender::kImb:
            run_crypto(contender);
            break;
        case Contender::kEvp:
            if (gateways_.evp) {
                run_crypto(contender);
            }
            break;
    }
}

double Bed::median(Contender contender, Way way) {
    std::vector<double>& of_bursts =
        samples_[static_cast<std::size_t>(contender)][static_cast<std::size_t>(way)];
    if (of_bursts.empty()) {
        return 0;
    }
    const auto middle = of_bursts.begin() + static_cast<std::ptrdiff_t>(of_bursts.size() / 2);
    std::nth_element(of_bursts.begin(), middle, of_bursts.end());
    return *middle;
}

}  // namespace bench
