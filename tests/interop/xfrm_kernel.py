# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""The kernel's IPsec as charon's plugin kernel-netlink sees it, for kernels that have none.

Keeps the SAs that charon installs, and answers pings through them: scapy decrypts what the gateway
sends with the keys charon derived, and encrypts the answer (scapy_ipsec.py). xfrm_shim.cpp leads
charon here. Numbers and layouts are those of linux/xfrm.h.
"""
import contextlib
import dataclasses
import os
import queue
import select
import socket
import struct
import threading
import types

import methods
import scapy_ipsec
from scapy.all import ICMP, IP, UDP, IPv6, Raw
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_DUMP = 0x300
NEWSA, DELSA, GETSA, NEWPOLICY, ALLOCSPI, UPDSA = 16, 17, 18, 19, 22, 26
ALG_AUTH, ALG_CRYPT, ENCAP, ALG_AEAD, ALG_AUTH_TRUNC, REPLAY_ESN = 1, 2, 4, 18, 20, 23
SA_BYTES = 224  # struct xfrm_usersa_info
ENOENT = 2
SOL_UDP, UDP_ENCAP = 17, 100

CIPHERS = {"cipher_null": "None", "ecb(cipher_null)": "None", "des": "DES", "cbc(des)": "DES",
           "des3_ede": "3DES", "cbc(des3_ede)": "3DES"}
HASHES = {"md5": "MD5", "hmac(md5)": "MD5", "sha1": "SHA1", "hmac(sha1)": "SHA1",
          "sha256": "SHA256", "hmac(sha256)": "SHA256", "hmac(sha384)": "SHA384",
          "hmac(sha512)": "SHA512", "xcbc(aes)": "AESXCBC"}


@dataclasses.dataclass
class InstalledSa:
    """One direction, as charon installed it."""

    spi: int
    protocol: int  # 50 or 51
    source: str
    destination: str
    reqid: int
    tunnel: bool
    family: int
    method: methods.Method
    keys: types.SimpleNamespace
    encapsulation: tuple | None  # UDP source and destination port
    association: scapy_ipsec.Association = None
    sent: int = 0

    def __post_init__(self):
        outer = None
        if self.tunnel:
            outer = (IPv6 if self.family == socket.AF_INET6 else IP)(src=self.source,
                                                                    dst=self.destination)
        self.association = scapy_ipsec.Association(
            self.method, self.keys, spi=self.spi, tunnel=outer,
            nat_t=bool(self.encapsulation))
        if self.encapsulation:
            source, destination = self.encapsulation
            self.association.esp.nat_t_header = UDP(sport=source, dport=destination)


def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def address_of(family, data):
    return socket.inet_ntop(family, data[:16 if family == socket.AF_INET6 else 4])


def algorithm(data, fields):
    """(name, [key bits, ...], key)"""
    numbers = struct.unpack_from(f"={fields}I", data, 64)
    key = data[64 + 4 * fields:64 + 4 * fields + numbers[0] // 8]
    return data[:64].split(b"\0")[0].decode(), numbers, key


def method_of(protocol, found):
    """(method, keys) of the attributes of an SA."""
    integrity, auth_key = "None", b""
    if ALG_AUTH_TRUNC in found or ALG_AUTH in found:
        kind, fields = (ALG_AUTH_TRUNC, 2) if ALG_AUTH_TRUNC in found else (ALG_AUTH, 1)
        name, _, auth_key = algorithm(found[kind], fields)
        integrity = HASHES[name]
    if protocol == socket.IPPROTO_AH:
        return methods.ah_alone(integrity), types.SimpleNamespace(cipher=b"", auth=auth_key, ah=b"")
    if ALG_AEAD in found:
        name, (_, icv_bits), key = algorithm(found[ALG_AEAD], 2)
        bits = len(key) * 8 - 32
        if name.startswith("rfc7539"):
            cipher = "CHACHA20POLY1305"
        elif name.startswith("rfc4543"):
            return (methods.esp("None", f"AESGMAC{bits}"),
                    types.SimpleNamespace(cipher=b"", auth=key, ah=b""))
        else:
            cipher = f"AESGCM{bits}" + ("" if icv_bits == 128 else f"ICV{icv_bits // 8}")
    else:
        name, _, key = algorithm(found[ALG_CRYPT], 1)
        if name in ("aes", "cbc(aes)"):
            cipher = f"AES{len(key) * 8}"
        elif name.startswith("rfc3686"):
            cipher = f"AESCTR{len(key) * 8 - 32}"
        else:
            cipher = CIPHERS[name]
    return (methods.esp(cipher, integrity),
            types.SimpleNamespace(cipher=key, auth=auth_key, ah=b""))


def parse_sa(body):
    """struct xfrm_usersa_info and what follows it."""
    family = struct.unpack_from("=H", body, 212)[0]
    found = attributes(body[SA_BYTES:])
    protocol = body[56 + 20]
    method, keys = method_of(protocol, found)
    encapsulation = None
    if ENCAP in found:
        encapsulation = struct.unpack_from("!HH", found[ENCAP], 2)
    return InstalledSa(
        spi=struct.unpack_from("!I", body, 56 + 16)[0], protocol=protocol,
        source=address_of(family, body[80:96]), destination=address_of(family, body[56:72]),
        reqid=struct.unpack_from("=I", body, 208)[0], tunnel=body[214] == 1, family=family,
        method=method, keys=keys, encapsulation=encapsulation)


class XfrmKernel:
    """Serves one charon in namespace `space`, whose wire is `interface`."""

    def __init__(self, path, space, interface, addresses):
        self.path = str(path)
        self.addresses = addresses  # of the namespace
        self.lock = threading.Lock()
        self.sas = {}  # by (destination, protocol, SPI)
        self.history = []  # each SA ever installed
        self.errors = []
        self.answered = 0
        self.replies = queue.SimpleQueue()  # numbers of the echo replies to ping()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen()
        with space.entered():
            self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
            self.wire.bind((interface, 0))
            self.senders = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                             socket.IPPROTO_RAW),
                            6: socket.socket(socket.AF_INET6, socket.SOCK_RAW,
                                             socket.IPPROTO_RAW)}
        # The kernel below has no SAs and would say so to the gateway. ESP in UDP: its marker is not 0.
        space.run("nft", "add table inet portcullis { chain input { type filter hook input "
                  "priority 0; meta l4proto { esp, ah } drop; udp dport 4500 @th,64,32 != 0 drop; "
                  "}; }")
        self.wake, self.waker = os.pipe()
        self.threads = [threading.Thread(target=target, daemon=True)
                        for target in (self._serve, self._carry)]
        for thread in self.threads:
            thread.start()

    def close(self):
        os.close(self.waker)
        for thread in self.threads:
            thread.join()
        os.close(self.wake)
        for one in (self.listener, self.wire, *self.senders.values()):
            one.close()

    # --- Control: netlink

    def _serve(self):
        connections = []
        while True:
            readable = select.select([self.wake, self.listener, *connections], [], [])[0]
            if self.wake in readable:
                break
            for one in readable:
                if one is self.listener:
                    connections.append(one.accept()[0])
                    continue
                data = one.recv(65536)
                if not data:
                    connections.remove(one)
                    one.close()
                    continue
                one.send(self._answer(data))
        for one in connections:
            one.close()

    def _answer(self, data):
        length, kind, flags, number, process = struct.unpack_from("=IHHII", data)
        body = data[16:length]

        def reply(answer, content):
            return struct.pack("=IHHII", 16 + len(content), answer, 0, number, process) + content

        if kind == ALLOCSPI:
            low, high = struct.unpack_from("=II", body, SA_BYTES)
            spi = low + int.from_bytes(os.urandom(4), "big") % (high - low + 1)
            return reply(NEWSA, body[:72] + struct.pack("!I", spi) + body[76:SA_BYTES])
        if flags & NLM_F_DUMP == NLM_F_DUMP:
            return reply(NLMSG_DONE, bytes(4))
        error = 0
        try:
            with self.lock:
                error = self._change(kind, body)
        except Exception as problem:  # noqa: BLE001: the test's verdict needs it, charon an answer
            self.errors.append(f"netlink message {kind}: {type(problem).__name__} {problem}")
            error = 22
        return reply(NLMSG_ERROR, struct.pack("=i", -error) + data[:16])

    def _change(self, kind, body):
        if kind in (NEWSA, UPDSA):
            sa = parse_sa(body)
            self.sas[sa.destination, sa.protocol, sa.spi] = sa
            self.history.append(sa)
        elif kind == DELSA:
            spi, family, protocol = struct.unpack_from("!I", body, 16)[0], *struct.unpack_from(
                "=HB", body, 20)
            return 0 if self.sas.pop((address_of(family, body), protocol, spi), None) else ENOENT
        elif kind in (GETSA, 21):
            return ENOENT
        return 0

    def installed(self):
        with self.lock:
            return list(self.sas.values())

    # --- Data: echo requests and replies through the SAs

    def _carry(self):
        while True:
            readable = select.select([self.wake, self.wire], [], [])[0]
            if self.wake in readable:
                return
            data, address = self.wire.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING or address[1] not in (0x0800, 0x86dd):
                continue
            try:
                self._receive(scapy_ipsec.dissect(data))
            except (*scapy_ipsec.ERRORS, OSError) as problem:
                self.errors.append(f"{type(problem).__name__} {problem}: {data.hex()}")

    def _inbound(self, packet):
        """The SA that a packet from the wire names, or nothing."""
        if UDP in packet and packet[UDP].dport == 4500:
            body = bytes(packet[UDP].payload)
            if len(body) < 8 or body[:4] == bytes(4):  # a keepalive; IKE
                return None
            protocol, spi = socket.IPPROTO_ESP, struct.unpack_from("!I", body)[0]
        elif packet.haslayer(scapy_ipsec.ESP):
            protocol, spi = socket.IPPROTO_ESP, packet[scapy_ipsec.ESP].spi
        elif packet.haslayer(scapy_ipsec.AH):
            protocol, spi = socket.IPPROTO_AH, packet[scapy_ipsec.AH].spi
        else:
            return None
        with self.lock:
            sa = self.sas.get((packet.dst, protocol, spi))
        if sa is None:
            raise ValueError(f"no SA with SPI {spi:#x}")
        return sa

    def _receive(self, packet):
        sa = self._inbound(packet)
        if sa is None:
            return
        inner = scapy_ipsec.dissect(sa.association.unprotect(packet))
        reply = self._echo_reply(inner)
        if reply is not None:
            self.send(sa.reqid, reply)
            self.answered += 1

    def _echo_reply(self, inner):
        if ICMP in inner and inner[ICMP].type == 8:
            body = ICMP(type=0, id=inner[ICMP].id, seq=inner[ICMP].seq) / Raw(
                bytes(inner[ICMP].payload))
            return IP(src=inner.dst, dst=inner.src) / body
        if ICMPv6EchoRequest in inner:
            echo = inner[ICMPv6EchoRequest]
            return IPv6(src=inner.dst, dst=inner.src) / ICMPv6EchoReply(
                id=echo.id, seq=echo.seq, data=echo.data)
        if ICMP in inner and inner[ICMP].type == 0:
            self.replies.put(inner[ICMP].seq)
        elif ICMPv6EchoReply in inner:
            self.replies.put(inner[ICMPv6EchoReply].seq)
        return None

    def ping(self, source, destination, count=3, seconds=5.0):
        """How many of `count` echo requests through the newest outbound SA were answered."""
        reqid = next(sa.reqid for sa in reversed(self.installed())
                     if sa.source in self.addresses)
        number = int.from_bytes(os.urandom(2), "big")
        wanted = {(number + n) & 0xffff for n in range(count)}
        for one in sorted(wanted):
            if ":" in source:
                request = IPv6(src=source, dst=destination) / ICMPv6EchoRequest(id=7, seq=one)
            else:
                request = IP(src=source, dst=destination) / ICMP(id=7, seq=one)
            self.send(reqid, request)
        answered = set()
        with contextlib.suppress(queue.Empty):
            while answered != wanted:
                answered |= {self.replies.get(timeout=seconds)} & wanted
        return len(answered)

    def send(self, reqid, packet):
        """Through the newest outbound SA of the pair."""
        with self.lock:
            sa = next((one for one in reversed(self.sas.values())
                       if one.reqid == reqid and one.source in self.addresses), None)
            if sa is None:
                raise ValueError(f"no outbound SA for request {reqid}")
            sa.sent += 1
            protected = sa.association.protect(scapy_ipsec.dissect(bytes(packet)), sa.sent)
        self.senders[protected.version].sendto(bytes(protected), (sa.destination, 0))
