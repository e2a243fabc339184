// ESP and AH of a fuzzer's choice, as they are and behind a valid ICV, under every algorithm.
// Input: what to do, which SA, then the bytes: an ESP packet, the plaintext of one, or an IP packet
// with an AH.
#include "crypto/crypto_batch.h"
#include "dataplane/ah.h"
#include "dataplane/esp.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/ipsec_oracle.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace {

using crypto::JobStatus;
using dataplane::IpsecWork;
using dataplane::Sa;
using tests::Bytes;

constexpr std::uint64_t kSequence = 0x0000000200000001;
constexpr std::size_t kEther = 14;
constexpr std::size_t kEspOffset = 34;
constexpr std::size_t kMaxBytes = 4000;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

struct FuzzedSa {
    config::SaSpec spec;
    std::unique_ptr<Sa> sa;
};

// What stays from input to input.
class World {
  public:
    World() {
        for (const bool esn : {false, true}) {
            for (const crypto::testing::Suite& suite : crypto::testing::all_suites()) {
                add(esp_, suite, config::IpsecProtocol::kEsp, esn);
            }
            for (const crypto::testing::Suite& suite : tests::ah_suites()) {
                add(ah_, suite, config::IpsecProtocol::kAh, esn);
            }
        }
    }

    FuzzedSa& esp(std::uint8_t index) { return esp_[index % esp_.size()]; }
    FuzzedSa& ah(std::uint8_t index) { return ah_[index % ah_.size()]; }
    tests::FakePool& pool() { return pool_; }
    dataplane::IvSource& ivs() { return *ivs_; }

    JobStatus run(crypto::CryptoJob& job) {
        batch_->run({&job, 1});
        return job.status;
    }

  private:
    void add(std::vector<FuzzedSa>& to,
             const crypto::testing::Suite& suite,
             config::IpsecProtocol protocol,
             bool esn) {
        FuzzedSa fuzzed{.spec = tests::random_sa(suite, protocol, esn, random_), .sa = nullptr};
        auto sa = Sa::create(fuzzed.spec, engines_, {});
        // Extended numbers without an ICV cannot be.
        if (sa) {
            fuzzed.sa = std::move(sa).value();
            to.push_back(std::move(fuzzed));
        }
    }

    std::mt19937_64 random_{7};
    crypto::EngineChoice engines_ = crypto::EngineChoice::best();
    std::unique_ptr<crypto::CryptoBatch> batch_ =
        std::move(crypto::CryptoBatch::create(engines_)).value();
    std::unique_ptr<dataplane::IvSource> ivs_ = std::move(dataplane::IvSource::create()).value();
    tests::FakePool pool_{2, 8192};
    std::vector<FuzzedSa> esp_;
    std::vector<FuzzedSa> ah_;
};

// An mbuf for the time of one input.
class Frame {
  public:
    Frame(World& world, const Bytes& bytes) : mbuf_(world.pool().make(bytes)) {}
    ~Frame() { rte_pktmbuf_free(mbuf_); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    [[nodiscard]] rte_mbuf* get() { return mbuf_; }
    [[nodiscard]] Bytes bytes() const { return tests::FakePool::bytes_of(mbuf_); }

  private:
    rte_mbuf* mbuf_;
};

IpsecWork work_of(Frame& frame, Sa& sa, std::size_t offset) {
    IpsecWork work;
    work.mbuf = frame.get();
    work.sa = &sa;
    work.sequence = kSequence;
    work.offset = static_cast<std::uint16_t>(offset);
    return work;
}

// `valid`: the ICV is known to be right.
void verify_esp(World& world, FuzzedSa& fuzzed, const Bytes& esp, bool valid) {
    Bytes bytes(kEspOffset);
    bytes.insert(bytes.end(), esp.begin(), esp.end());
    Frame frame(world, bytes);
    IpsecWork work = work_of(frame, *fuzzed.sa, kEspOffset);
    crypto::CryptoJob job;
    if (dataplane::esp_prepare_verify(work, job)) {
        require(!valid && frame.bytes() == bytes);
        return;
    }
    const JobStatus status = world.run(job);
    require(!valid || status == JobStatus::kOk);
    if (status != JobStatus::kOk) {
        return;
    }
    const Bytes decrypted = frame.bytes();
    dataplane::EspPayload payload;
    if (!dataplane::esp_finish_verify(work, payload)) {
        require(payload.offset + std::size_t{payload.length} + 2 + fuzzed.sa->icv_bytes
                <= bytes.size());
    }
    require(frame.bytes() == decrypted);
}

void verify_sealed_esp(World& world, FuzzedSa& fuzzed, Bytes plaintext) {
    const std::size_t block = fuzzed.sa->align_to;
    plaintext.resize(std::max(plaintext.size() / block * block, block));
    const Bytes iv(tests::iv_bytes(fuzzed.spec), 0x5A);
    verify_esp(world, fuzzed, tests::esp_protect(fuzzed.spec, kSequence, iv, plaintext), true);
}

bool has_ah(Frame& frame) {
    const auto parsed = dataplane::parse(frame.get(), dataplane::ParseMode::kHost, {});
    return parsed.next == dataplane::ParseNext::kIp
           && dataplane::meta_of(frame.get()).protocol == 51;
}

void verify_ah(World& world, FuzzedSa& fuzzed, Frame& frame, bool valid) {
    const Bytes before = frame.bytes();
    IpsecWork work = work_of(frame, *fuzzed.sa, dataplane::meta_of(frame.get()).l4_offset);
    crypto::CryptoJob job;
    if (dataplane::ah_prepare_verify(work, job)) {
        require(!valid && frame.bytes() == before);
        return;
    }
    const JobStatus status = world.run(job);
    require(!valid || status == JobStatus::kOk);
    dataplane::ah_restore(work);
    require(frame.bytes() == before);
    require(dataplane::ah_payload(work).offset <= before.size());
}

// Gives the packet a right ICV, where its headers allow one.
void verify_sealed_ah(World& world, FuzzedSa& fuzzed, Frame& frame) {
    const dataplane::PacketMeta& meta = dataplane::meta_of(frame.get());
    const Bytes before = frame.bytes();
    IpsecWork work = work_of(frame, *fuzzed.sa, meta.l4_offset);
    if (meta.l4_offset + dataplane::ah_header_bytes(*fuzzed.sa, meta.family) > before.size()) {
        return;
    }
    crypto::CryptoJob job;
    if (dataplane::ah_prepare_protect(work, 17, job)) {
        require(frame.bytes() == before);
        return;
    }
    require(world.run(job) == JobStatus::kOk);
    dataplane::ah_finish_protect(work);
    verify_ah(world, fuzzed, frame, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    if (size < 3 || size > kMaxBytes) {
        return 0;
    }
    const Bytes bytes(data + 2, data + size);
    if (data[0] % 4 == 0) {
        verify_esp(world, world.esp(data[1]), bytes, false);
    } else if (data[0] % 4 == 1) {
        verify_sealed_esp(world, world.esp(data[1]), bytes);
    } else {
        Bytes ethernet(kEther);
        ethernet[12] = bytes[0] >> 4U == 4 ? 0x08 : 0x86;
        ethernet[13] = bytes[0] >> 4U == 4 ? 0x00 : 0xDD;
        ethernet.insert(ethernet.end(), bytes.begin(), bytes.end());
        Frame frame(world, ethernet);
        if (has_ah(frame) && data[0] % 4 == 2) {
            verify_ah(world, world.ah(data[1]), frame, false);
        } else if (has_ah(frame)) {
            verify_sealed_ah(world, world.ah(data[1]), frame);
        }
    }
    require(world.pool().in_use() == 0);
    return 0;
}
