// OpenSSL's numbers and curves, not its EVP: that raises a peer's value of a safe prime's group to
// the power of (p-1)/2 to see whether it is valid, which takes seven times as long as everything
// else, and knows nothing of groups 1 and 2.
#include "crypto/ike_crypto.h"
#include "crypto/openssl_handle.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace crypto {
namespace {

using Bytes = std::vector<std::uint8_t>;

using Number = OpensslHandle<BIGNUM, BN_clear_free>;
using Scratch = OpensslHandle<BN_CTX, BN_CTX_free>;  // wipes its numbers
using Montgomery = OpensslHandle<BN_MONT_CTX, BN_MONT_CTX_free>;
using Curve = OpensslHandle<EC_GROUP, EC_GROUP_free>;
using Point = OpensslHandle<EC_POINT, EC_POINT_clear_free>;

template <typename T>
T made(T object) {
    if (object == nullptr) {
        throw std::bad_alloc();
    }
    return object;
}

// What can only fail for want of memory or of random numbers.
void require(bool done) {
    if (!done) {
        throw std::runtime_error("OpenSSL could not compute a Diffie-Hellman value.");
    }
}

Number new_number() {
    return made(Number(BN_new()));
}
Scratch new_scratch() {
    return made(Scratch(BN_CTX_new()));
}
Number number_of(ByteView bytes) {
    return made(Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)));
}
void write(const BIGNUM* number, std::span<std::uint8_t> to) {
    require(BN_bn2binpad(number, to.data(), static_cast<int>(to.size())) >= 0);
}

// Parameters of one group; shared by all exchanges and threads, hence const.
class Group {
  public:
    Group(std::uint16_t number, std::size_t field_bytes, std::size_t public_bytes)
        : number_(number), field_bytes_(field_bytes), public_bytes_(public_bytes) {}
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    virtual ~Group() = default;

    [[nodiscard]] std::uint16_t number() const { return number_; }
    [[nodiscard]] std::size_t field_bytes() const { return field_bytes_; }
    [[nodiscard]] std::size_t public_bytes() const { return public_bytes_; }

    // Private values are above 0 and below this.
    [[nodiscard]] virtual const BIGNUM* limit() const = 0;
    [[nodiscard]] virtual Bytes public_value(const BIGNUM* secret) const = 0;
    // `peer` has public_bytes(). The text of the error says what the value is.
    [[nodiscard]] virtual config::Result<config::SecretBytes> shared(const BIGNUM* secret,
                                                                     ByteView peer) const = 0;

    [[nodiscard]] config::Error refusal(std::string_view what) const {
        return {
            config::ErrorCode::kBadSa,
            fmt::format("The peer's public value for Diffie-Hellman group {} {}.", number_, what)};
    }

  private:
    std::uint16_t number_;
    std::size_t field_bytes_;
    std::size_t public_bytes_;
};

struct ModpParameters {
    Number prime;
    Number generator;
    Number order;  // of the generator, if it must be checked; else null
    Number limit;
};

class ModpGroup final : public Group {
  public:
    ModpGroup(std::uint16_t number, std::size_t bytes, ModpParameters parameters)
        : Group(number, bytes, bytes),
          parameters_(std::move(parameters)),
          below_prime_(made(Number(BN_dup(parameters_.prime.get())))),
          montgomery_(made(Montgomery(BN_MONT_CTX_new()))) {
        require(BN_sub_word(below_prime_.get(), 1) == 1);
        require(BN_MONT_CTX_set(montgomery_.get(), parameters_.prime.get(), new_scratch().get())
                == 1);
    }

    [[nodiscard]] const BIGNUM* limit() const override { return parameters_.limit.get(); }

    [[nodiscard]] Bytes public_value(const BIGNUM* secret) const override {
        Bytes bytes(public_bytes());
        write(power(parameters_.generator.get(), secret).get(), bytes);
        return bytes;
    }

    [[nodiscard]] config::Result<config::SecretBytes> shared(const BIGNUM* secret,
                                                             ByteView peer) const override {
        const Number value = number_of(peer);
        // RFC 2631 2.1.5, RFC 6989 2.1. Of safe primes no other value has a small order.
        if (BN_cmp(value.get(), BN_value_one()) <= 0) {
            return refusal("is 0 or 1");
        }
        if (BN_cmp(value.get(), below_prime_.get()) >= 0) {
            return refusal("is p-1 or above");
        }
        if (parameters_.order != nullptr && !in_subgroup(value.get())) {
            return refusal("is not in the subgroup of prime order");
        }
        Bytes bytes(field_bytes());
        write(power(value.get(), secret).get(), bytes);
        return config::SecretBytes(std::move(bytes));
    }

  private:
    // Time depends on the exponent's length in words only.
    [[nodiscard]] Number power(const BIGNUM* base, const BIGNUM* exponent) const {
        Number result = new_number();
        require(BN_mod_exp_mont_consttime(result.get(),
                                          base,
                                          exponent,
                                          parameters_.prime.get(),
                                          new_scratch().get(),
                                          montgomery_.get())
                == 1);
        return result;
    }

    // RFC 6989 2.2.
    [[nodiscard]] bool in_subgroup(const BIGNUM* value) const {
        return BN_is_one(power(value, parameters_.order.get()).get()) == 1;
    }

    ModpParameters parameters_;
    Number below_prime_;
    Montgomery montgomery_;
};

class EcpGroup final : public Group {
  public:
    EcpGroup(std::uint16_t number, std::size_t bytes, int curve)
        : Group(number, bytes, 2 * bytes), curve_(made(Curve(EC_GROUP_new_by_curve_name(curve)))) {}

    [[nodiscard]] const BIGNUM* limit() const override { return EC_GROUP_get0_order(curve_.get()); }

    // RFC 5903 7: x and y, each as long as the field.
    [[nodiscard]] Bytes public_value(const BIGNUM* secret) const override {
        const Scratch scratch = new_scratch();
        const Point point = new_point();
        const Number x = new_number();
        const Number y = new_number();
        require(EC_POINT_mul(curve_.get(), point.get(), secret, nullptr, nullptr, scratch.get())
                == 1);
        require(EC_POINT_get_affine_coordinates(
                    curve_.get(), point.get(), x.get(), y.get(), scratch.get())
                == 1);
        Bytes bytes(public_bytes());
        write(x.get(), std::span(bytes).first(field_bytes()));
        write(y.get(), std::span(bytes).last(field_bytes()));
        return bytes;
    }

    [[nodiscard]] config::Result<config::SecretBytes> shared(const BIGNUM* secret,
                                                             ByteView peer) const override {
        const Scratch scratch = new_scratch();
        const Point other = new_point();
        // SEC 1 2.3.3: so an uncompressed point begins. Refused are coordinates of p or above and
        // what is not on the curve (RFC 6989 2.3); infinity has no such form. All points have the
        // curve's order, which is prime.
        Bytes uncompressed{0x04};
        uncompressed.insert(uncompressed.end(), peer.begin(), peer.end());
        if (EC_POINT_oct2point(
                curve_.get(), other.get(), uncompressed.data(), uncompressed.size(), scratch.get())
            != 1) {
            return refusal("is not a point of the curve");
        }
        const Point point = new_point();
        const Number x = new_number();
        require(EC_POINT_mul(curve_.get(), point.get(), nullptr, other.get(), secret, scratch.get())
                == 1);
        require(EC_POINT_get_affine_coordinates(
                    curve_.get(), point.get(), x.get(), nullptr, scratch.get())
                == 1);
        // RFC 5903 9: the shared secret is x alone.
        Bytes bytes(field_bytes());
        write(x.get(), bytes);
        return config::SecretBytes(std::move(bytes));
    }

  private:
    [[nodiscard]] Point new_point() const { return made(Point(EC_POINT_new(curve_.get()))); }

    Curve curve_;
};

struct SafePrime {
    std::uint16_t group;
    BIGNUM* (*prime)(BIGNUM*);
    int exponent_bits;
};

// Exponents as long as RFC 3526 8 asks by its lower estimate (220, 260, 300, 340, 380 bits), in
// whole words, and never below 256 bits.
constexpr auto kSafePrimes = std::to_array<SafePrime>({
    {1, BN_get_rfc2409_prime_768, 256},
    {2, BN_get_rfc2409_prime_1024, 256},
    {14, BN_get_rfc3526_prime_2048, 256},
    {15, BN_get_rfc3526_prime_3072, 320},
    {16, BN_get_rfc3526_prime_4096, 320},
    {17, BN_get_rfc3526_prime_6144, 384},
    {18, BN_get_rfc3526_prime_8192, 384},
});

// RFC 2409 6.1, 6.2, RFC 3526: the generator is 2.
ModpParameters safe_prime(const SafePrime& row) {
    ModpParameters parameters{
        made(Number(row.prime(nullptr))), new_number(), nullptr, new_number()};
    require(BN_set_word(parameters.generator.get(), 2) == 1);
    require(BN_set_bit(parameters.limit.get(), row.exponent_bits) == 1);
    return parameters;
}

// RFC 5114 2.3, as OpenSSL knows it.
ModpParameters group24() {
    std::string name = "dh_2048_256";
    std::array<OSSL_PARAM, 2> request{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size()),
        OSSL_PARAM_construct_end()};
    const OpensslHandle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
        made(EVP_PKEY_CTX_new_from_name(nullptr, "DHX", nullptr)));
    EVP_PKEY* made_key = nullptr;
    require(EVP_PKEY_fromdata_init(context.get()) == 1);
    require(EVP_PKEY_fromdata(context.get(), &made_key, EVP_PKEY_KEY_PARAMETERS, request.data())
            == 1);
    const OpensslHandle<EVP_PKEY, EVP_PKEY_free> key(made_key);
    const auto parameter = [&key](const char* which) {
        BIGNUM* number = nullptr;
        require(EVP_PKEY_get_bn_param(key.get(), which, &number) == 1);
        return Number(number);
    };
    return {parameter(OSSL_PKEY_PARAM_FFC_P),
            parameter(OSSL_PKEY_PARAM_FFC_G),
            parameter(OSSL_PKEY_PARAM_FFC_Q),
            parameter(OSSL_PKEY_PARAM_FFC_Q)};
}

std::unique_ptr<const Group> make_group(const config::DhGroupRow& row) {
    const std::size_t bytes = (std::size_t{row.bits} + 7) / 8;
    switch (row.ike_group) {
        case 19:
            return std::make_unique<EcpGroup>(row.ike_group, bytes, NID_X9_62_prime256v1);
        case 20:
            return std::make_unique<EcpGroup>(row.ike_group, bytes, NID_secp384r1);
        case 21:
            return std::make_unique<EcpGroup>(row.ike_group, bytes, NID_secp521r1);
        case 24:
            return std::make_unique<ModpGroup>(row.ike_group, bytes, group24());
        default:
            break;
    }
    const auto* const safe = std::ranges::find(kSafePrimes, row.ike_group, &SafePrime::group);
    if (safe == kSafePrimes.end()) {
        throw std::logic_error(
            fmt::format("Diffie-Hellman group {} has a row and no parameters.", row.ike_group));
    }
    return std::make_unique<ModpGroup>(row.ike_group, bytes, safe_prime(*safe));
}

const Group& group_of(std::uint16_t ike_group) {
    static const std::vector<std::unique_ptr<const Group>> kGroups = [] {
        std::vector<std::unique_ptr<const Group>> all;
        all.reserve(config::kDhGroups.size());
        for (const config::DhGroupRow& row : config::kDhGroups) {
            all.push_back(make_group(row));
        }
        return all;
    }();
    const auto found =
        std::ranges::find(kGroups, ike_group, [](const auto& g) { return g->number(); });
    if (found == kGroups.end()) {
        throw std::logic_error(fmt::format("There is no Diffie-Hellman group {}.", ike_group));
    }
    return **found;
}

}  // namespace

struct DhExchange::State {
    const Group* group;
    Number secret;
    Bytes public_value;

    State(const Group& of, Number private_value)
        : group(&of),
          secret(std::move(private_value)),
          public_value(of.public_value(secret.get())) {}
};

DhExchange::DhExchange(std::unique_ptr<State> state) : state_(std::move(state)) {}
DhExchange::DhExchange(DhExchange&&) noexcept = default;
DhExchange& DhExchange::operator=(DhExchange&&) noexcept = default;
DhExchange::~DhExchange() = default;

DhExchange DhExchange::generate(std::uint16_t ike_group) {
    const Group& group = group_of(ike_group);
    Number secret = new_number();
    do {
        require(BN_priv_rand_range(secret.get(), group.limit()) == 1);
    } while (BN_is_zero(secret.get()) == 1);
    return DhExchange(std::make_unique<State>(group, std::move(secret)));
}

DhExchange DhExchange::with_private(std::uint16_t ike_group, ByteView private_value) {
    return DhExchange(std::make_unique<State>(group_of(ike_group), number_of(private_value)));
}

std::uint16_t DhExchange::group() const {
    return state_->group->number();
}

const std::vector<std::uint8_t>& DhExchange::public_value() const {
    return state_->public_value;
}

config::Result<config::SecretBytes> DhExchange::shared(ByteView peer) const {
    const Group& group = *state_->group;
    if (peer.size() != group.public_bytes()) {
        return group.refusal(
            fmt::format("has {} bytes; {} are expected", peer.size(), group.public_bytes()));
    }
    config::Result<config::SecretBytes> shared = group.shared(state_->secret.get(), peer);
    if (!shared) {
        ERR_clear_error();  // whoever looks at the queue next is not misled
    }
    return shared;
}

std::size_t DhExchange::public_bytes(std::uint16_t ike_group) {
    return group_of(ike_group).public_bytes();
}

}  // namespace crypto
