// A revocation list as a web server may send it: any bytes, before its signature is looked at and,
// more than is promised, used without that.
#include "control/certificate_chain.h"
#include "control/revocation.h"
#include "tests/fuzz/certificate_fixture.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

namespace {

constexpr std::time_t kNow = 1'781'524'800;  // 2026-06-15

control::CertificatePtr certificate_of(std::string_view pem) {
    const control::BioPtr bio =
        control::memory_bio({reinterpret_cast<const std::uint8_t*>(pem.data()), pem.size()});
    return control::CertificatePtr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

control::CertificateChain make_chain() {
    control::CertificateChain chain;
    chain.certificates.push_back(certificate_of(control::fuzz::kPeer));
    chain.certificates.push_back(certificate_of(control::fuzz::kIntermediate));
    chain.certificates.push_back(certificate_of(control::fuzz::kRoot));
    return chain;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const control::CertificateChain kChain = make_chain();
    const std::vector<control::CrlPtr> lists = control::decode_crls({data, size});
    std::vector<X509_CRL*> views;
    for (const control::CrlPtr& list : lists) {
        (void)control::name_text(X509_CRL_get_issuer(list.get()));
        (void)X509_CRL_verify(list.get(), X509_get0_pubkey(kChain.certificates[1].get()));
        views.push_back(list.get());
    }
    ERR_clear_error();
    for (const control::RevocationFinding& finding :
         control::check_revocation(kChain, views, kNow)) {
        if (finding.reason.empty() || finding.certificate >= kChain.certificates.size() - 1) {
            std::abort();
        }
    }
    return 0;
}
