// A peer's proof: its ID and its certificates are any bytes. Input: type of the ID, strongcrlcheck,
// length of the ID and the ID, then certificates, each behind two bytes of length. The signature is
// always the genuine one of the fixture's peer, so that certificates with its key get further.
#include "control/certificates.h"
#include "control/rsa_signature.h"
#include "tests/fuzz/certificate_fixture.h"

#include <openssl/pem.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

namespace {

using control::ike::Bytes;
using control::ike::ByteView;
using control::ike::Judgement;

constexpr std::time_t kNow = 1'781'524'800;  // 2026-06-15

void expect(bool promise) {
    if (!promise) {
        std::abort();
    }
}

ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// What the issuer has signed, as it stands.
Bytes signed_part(X509* certificate) {
    unsigned char* der = nullptr;
    const int length = i2d_re_X509_tbs(certificate, &der);
    Bytes bytes(der, der + std::max(length, 0));
    OPENSSL_free(der);
    return bytes;
}

struct World {
    World() {
        std::string directory = "/tmp/portcullis-fuzz-XXXXXX";
        expect(::mkdtemp(directory.data()) != nullptr);
        config::IkeConfig config;
        config.ca = {directory + "/root.crt"};
        std::ofstream(config.ca[0]) << control::fuzz::kRoot;
        auto loaded = control::Certificates::load(config, {.crl = {}, .now = [] { return kNow; }});
        std::remove(config.ca[0].c_str());
        std::remove(directory.c_str());
        expect(loaded.ok());
        certificates = std::move(loaded).value();
        method.kind = config::AuthKind::kRootCa;
        method.root_ca = "C=DE, O=Example, CN=Root";
        const control::BioPtr key_text = control::memory_bio(bytes_of(control::fuzz::kPeerKey));
        const control::KeyPtr key(
            PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
        signature = control::rsa_sign(key.get(), hash).value();
        const control::BioPtr text = control::memory_bio(bytes_of(control::fuzz::kPeer));
        const control::CertificatePtr peer(
            PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
        genuine = signed_part(peer.get());
    }

    std::unique_ptr<control::Certificates> certificates;
    config::AuthMethod method;
    Bytes hash = Bytes(20, 0x33);
    Bytes signature;
    Bytes genuine;
};

control::ike::PeerProof proof_of(ByteView input) {
    control::ike::PeerProof proof;
    const auto take = [&](std::size_t length) {
        const ByteView taken = input.first(std::min(length, input.size()));
        input = input.subspan(taken.size());
        return taken;
    };
    const ByteView head = take(3);
    proof.id.type = head[0];
    const ByteView id = take(head[2]);
    proof.id.data.assign(id.begin(), id.end());
    while (input.size() >= 2) {
        const ByteView length = take(2);
        const ByteView der = take(std::size_t{length[0]} * 256 + length[1]);
        proof.certificates.emplace_back(der.begin(), der.end());
    }
    return proof;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    if (size < 3) {
        return 0;
    }
    control::ike::PeerProof proof = proof_of({data, size});
    proof.method = &world.method;
    proof.hash = world.hash;
    proof.signature = world.signature;
    world.certificates->set_crl_check(data[1] % 2 == 0 ? control::CrlCheck::kNone
                                                       : control::CrlCheck::kRevoked);
    const control::ike::Judged judged = world.certificates->judge(proof);
    if (judged.judgement == Judgement::kGood) {
        // Only the genuine certificate has that key and the authority's signature.
        expect(
            std::any_of(proof.certificates.begin(), proof.certificates.end(), [](const Bytes& der) {
                const control::CertificatePtr one = control::decode_certificate(der);
                return one != nullptr && signed_part(one.get()) == world.genuine;
            }));
        expect(judged.subject == "C=DE, CN=peer");
    }
    // The genuine one names no list to fetch.
    expect(judged.judgement != Judgement::kWaiting);
    expect((judged.judgement == Judgement::kBad) == !judged.reason.empty());
    // Nothing of a stranger reaches a terminal raw.
    expect(std::none_of(judged.reason.begin(), judged.reason.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    }));
    return 0;
}
