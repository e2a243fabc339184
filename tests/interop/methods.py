# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""What the quick mode methods are made of, as the RFCs state it.

Written from the RFCs and not generated from config/algorithms.h: a wrong size there must not be
repeated here. unknown_tokens() says which rows of that table this page lacks.
"""
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Cipher:
    """Sizes in bytes. `scapy`, `tshark`: their names for it, None where they have none."""

    token: str
    key: int
    salt: int
    iv: int
    icv: int  # of an AEAD, else 0
    scapy: str | None
    tshark: str | None

    @property
    def aead(self):
        return self.icv > 0


@dataclasses.dataclass(frozen=True)
class Hash:
    token: str
    key: int
    salt: int
    icv: int
    scapy: str | None
    tshark: str | None

    @property
    def gmac(self):
        return self.salt > 0


NULL = Cipher("None", 0, 0, 0, 0, "NULL", "NULL")  # RFC 2410
NO_HASH = Hash("None", 0, 0, 0, "NULL", "NULL")

CIPHERS = [
    NULL,
    Cipher("DES", 8, 0, 8, 0, "DES", "DES-CBC [RFC2405]"),
    Cipher("3DES", 24, 0, 8, 0, "3DES", "TripleDES-CBC [RFC2451]"),
    *[Cipher(f"AES{bits}", bits // 8, 0, 16, 0, "AES-CBC", "AES-CBC [RFC3602]")
      for bits in (128, 192, 256)],
    *[Cipher(f"AESGCM{bits}", bits // 8, 4, 8, 16, "AES-GCM",
             "AES-GCM with 16 octet ICV [RFC4106]") for bits in (128, 192, 256)],
    # scapy's AES-GCM cannot shorten the ICV when it decrypts: scapy_ipsec.py helps.
    *[Cipher(f"AESGCM{bits}ICV{icv}", bits // 8, 4, 8, icv, None,
             f"AES-GCM with {icv} octet ICV [RFC4106]")
      for icv in (12, 8) for bits in (128, 192, 256)],
    *[Cipher(f"AESCTR{bits}", bits // 8, 4, 8, 0, "AES-CTR", "AES-CTR [RFC3686]")
      for bits in (128, 192, 256)],
    Cipher("CHACHA20POLY1305", 32, 4, 8, 16, "CHACHA20-POLY1305", None),  # RFC 7634
]

HASHES = [
    NO_HASH,
    Hash("MD5", 16, 0, 12, "HMAC-MD5-96", "HMAC-MD5-96 [RFC2403]"),
    Hash("SHA1", 20, 0, 12, "HMAC-SHA1-96", "HMAC-SHA-1-96 [RFC2404]"),
    Hash("SHA256", 32, 0, 16, "SHA2-256-128", "HMAC-SHA-256-128 [RFC4868]"),
    Hash("SHA384", 48, 0, 24, "SHA2-384-192", "HMAC-SHA-384-192 [RFC4868]"),
    Hash("SHA512", 64, 0, 32, "SHA2-512-256", "HMAC-SHA-512-256 [RFC4868]"),
    Hash("AESXCBC", 16, 0, 12, None, "ANY 96 bit authentication [no checking]"),  # RFC 3566
    *[Hash(f"AESGMAC{bits}", bits // 8, 4, 16, None, None) for bits in (128, 192, 256)],
]


@dataclasses.dataclass(frozen=True)
class Method:
    """AH alone, ESP alone, or ESP within AH."""

    ah: Hash | None
    cipher: Cipher | None  # None: no ESP
    hash: Hash | None

    @property
    def name(self):
        parts = []
        if self.ah:
            parts.append(f"AH[{self.ah.token}]")
        if self.cipher:
            parts.append(f"ESP[{self.cipher.token},{self.hash.token}]")
        return "+".join(parts)

    @property
    def bundle(self):
        return self.ah is not None and self.cipher is not None

    @property
    def integrity(self):
        return self.ah is not None or self.esp_integrity

    @property
    def esp_integrity(self):
        return self.cipher is not None and (self.cipher.aead or self.hash is not NO_HASH)

    @property
    def takes_esn(self):
        """Extended sequence numbers rest on an ICV, of each of a bundle's SAs on its own."""
        return self.cipher is None or self.esp_integrity

    @property
    def tshark(self):
        """tshark verifies no AH, so only the ESP counts. It takes the IV of a GMAC for payload."""
        return bool(self.cipher and self.cipher.tshark and self.hash.tshark)

    @property
    def tshark_checks_icv(self):
        return self.cipher.aead or (self.hash is not NO_HASH
                                    and "no checking" not in self.hash.tshark)


def cipher_of(token):
    return next(c for c in CIPHERS if c.token == token)


def hash_of(token):
    return next(h for h in HASHES if h.token == token)


def esp(cipher, integrity="None", ah=None):
    return Method(hash_of(ah) if ah else None, cipher_of(cipher), hash_of(integrity))


def ah_alone(integrity):
    return Method(hash_of(integrity), None, None)


def all_methods():
    """Everything a method may name. Bundles: every AH with one ESP of each build."""
    methods = []
    for cipher in CIPHERS:
        for integrity in HASHES:
            # RFC 4543 2: GMAC in ESP is for the null cipher; an AEAD brings its own integrity.
            fits = integrity is NO_HASH if cipher.aead else cipher is NULL or not integrity.gmac
            # RFC 4303 3.2: not nothing at all; RFC 3686 3.3: no counter mode without integrity.
            nothing = integrity is NO_HASH and (cipher is NULL or (cipher.salt and not cipher.aead))
            if fits and not nothing:
                methods.append(Method(None, cipher, integrity))
    protocols = [h for h in HASHES if h is not NO_HASH]
    methods += [Method(ah, None, None) for ah in protocols]
    inner = [esp("AES128", "SHA1"), esp("AESGCM128"), esp("None", "SHA256"), esp("3DES"),
             esp("None", "AESGMAC128")]
    methods += [Method(ah, e.cipher, e.hash) for ah in protocols for e in inner]
    return methods


def unknown_tokens(header):
    """Tokens of config/algorithms.h, given as text, that no row here has, and the reverse."""
    def tokens(table, helper):
        begin = header.index(table)
        rows = header[begin:header.index("});", begin)]
        return set(re.findall(rf'(?:{helper}|\{{)\(?(?:Cipher|Hash)::\w+,\s*"(\w+)"', rows))
    ours = {c.token for c in CIPHERS}, {h.token for h in HASHES}
    theirs = tokens("kCiphers =", r"rows::\w+"), tokens("kHashes =", r"rows::\w+")
    return sorted((ours[0] ^ theirs[0]) | (ours[1] ^ theirs[1]))
