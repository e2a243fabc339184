// A packet's whole way through an SA: protected, parsed as the peer would, verified, and the same
// again. What ESP and AH look like in between is the business of their own tests.
#include "crypto/crypto_batch.h"
#include "dataplane/encap.h"
#include "dataplane/parse.h"
#include "tests/support/fake_pool.h"
#include "tests/support/ipsec_oracle.h"
#include "tests/support/packet_builder.h"
#include "tests/support/sa_builder.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

namespace {

using config::IpsecProtocol;
using config::SaMode;
using config::SaSpec;
using dataplane::Direction;
using dataplane::IpsecCheck;
using dataplane::IpsecHeader;
using dataplane::IpsecWork;
using dataplane::Sa;
using tests::Bytes;
using tests::Packet;

constexpr std::uint64_t kSequence = 0x1'0000'0005;

class IpsecRoundTripTest : public ::testing::Test {
  protected:
    ~IpsecRoundTripTest() override { EXPECT_EQ(pool_.in_use(), 0U); }

    rte_mbuf* parsed(rte_mbuf* mbuf, Direction direction) {
        EXPECT_EQ(dataplane::parse(mbuf, dataplane::ParseMode::kHost, {}).next,
                  dataplane::ParseNext::kIp);
        dataplane::meta_of(mbuf).direction = direction;
        return mbuf;
    }

    void run(crypto::CryptoJob& job) {
        batch_->run({&job, 1});
        ASSERT_EQ(job.status, crypto::JobStatus::kOk);
    }

    void protect(rte_mbuf* mbuf, Sa& sa) {
        IpsecWork work;
        work.mbuf = mbuf;
        work.sa = &sa;
        work.sequence = kSequence;
        crypto::CryptoJob job;
        ASSERT_EQ(dataplane::encapsulate(work, *ivs_, job), IpsecCheck{});
        run(job);
        dataplane::finish_encapsulation(work);
    }

    void verify(rte_mbuf* mbuf, Sa& sa) {
        parsed(mbuf, Direction::kInbound);
        const IpsecHeader header = dataplane::ipsec_header(mbuf);
        const bool esp = sa.protocol == IpsecProtocol::kEsp;
        ASSERT_EQ(header,
                  !esp               ? IpsecHeader::kAh
                  : sa.encapsulation ? IpsecHeader::kUdpEsp
                                     : IpsecHeader::kEsp);
        dataplane::IpsecFields fields;
        ASSERT_EQ(dataplane::read_ipsec_fields(mbuf, header, fields), IpsecCheck{});
        ASSERT_EQ(fields.spi, sa.spi);
        ASSERT_EQ(fields.sequence, static_cast<std::uint32_t>(kSequence));
        IpsecWork work;
        work.mbuf = mbuf;
        work.sa = &sa;
        work.sequence = kSequence;
        work.offset = fields.offset;
        crypto::CryptoJob job;
        if (esp) {
            ASSERT_EQ(dataplane::esp_prepare_verify(work, job), IpsecCheck{});
            run(job);
            dataplane::EspPayload payload;
            ASSERT_EQ(dataplane::esp_finish_verify(work, payload), IpsecCheck{});
            ASSERT_EQ(dataplane::decapsulate(work, payload), IpsecCheck{});
        } else {
            ASSERT_EQ(dataplane::ah_prepare_verify(work, job), IpsecCheck{});
            run(job);
            dataplane::ah_restore(work);
            ASSERT_EQ(dataplane::decapsulate(work, dataplane::ah_payload(work)), IpsecCheck{});
        }
    }

    void round_trip(const Bytes& frame, Sa& sa) {
        rte_mbuf* mbuf = parsed(pool_.make(frame), Direction::kTransit);
        protect(mbuf, sa);
        if (sa.outer != nullptr) {
            protect(mbuf, *sa.outer);
            verify(mbuf, *sa.outer);
        }
        EXPECT_NE(tests::FakePool::bytes_of(mbuf), frame);
        verify(mbuf, sa);
        EXPECT_EQ(tests::FakePool::bytes_of(mbuf), frame);
        parsed(mbuf, Direction::kTransit);
        rte_pktmbuf_free(mbuf);
    }

    // Both modes, every pair of families, UDP and not.
    void round_trips(const SaSpec& spec, Sa* outer = nullptr) {
        const Bytes v4 = Packet().eth().ipv4("10.0.0.1", "10.0.1.1").tcp(1, 2).payload(61).bytes();
        const Bytes v6 = Packet()
                             .eth()
                             .ipv6("2001:db8::1", "2001:db8::2")
                             .destination_options()
                             .tcp(1, 2)
                             .payload(62)
                             .bytes();
        for (SaSpec each : {spec,
                            tests::tunnel(spec, "192.0.2.1", "192.0.2.2"),
                            tests::tunnel(spec, "2001:db8:9::1", "2001:db8:9::2")}) {
            for (const bool udp : {false, true}) {
                if (udp && spec.protocol == IpsecProtocol::kAh) {
                    continue;
                }
                if (udp) {
                    each.encapsulation = config::UdpEncapsulation{};
                }
                SCOPED_TRACE(std::string(each.mode == SaMode::kTunnel ? "tunnel " : "transport ")
                             + each.source.to_string() + (udp ? " UDP" : ""));
                const auto sa = tests::make_sa(each);
                sa->outer = outer;
                round_trip(v4, *sa);
                round_trip(v6, *sa);
            }
        }
    }

    tests::FakePool pool_{16};
    std::unique_ptr<dataplane::IvSource> ivs_ = dataplane::IvSource::create().value();
    std::unique_ptr<crypto::CryptoBatch> batch_ =
        crypto::CryptoBatch::create(tests::engines()).value();
};

bool has_integrity(const crypto::testing::Suite& suite) {
    return suite.hash != config::Hash::kNone || row_of(suite.cipher).aead;
}

TEST_F(IpsecRoundTripTest, GivesBackThePacketWithEverySuite) {
    for (const crypto::testing::Suite& suite : tests::esp_suites()) {
        for (const bool esn : {false, true}) {
            if (esn && !has_integrity(suite)) {
                continue;
            }
            SCOPED_TRACE(suite.name() + (esn ? " ESN" : ""));
            SaSpec spec = tests::sa_spec(suite);
            spec.esn = esn;
            round_trips(spec);
            if (suite.cipher == config::Cipher::kNone) {
                SCOPED_TRACE("AH");
                spec.protocol = IpsecProtocol::kAh;
                round_trips(spec);
            }
        }
    }
}

TEST_F(IpsecRoundTripTest, GivesBackThePacketOfABundle) {
    SaSpec ah = tests::sa_spec({config::Cipher::kNone, config::Hash::kSha256}, IpsecProtocol::kAh);
    ah.esn = true;
    const auto outer = tests::make_sa(ah);
    round_trips(tests::sa_spec({config::Cipher::kAes256, config::Hash::kNone}), outer.get());
    round_trips(tests::sa_spec({config::Cipher::kAesGcm128, config::Hash::kNone}), outer.get());
}

}  // namespace
