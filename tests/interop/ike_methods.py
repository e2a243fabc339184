# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""What netsh calls a method, and what strongSwan calls the same."""
import methods

CIPHERS = {"DES": "des", "3DES": "3des", "AES128": "aes128", "AES192": "aes192",
           "AES256": "aes256"}
HASHES = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384",
          "SHA512": "sha512", "AESXCBC": "aesxcbc"}
# IKE numbers. netsh's 3 is group 14.
GROUPS = {1: "modp768", 2: "modp1024", 3: "modp2048", 14: "modp2048", 15: "modp3072",
          16: "modp4096", 17: "modp6144", 18: "modp8192", 19: "ecp256", 20: "ecp384",
          21: "ecp521", 24: "modp2048s256"}


def ike_proposal(mm_method):
    """Of "3DES-SHA1-2"."""
    cipher, integrity, group = mm_method.split("-")
    return f"{CIPHERS[cipher]}-{HASHES[integrity]}-{GROUPS[int(group)]}"


def _esp_cipher(cipher):
    if cipher is methods.NULL:
        return "null"
    for token, word in (("AESGCM", "gcm"), ("AESCTR", "ctr")):
        if cipher.token.startswith(token):
            bits, _, icv = cipher.token[len(token):].partition("ICV")
            length = (icv or "16") if cipher.aead else ""
            return f"aes{bits}{word}{length}"
    return CIPHERS[cipher.token]


def child_proposal(method, group=None):
    """Of a quick mode method; `group`: of PFS, IKE's number."""
    integrity = method.hash if method.cipher else method.ah
    if integrity.gmac:
        words = [f"aes{integrity.token[len('AESGMAC'):]}gmac"]
    else:
        words = [_esp_cipher(method.cipher)] if method.cipher else []
        words += [HASHES[integrity.token]] if integrity is not methods.NO_HASH else []
    return "-".join([*words, *([GROUPS[group]] if group else [])])
