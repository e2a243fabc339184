# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""The peer: scapy's IPsec, with what scapy 2.5 lacks added at its own seams.

scapy builds and takes apart every packet and computes whatever it can. Added here, from the RFCs
and with python3-cryptography: AES-GCM with a short ICV, AES-XCBC-MAC-96 (RFC 3566), AES-GMAC
(RFC 4543), the high half of an extended sequence number in the ICV of ESP (RFC 4303 2.2.1; scapy
knows it for AEADs and AH), and AH around ESP (scapy would sign the ESP instead). VECTORS prove the
two MACs.
"""
import struct
import warnings

import scapy.all as scapy
from scapy.all import IP, UDP, IPv6, Raw
from scapy.layers import ipsec
from scapy.layers.ipsec import AH, ESP, IPSecIntegrityError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes

GMAC_IV = 8  # RFC 4543 3.1, 4: in front of the tag in AH, in front of the payload in ESP


def xcbc(key, data):
    """RFC 3566 4, all 16 bytes."""
    def encrypt(k, block):
        return Cipher(algorithms.AES(k), modes.ECB()).encryptor().update(block)

    def xor(a, b):
        return bytes(x ^ y for x, y in zip(a, b, strict=True))
    k1, k2, k3 = (encrypt(key, bytes([n]) * 16) for n in (1, 2, 3))
    blocks = [data[i:i + 16] for i in range(0, len(data), 16)] or [b""]
    state = bytes(16)
    for block in blocks[:-1]:
        state = encrypt(k1, xor(state, block))
    last = blocks[-1]
    mask = k2 if len(last) == 16 else k3
    padded = last if len(last) == 16 else (last + b"\x80").ljust(16, b"\0")
    return encrypt(k1, xor(xor(state, padded), mask))


def gmac(key_and_salt, iv, data):
    """RFC 4543 2: GCM of nothing, with all the data as additional data."""
    return aead.AESGCM(key_and_salt[:-4]).encrypt(key_and_salt[-4:] + iv, b"", data)


class Mac:
    """A MAC in progress as scapy uses it."""

    def __init__(self, compute):
        self.compute = compute
        self.data = b""

    def update(self, data):
        self.data += data

    def finalize(self):
        return self.compute(self.data)


class PeerAuth(ipsec.AuthAlgo):
    """scapy's algorithm `stock`, or XCBC without one, for one SA."""

    def __init__(self, method_hash, stock, esp_esn):
        base = ipsec.AUTH_ALGOS[stock] if stock else None
        super().__init__(method_hash.token, base.mac if base else Mac,
                         base.digestmod if base else None, method_hash.icv)
        self.stock = base
        self.esp_esn = esp_esn
        self.high = 0  # of the sequence number; set for each packet

    def new_mac(self, key):
        def compute(data):
            if self.esp_esn:
                data += struct.pack("!L", self.high)
            if self.stock is None:
                return xcbc(key, data)
            mac = self.stock.new_mac(key)
            mac.update(data)
            return mac.finalize()
        return Mac(compute)

    def sign(self, pkt, key, esn_en=False, esn=0):
        """AH that holds ESP: scapy must not see the ESP, or it would sign that."""
        if pkt.haslayer(AH) and pkt.haslayer(ESP):
            inner = bytes(pkt[AH].payload)
            pkt[AH].remove_payload()
            pkt = pkt / Raw(inner)
        return super().sign(pkt, key, esn_en, esn)


class AhGmac(PeerAuth):
    """RFC 4543 4: the ICV field of AH is the IV and the tag. Both count as zero in the ICV's input
    (RFC 4302 3.3.3.1: the ICV field; the IV goes in by the nonce)."""

    def __init__(self, method_hash, iv):
        super().__init__(method_hash, None, False)
        self.icv_size = GMAC_IV + method_hash.icv
        self.iv = iv

    def new_mac(self, key):
        return Mac(lambda data: self.iv + gmac(key, self.iv, data))

    def verify(self, pkt, key, esn_en=False, esn=0):
        self.iv = bytes(pkt[AH].icv[:GMAC_IV])
        super().verify(pkt, key, esn_en, esn)


class EspGmac(ipsec.CryptAlgo):
    """RFC 4543 3: the null cipher with an IV; the tag covers SPI, sequence number, IV, payload."""

    def __init__(self):
        super().__init__("AES-GMAC", cipher=None, mode=None, block_size=1, iv_size=GMAC_IV,
                         icv_size=16)

    @staticmethod
    def tag(sa, esp, body, esn_en, esn):
        number = struct.pack("!LL", esn, esp.seq) if esn_en else struct.pack("!L", esp.seq)
        data = struct.pack("!L", esp.spi) + number + body
        return gmac(sa.crypt_key + sa.crypt_salt, body[:GMAC_IV], data)

    def encrypt(self, sa, esp, key, icv_size=None, esn_en=False, esn=0):
        body = esp.iv + esp.data_for_encryption()
        return ESP(spi=esp.spi, seq=esp.seq,
                   data=body + self.tag(sa, esp, body, esn_en, esn))

    def decrypt(self, sa, esp, key, icv_size=None, esn_en=False, esn=0):
        if self.tag(sa, esp, esp.data[:-16], esn_en, esn) != esp.data[-16:]:
            raise IPSecIntegrityError("AES-GMAC")
        return super().decrypt(sa, esp, key, 16)


def short_gcm(icv):
    return ipsec.CryptAlgo("AES-GCM", cipher=algorithms.AES, mode=modes.GCM, block_size=1,
                           iv_size=8, salt_size=4, icv_size=icv,
                           format_mode_iv=lambda sa, iv, **_: sa.crypt_salt + iv)


class Association:
    """One direction of one method, as the peer sees it. `tunnel`: the outer header, which protect()
    copies; None in transport mode. `nat_t`: ESP in UDP (RFC 3948)."""

    def __init__(self, method, keys, *, spi, ahspi=0, esn=False, tunnel=None, nat_t=False):
        self.method = method
        self.esp = self.ah = None
        self.auths = []
        if method.cipher:
            self.esp = self._make_esp(method, keys, spi, esn, nat_t)
            self.esp.tunnel_header = tunnel
        if method.ah:
            auth = (AhGmac(method.ah, bytes(GMAC_IV)) if method.ah.gmac
                    else PeerAuth(method.ah, method.ah.scapy, False))
            self.ah = ipsec.SecurityAssociation(AH, spi=ahspi if method.bundle else spi, esn_en=esn)
            self.ah.auth_algo = auth
            self.ah.auth_key = keys.ah if method.bundle else keys.auth
            self.auths.append(auth)
            if not method.bundle:
                self.ah.tunnel_header = tunnel

    def _make_esp(self, method, keys, spi, esn, nat_t):
        cipher, integrity = method.cipher, method.hash
        sa = ipsec.SecurityAssociation(ESP, spi=spi, esn_en=esn,
                                       nat_t_header=UDP(sport=4500, dport=4500) if nat_t else None)
        key, salt = keys.cipher, cipher.salt
        if integrity.gmac:
            sa.crypt_algo = EspGmac()
            key, salt = keys.auth, integrity.salt
        elif cipher.scapy:
            sa.crypt_algo = ipsec.CRYPT_ALGOS[cipher.scapy]
        else:
            sa.crypt_algo = short_gcm(cipher.icv)
        sa.crypt_key, sa.crypt_salt = key[:len(key) - salt], key[len(key) - salt:]
        if integrity.icv and not integrity.gmac:
            sa.auth_algo = PeerAuth(integrity, integrity.scapy, esn)
            sa.auth_key = keys.auth
            self.auths.append(sa.auth_algo)
        return sa

    @property
    def extended(self):
        """Whether something that scapy lacks takes part."""
        method = self.method
        return (method.bundle or any(h and h.icv and not h.scapy for h in (method.ah, method.hash))
                or bool(method.cipher) and (not method.cipher.scapy
                                            or self.esp.esn_en and not method.cipher.aead))

    def _stages(self):
        return [sa for sa in (self.esp, self.ah) if sa]

    def protect(self, packet, number, ivs=None, tunnel=None):
        """The protected packet with the 64-bit sequence number. `ivs`: of ESP and AH, b"" where
        there is none; `tunnel`: another outer header than usual."""
        esp_iv, ah_iv = ivs or (None, b"INTEROP!")
        for auth in self.auths:
            auth.high = number >> 32
            if isinstance(auth, AhGmac):
                auth.iv = ah_iv
        for sa in self._stages():
            usual = sa.tunnel_header
            sa.tunnel_header = tunnel if tunnel and usual else usual
            sa.seq_num = number & 0xffffffff
            packet = sa.encrypt(packet, iv=esp_iv if sa is self.esp else None, esn=number >> 32)
            sa.tunnel_header = usual
            if sa.nat_t_header:
                del packet[UDP].len  # scapy counts no ESP in it
            packet = packet.__class__(bytes(packet))
        return packet

    def unprotect(self, packet, high=0):
        """The packet as it was; raises when an ICV, a length or the padding is wrong. `high`: half
        of the sequence number."""
        for auth in self.auths:
            auth.high = high
        for sa in reversed(self._stages()):
            packet = sa.decrypt(packet.__class__(bytes(packet)), esn=high)
        return bytes(packet)

    def ivs(self, packet):
        """Of a protected packet, for protect()."""
        esp_iv = ah_iv = b""
        if self.esp:  # scapy does not look for ESP behind AH
            esp = ESP(bytes(packet[AH].payload)) if self.ah else packet[ESP]
            esp_iv = bytes(esp.data[:self.esp.crypt_algo.iv_size])
        if self.ah and self.method.ah.gmac:
            ah_iv = bytes(packet[AH].icv[:GMAC_IV])
        return esp_iv, ah_iv


ERRORS = (IPSecIntegrityError, InvalidTag, TypeError, ValueError, IndexError, AttributeError,
          struct.error)

# Name, function, arguments, result. XCBC: RFC 3566 4.6. GMAC: an ESP packet of
# draft-mcgrew-gcm-test-01 with its key and salt.
COUNT = bytes(range(34))
VECTORS = [
    *[(f"AES-XCBC of {len(data)} bytes", xcbc, (COUNT[:16], data), result)
      for data, result in [(b"", "75f0251d528ac01c4573dfd584d79f29"),
                           (COUNT[:3], "5b376580ae2f19afe7219ceef172756f"),
                           (COUNT[:16], "d2a246fa349b68a79998a4394ff7a263"),
                           (COUNT[:20], "47f51b4564966215b8985c63055ed308"),
                           (COUNT[:32], "f54f0ec8d2b9f3d36807734bd5283fd4"),
                           (COUNT[:34], "becbb3bccdb518a30677d5481fb6b4d8"),
                           (bytes(1000), "f0dafee895db30253761103b5d84528f")]],
    ("AES-GMAC of an ESP packet", gmac,
     (bytes.fromhex("4c80cdefbb5d10da906ac73c3613a63422433c64"), bytes(8), bytes.fromhex(
         "00004321000000070000000000000000"
         "45000030da3a00008001df3bc0a80005c0a800010800c6cd0200070061626364"
         "65666768696a6b6c6d6e6f707172737401020201")),
     "f2a9a836e155106aa8dcd618e4099aaa"),
]


def failed_vectors():
    for name, function, arguments, result in VECTORS:
        actual = function(*arguments).hex()
        yield name, [] if actual == result else [f"is {actual}, must be {result}"]


def dissect(data):
    return (IP if data[0] >> 4 == 4 else IPv6)(data)


def dump(data):
    return scapy.hexdump(data, dump=True)
