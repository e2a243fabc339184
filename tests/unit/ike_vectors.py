#!/usr/bin/env python3
"""Known answers for Diffie-Hellman and for the keys of IKE, computed without OpenSSL's and our code:
primes from pi as RFC 2409 6 and RFC 3526 define them, powers by Python's integers, curves by their
equations, keys by hashlib and hmac. Inputs come from a counter, so that each run prints the same.
`dh` takes half a minute.

    tests/unit/ike_vectors.py dh   > tests/unit/dh_vectors.h
    tests/unit/ike_vectors.py keys > tests/unit/ike_vectors.h
"""

import hashlib
import hmac
import sys

# RFC 2409 6.1, 6.2, RFC 3526: bits and the number k in
# 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + k).
MODP = {1: (768, 149686), 2: (1024, 129093), 14: (2048, 124476), 15: (3072, 1690314),
        16: (4096, 240904), 17: (6144, 929484), 18: (8192, 4743158)}

# FIPS 186-4 D.1.2: p, b, x of the base point, y of it, order; a is -3.
ECP = {
    19: (2**256 - 2**224 + 2**192 + 2**96 - 1,
         0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b,
         0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
         0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5,
         0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551),
    20: (2**384 - 2**128 - 2**96 + 2**32 - 1,
         0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef,
         0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7,
         0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f,
         0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973),
    21: (2**521 - 1,
         0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00,
         0xc6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66,
         0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650,
         0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409),
}


def some_bytes(label, count):
    """Bytes that look random and never change."""
    out = b""
    while len(out) < count:
        out += hashlib.sha256(f"{label} {len(out)}".encode()).digest()
    return out[:count]


def floor_pi(bits):
    """floor(2^bits * pi), by Machin's formula with 64 bits to spare."""
    one = 1 << (bits + 64)

    def arctan_inverse(x):
        total = term = one // x
        n, sign = 3, -1
        while term:
            term //= x * x
            total += sign * (term // n)
            n, sign = n + 2, -sign
        return total

    return (16 * arctan_inverse(5) - 4 * arctan_inverse(239)) >> 64


def modp_prime(group):
    n, k = MODP[group]
    return 2**n - 2**(n - 64) - 1 + 2**64 * (floor_pi(n - 130) + k)


class Modp:
    def __init__(self, group):
        self.prime = modp_prime(group)
        self.bytes = MODP[group][0] // 8
        self.private_bytes = 32
        self.base = 2

    def times(self, element, secret):
        return pow(element, secret, self.prime)

    def public(self, element):
        return element.to_bytes(self.bytes, "big")

    shared = public


class Ecp:
    def __init__(self, group):
        self.prime, b, x, y, order = ECP[group]
        assert (y * y - x**3 + 3 * x - b) % self.prime == 0
        self.base = (x, y)
        self.bytes = (self.prime.bit_length() + 7) // 8
        self.private_bytes = 32
        assert self.times(self.base, order - 1) == (x, self.prime - y)

    def add(self, one, two):
        p = self.prime
        if one is None or two is None:
            return two if one is None else one
        if one[0] == two[0]:
            if one[1] != two[1]:
                return None
            slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, p) % p
        else:
            slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, p) % p
        x = (slope * slope - one[0] - two[0]) % p
        return (x, (slope * (one[0] - x) - one[1]) % p)

    def times(self, element, secret):
        total = None
        for bit in bin(secret)[2:]:
            total = self.add(total, total)
            if bit == "1":
                total = self.add(total, element)
        return total

    def public(self, element):
        return b"".join(part.to_bytes(self.bytes, "big") for part in element)

    def shared(self, element):
        return element[0].to_bytes(self.bytes, "big")


def secrets_of(group, label):
    """Private values in turn."""
    number = 0
    while True:
        yield some_bytes(f"{label} {number}", group.private_bytes)
        number += 1


def first_with_zero(group, element, label, encode, zeros):
    """The first private value that gives an encoding that begins with a zero byte (P-521 does with
    most: there seven bits of the first byte are no part of the field)."""
    for secret in secrets_of(group, label):
        encoded = encode(group.times(element, int.from_bytes(secret, "big")))
        if encoded.startswith(bytes(zeros)):
            return secret


def dh_rows():
    for number in [*MODP, *ECP]:
        group = Modp(number) if number in MODP else Ecp(number)
        zeros = 2 if number == 21 else 1
        # Searching the big groups takes long and shows nothing new.
        zeros = zeros if group.bytes <= 256 else 0
        ours = first_with_zero(group, group.base, f"own {number}", group.public, zeros)
        own = group.times(group.base, int.from_bytes(ours, "big"))
        theirs = first_with_zero(group, own, f"peer {number}", group.shared, zeros)
        peer = group.times(group.base, int.from_bytes(theirs, "big"))
        shared = group.times(peer, int.from_bytes(ours, "big"))
        digest = [hashlib.sha256(value).hexdigest()
                  for value in (group.public(own), group.public(peer), group.shared(shared))]
        yield [str(number), *(quoted(value) for value in [ours.hex(), theirs.hex(), *digest])]


HASHES = {"kMd5": "md5", "kSha1": "sha1", "kSha256": "sha256", "kSha384": "sha384",
          "kSha512": "sha512"}
CIPHERS = {"kDes": (8, 8), "k3des": (24, 8), "kAes128": (16, 16), "kAes192": (24, 16),
           "kAes256": (32, 16)}  # key, block
# Keys shorter, as long as, and longer than the hash, up to two rounds; nonces, shared secrets and
# identities of several lengths.
SUITES = [("kMd5", "kDes", "psk", 8, 96), ("kMd5", "k3des", "signature", 20, 128),
          ("kMd5", "kAes256", "psk", 256, 96), ("kSha1", "k3des", "psk", 20, 128),
          ("kSha1", "kAes128", "signature", 16, 128), ("kSha1", "kAes256", "signature", 33, 32),
          ("kSha256", "kAes256", "psk", 32, 97), ("kSha256", "kAes128", "signature", 64, 66),
          ("kSha384", "kAes192", "psk", 48, 48), ("kSha512", "kAes256", "signature", 129, 128)]


def expand(prf, first, rest, count):
    out = last = prf(first + rest)
    while len(out) < count:
        last = prf(last + rest)
        out += last
    return out[:count]


def key_row(hash_name, cipher, mode, nonce_bytes, shared_bytes):
    name = HASHES[hash_name]
    key_bytes, block = CIPHERS[cipher]
    label = f"{hash_name} {cipher} {mode}"

    def take(what, count):
        return some_bytes(f"{label} {what}", count)

    def prf(key):
        return lambda data: hmac.new(key, data, name).digest()

    def digest(data):
        return hashlib.new(name, data).digest()

    psk = take("psk", nonce_bytes % 50)
    ni, nr = take("ni", nonce_bytes), take("nr", 16)
    gxy, qm_gxy = take("gxy", shared_bytes), take("qm gxy", 66)
    cky_i, cky_r = take("cky-i", 8), take("cky-r", 8)
    gxi, gxr = take("gxi", 96), take("gxr", 96)
    sa, idii, idir = take("sa", 52), take("idii", 8), take("idir", 20)
    payloads, last_block = take("payloads", 70), take("last block", block)
    message_id, spi = take("message id", 4), take("spi", 4)

    skeyid = prf(psk)(ni + nr) if mode == "psk" else prf(ni + nr)(gxy)
    base = gxy + cky_i + cky_r
    skeyid_d = prf(skeyid)(base + b"\0")
    skeyid_a = prf(skeyid)(skeyid_d + base + b"\1")
    skeyid_e = prf(skeyid)(skeyid_a + base + b"\2")
    key = skeyid_e[:key_bytes]
    if len(key) < key_bytes:
        key = expand(prf(skeyid_e), b"\0", b"", key_bytes)
    hash_i = prf(skeyid)(gxi + gxr + cky_i + cky_r + sa + idii)
    hash_r = prf(skeyid)(gxr + gxi + cky_r + cky_i + sa + idir)
    keymat_rest = b"\x03" + spi + ni + nr
    pfs_rest = qm_gxy + b"\x02" + spi + ni + nr
    answers = [skeyid, skeyid_d, skeyid_a, skeyid_e, key, digest(gxi + gxr)[:block],
               digest(last_block + message_id)[:block], hash_i, hash_r,
               prf(skeyid_a)(message_id + payloads), prf(skeyid_a)(message_id + ni + payloads),
               prf(skeyid_a)(b"\0" + message_id + ni + nr),
               expand(prf(skeyid_d), b"", keymat_rest, 72),
               expand(prf(skeyid_d), b"", pfs_rest, 20),
               digest(cky_i + cky_r + bytes([192, 0, 2, 1]) + bytes([0x11, 0x94]))]
    inputs = [psk, ni, nr, gxy, qm_gxy, cky_i, cky_r, gxi, gxr, sa, idii, idir, payloads, last_block]
    return [f"config::Hash::{hash_name}", f"config::Cipher::{cipher}",
            "true" if mode == "psk" else "false", f"0x{message_id.hex()}", f"0x{spi.hex()}",
            *(quoted(value.hex()) for value in inputs + answers)]


def quoted(text):
    """A string literal, in lines that fit."""
    pieces = [text[i:i + 96] for i in range(0, len(text), 96)] or [""]
    return "\n".join(f'"{piece}"' for piece in pieces)


def print_header(title, includes, fields, name, struct, rows):
    print(f"// {title}\n// Printed by tests/unit/ike_vectors.py.\n#pragma once\n")
    for include in includes:
        print(f"#include {include}")
    print(f"\nstruct {struct} {{")
    for kind, names in fields:
        for field in names.split():
            print(f"    {kind} {field};")
    print(f"}};\n\n// clang-format off\ninline constexpr auto {name} = std::to_array<{struct}>({{")
    for row in rows:
        print("    {" + ",\n".join(row) + "},")
    print("});\n// clang-format on")


def main():
    if sys.argv[1:] == ["dh"]:
        print_header(
            "Diffie-Hellman in every group with private values chosen so that values begin with a "
            "zero\n// byte (groups of up to 2048 bits). Values as hex, results as their SHA-256.",
            ["<array>", "<cstdint>", "<string_view>"],
            [("std::uint16_t", "group"), ("std::string_view", "own_private peer_private "
              "own_public_sha256 peer_public_sha256 shared_sha256")],
            "kDhVectors", "DhVector", dh_rows())
    elif sys.argv[1:] == ["keys"]:
        print_header(
            "Keys, hashes and IVs of IKE, all as hex.",
            ['"config/algorithms.h"\n', "<array>", "<cstdint>", "<string_view>"],
            [("config::Hash", "hash"), ("config::Cipher", "cipher"), ("bool", "preshared"),
             ("std::uint32_t", "message_id spi"),
             ("std::string_view", "psk nonce_i nonce_r shared quick_mode_shared cookie_i cookie_r "
              "public_i public_r sa_i id_i id_r payloads last_block"),
             ("std::string_view", "skeyid skeyid_d skeyid_a skeyid_e encryption_key phase1_iv "
              "phase2_iv hash_i hash_r hash1 hash2 hash3 keymat pfs_keymat nat_hash")],
            "kIkeVectors", "IkeVector", (key_row(*suite) for suite in SUITES))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
