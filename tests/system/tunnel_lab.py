"""Two gateways with a router between them, for tests/system and tools/demo.

    A 10.1.0.2 --- gateway 1 192.0.2.1 --- W --- 198.51.100.1 gateway 2 --- B 10.2.0.2
      fd00:1::2    2001:db8:1::1           |     2001:db8:2::1              fd00:2::2
                                         router

W stands for the Internet: it sees, may keep and may repeat all that the gateways send each other.
Everything is gone when the lab is closed (support.py).
"""

import collections
import contextlib
import json
import os
import pathlib
import select
import shutil
import socket
import struct
import sys
import tempfile
import threading
import types

import support
from support import A4, A6, B4, B6, GW_A4, GW_A6, GW_B4, GW_B6, MAC, Daemon, run

# Methods, keys and tshark are those of the interoperability tests.
sys.path.insert(0, str(support.ROOT / "tests" / "interop"))
import methods  # noqa: E402  (found through the line above)
import tshark  # noqa: E402

ONE4, TWO4 = "192.0.2.1", "198.51.100.1"
ONE6, TWO6 = "2001:db8:1::1", "2001:db8:2::1"
ROUTER_ONE4, ROUTER_TWO4 = "192.0.2.254", "198.51.100.254"
ROUTER_ONE6, ROUTER_TWO6 = "2001:db8:1::fe", "2001:db8:2::fe"
MAC.update(ga=MAC["gwa"], gb=MAC["gwb"],
           g1="02:00:00:00:01:01", w1="02:00:00:00:01:fe",
           g2="02:00:00:00:02:01", w2="02:00:00:00:02:fe")

GCM = methods.esp("AESGCM128")
# What a link's machines say to find each other.
LINK = {"ARP", "ND", "MLD"}
PROTOCOLS = {0: "MLD", 50: "ESP", 51: "AH", 6: "TCP", 17: "UDP", 1: "ICMP", 58: "ICMPv6"}
ND_TYPES = range(133, 138)
MLD_TYPES = (130, 131, 132, 143)
# Of Linux, unknown to the module socket.
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0


def protocol_of(frame):
    """What a sniffer would call the frame: ESP, ARP, ND; of a fragment what it is a piece of."""
    ether_type = struct.unpack_from("!H", frame, 12)[0]
    if ether_type == 0x0806:
        return "ARP"
    if ether_type == 0x0800:
        number = frame[14 + 9]
    elif ether_type == 0x86DD:
        number, at = frame[14 + 6], 14 + 40
        if number == 44:  # a fragment header
            number = frame[at]
        elif number == 58 and frame[at] in ND_TYPES:
            return "ND"
        elif number == 0 and frame[at + 8] not in MLD_TYPES:
            return "hop-by-hop"
    else:
        return hex(ether_type)
    return PROTOCOLS.get(number, str(number))


class Capture:
    """What both gateways send to the router, until the with statement ends."""

    def __init__(self, lab):
        self.frames = []
        self.sockets = []
        for interface in ("w1", "w2"):
            wire = support.Wire(lab.wire, interface)
            wire.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            self.sockets.append(wire.socket)
        self.done = threading.Event()
        self.reader = threading.Thread(target=self._read)

    def __enter__(self):
        self.reader.start()
        return self

    def __exit__(self, *exception):
        self.done.set()
        self.reader.join()
        lost = 0
        for one in self.sockets:
            statistics = one.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
            lost += struct.unpack("II", statistics)[1]
            one.close()
        if lost and exception[0] is None:
            raise AssertionError(f"the capture lost {lost} frames")

    def _read(self):
        """Ends when it was told to and what had arrived by then has been read."""
        while True:
            last = self.done.is_set()
            readable = select.select(self.sockets, [], [], 0 if last else 0.05)[0]
            if last and not readable:
                return
            for one in readable:
                data, address = one.recvfrom(65536)
                if address[2] != socket.PACKET_OUTGOING:
                    self.frames.append(data)

    def protocols(self):
        return collections.Counter(map(protocol_of, self.frames))

    def only(self, *protocols):
        """Whether the wire showed each of these, and nothing else but what finds neighbours."""
        seen = set(self.protocols())
        return seen >= set(protocols) and seen <= set(protocols) | LINK

    def of(self, protocol, source=None):
        """IP packets of one protocol, without Ethernet header, from one IPv4 sender."""
        wanted = source and socket.inet_aton(source)
        return [frame[14:] for frame in self.frames
                if protocol_of(frame) == protocol and (not source or frame[26:30] == wanted)]

    def shows(self, text):
        """Whether the bytes can be read anywhere on the wire."""
        return any(text in frame for frame in self.frames)


class TunnelGateway:
    """One gateway: its namespace, its daemon and what its ports are called."""

    def __init__(self, lab, space, number):
        self.space = space
        self.number = number
        self.name = f"gateway {number}"
        self.directory = pathlib.Path(lab.directory) / f"gateway{number}"
        self.directory.mkdir()
        self.file_prefix = f"{lab.file_prefix}-{number}"
        self.daemon = Daemon(space, self.directory, self._toml(lab.ike_settings(self)))

    def _toml(self, ike):
        lan = {"name": "lan"}
        wan = {"name": "wan", "device": support.af_xdp(1, f"g{self.number}")}
        if self.number == 1:
            lan.update(device=support.af_xdp(0, "ga"), addresses=[f"{GW_A4}/24", f"{GW_A6}/64"])
            wan.update(addresses=[f"{ONE4}/24", f"{ONE6}/64"])
            routers = ROUTER_ONE4, ROUTER_ONE6
        else:
            lan.update(device=support.af_xdp(0, "gb"), addresses=[f"{GW_B4}/24", f"{GW_B6}/64"])
            wan.update(addresses=[f"{TWO4}/24", f"{TWO6}/64"])
            routers = ROUTER_TWO4, ROUTER_TWO6
        return support.gateway_toml(self.directory, self.file_prefix, [lan, wan],
                                    routes=list(zip(("0.0.0.0/0", "::/0"), routers, strict=True)),
                                    memory_mb=256, mbufs=8192, ike=ike)

    def drop(self, reason):
        return self.daemon.drops()[reason]

    def sa(self, spi, destination):
        """The row of `show qmsas`."""
        return next(row for row in self.daemon.json("dynamic show qmsas all")["qm_sas"]
                    if row["spi"] == spi and row["destination"] == destination)

    def log_lines(self, *words):
        return [line for line in self.daemon.log().splitlines()
                if all(word in line for word in words)]


class TunnelLab(support.Lab):
    """Use it in a with statement; then start()."""

    def __init__(self, prefix=None):
        super().__init__(names=("a", "g1", "w", "g2", "b"), prefix=prefix)
        self.keys = []  # each key ever given to a gateway, in hexadecimal

    def _build(self):
        for number in (1, 2):
            self.stack.callback(shutil.rmtree, f"/var/run/dpdk/{self.file_prefix}-{number}", True)
        self.directory = tempfile.mkdtemp(prefix="portcullis-")
        self.stack.callback(shutil.rmtree, self.directory, True)
        self.a, one, self.wire, two, self.b = self._namespaces()
        for gateway in (one, two):
            gateway.sysctl("net.ipv4.conf.all.forwarding", 0)
            gateway.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self._connect_host(self.a, "a", one, "ga", (A4, A6), (GW_A4, GW_A6))
        self._connect_host(self.b, "b", two, "gb", (B4, B6), (GW_B4, GW_B6))
        self._start_router(one, two)
        self.one, self.two = TunnelGateway(self, one, 1), TunnelGateway(self, two, 2)
        self.gateways = (self.one, self.two)
        for gateway in self.gateways:
            self.stack.callback(gateway.daemon.close)

    @staticmethod
    def _connect_host(host, inner, gateway, outer, own, routers):
        support.connect(host, inner, gateway, outer)
        run("ip", "-n", gateway.name, "link", "set", "dev", outer, "up")
        run("ip", "-n", host.name, "addr", "add", f"{own[0]}/24", "dev", inner)
        run("ip", "-n", host.name, "addr", "add", f"{own[1]}/64", "dev", inner, "nodad")
        run("ip", "-n", host.name, "link", "set", "dev", inner, "up")
        for router in routers:
            run("ip", "-n", host.name, "route", "add", "default", "via", router)

    def _start_router(self, one, two):
        self._router_settings()
        for gateway, outer, inner, own in ((one, "g1", "w1", (ROUTER_ONE4, ROUTER_ONE6)),
                                           (two, "g2", "w2", (ROUTER_TWO4, ROUTER_TWO6))):
            support.connect(gateway, outer, self.wire, inner)
            run("ip", "-n", gateway.name, "link", "set", "dev", outer, "up")
            self._router_port(inner, own)

    def _router_settings(self):
        self.wire.sysctl("net.ipv4.ip_forward", 1)
        self.wire.sysctl("net.ipv6.conf.all.forwarding", 1)
        # The router sends as many ICMP errors as a test provokes.
        self.wire.sysctl("net.ipv4.icmp_ratelimit", 0)
        self.wire.sysctl("net.ipv6.icmp.ratelimit", 0)

    def _router_port(self, interface, own):
        run("ip", "-n", self.wire.name, "addr", "add", f"{own[0]}/24", "dev", interface)
        run("ip", "-n", self.wire.name, "addr", "add", f"{own[1]}/64", "dev", interface, "nodad")
        run("ip", "-n", self.wire.name, "link", "set", "dev", interface, "up")

    def ike_settings(self, _gateway):
        """The section [ike] of gateway.toml. SAs are what the tests install, and no others."""
        return {"enabled": False}

    def start(self):
        for gateway in self.gateways:
            gateway.daemon.start()

    # --- Policy and SAs

    def tunnel_policy(self, end_one=ONE4, end_two=TWO4):
        """On both gateways, two tunnel rules that protect what A's and B's networks exchange."""
        for gateway in self.gateways:
            static = self._new_policy(gateway, "tunnel")
            for name, here, there, end in (("there", 1, 2, end_two), ("back", 2, 1, end_one)):
                static(f"add filterlist name={name}")
                for source, destination in ((f"10.{here}.0.0/24", f"10.{there}.0.0/24"),
                                            (f"fd00:{here}::/64", f"fd00:{there}::/64")):
                    static(f"add filter filterlist={name} srcaddr={source} dstaddr={destination} "
                           "mirrored=no")
                static(f"add rule name={name} policy=tunnel filterlist={name} "
                       f"filteraction=protect tunnel={end}")
            static("set policy name=tunnel assign=yes")

    def transport_policy(self):
        """On both gateways, one rule that protects what the gateways themselves exchange."""
        for gateway, peers in ((self.one, (TWO4, TWO6)), (self.two, (ONE4, ONE6))):
            static = self._new_policy(gateway, "transport")
            static("add filterlist name=peer")
            for peer in peers:
                static(f"add filter filterlist=peer srcaddr=me dstaddr={peer}")
            static("add rule name=peer policy=transport filterlist=peer filteraction=protect")
            static("set policy name=transport assign=yes")

    @staticmethod
    def _new_policy(gateway, name):
        static = gateway.daemon.static
        static("delete all")
        static(f'add filteraction name=protect action=negotiate qmsecmethods="{GCM.name}"')
        static(f"add policy name={name}")
        return static

    def key(self, length):
        self.keys.append(os.urandom(length).hex())
        return self.keys[-1]

    def add_sa(self, spi, source, destination, words, on=None):
        """One SA, on both gateways unless `on` names one."""
        line = f"add sa spi={spi:#x} srcaddr={source} dstaddr={destination} {words}"
        for gateway in [on] if on else self.gateways:
            gateway.daemon.dynamic(line)

    def add_pair(self, spi, method=GCM, mode="tunnel", words="", ends=(ONE4, TWO4), life=""):
        """An SA from gateway 1 to 2 with the SPI and one back with the next. Returns the keys of
        their ciphers. `life`: such as ":20480k/3600s"."""
        ciphers = []
        for number, source, destination in ((spi, *ends), (spi + 1, *reversed(ends))):
            line = [f'method="{method.name}{life}" mode={mode}', words]
            if method.cipher and method.cipher.key:
                ciphers.append(self.key(method.cipher.key + method.cipher.salt))
                line.append(f"enckey={ciphers[-1]}")
            integrity = method.hash if method.cipher else method.ah
            if integrity is not methods.NO_HASH:
                line.append(f"authkey={self.key(integrity.key + integrity.salt)}")
            if method.bundle:
                line.append(f"ahspi={number + 0x100:#x} "
                            f"ahkey={self.key(method.ah.key + method.ah.salt)}")
            self.add_sa(number, source, destination, " ".join(line))
        return ciphers

    def delete_sas(self):
        for gateway in self.gateways:
            gateway.daemon.netsh("ipsec", "dynamic", "delete", "sa", "all", check=False)

    # --- Traffic

    def capture(self):
        return Capture(self)

    def send_udp(self, address, payload, sender=None, port=7000, may_fragment=False):
        """From host A unless another is named. `may_fragment`: routers may, DF is clear."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with (sender or self.a).entered(), socket.socket(family, socket.SOCK_DGRAM) as one:
            if may_fragment:
                one.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
            one.sendto(payload, (address, port))

    @contextlib.contextmanager
    def udp_receiver(self, address, receiver=None, port=7000):
        """A bound socket, of host B unless another is named."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with (receiver or self.b).entered():
            one = socket.socket(family, socket.SOCK_DGRAM)
        with one:
            one.bind((address, port))
            one.settimeout(3)
            yield one

    @staticmethod
    def clear_udp(source, destination, payload, port=7000):
        """The bytes of an IPv4 or IPv6 packet with a datagram."""
        from scapy.layers.inet import IP, UDP
        from scapy.layers.inet6 import IPv6
        ip = (IPv6 if ":" in source else IP)(src=source, dst=destination)
        return bytes(ip / UDP(sport=9, dport=port) / payload)

    def inject(self, packet, towards=2):
        """The router sends an IP packet to one of the gateways, whatever the packet says."""
        interface = f"w{towards}"
        destination, source = (bytes.fromhex(MAC[name].replace(":", ""))
                               for name in (f"g{towards}", interface))
        wire = support.Wire(self.wire, interface)
        wire.send(destination + source + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd")
                  + packet)
        wire.close()

    @staticmethod
    def tshark_payloads(packets, spi, key, ends=(ONE4, TWO4)):
        """The UDP payload that tshark finds in each ESP packet of an SA with AES-GCM over IPv4."""
        row = tshark.uat(4, *ends, spi, GCM,
                         types.SimpleNamespace(cipher=bytes.fromhex(key), auth=b""))
        frames = [bytes(12) + b"\x08\x00" + packet for packet in packets]
        return [payload for payload, _ in tshark.decode(frames, [row])]

    @staticmethod
    def iperf(client, server, address, seconds=1.5, rate="100M"):
        """Mbit/s that arrived over TCP."""
        server.start("iperf3", "-s", "-1", "-B", address)
        support.wait_until(lambda: ":5201" in server.run("ss", "-ltn").stdout, "iperf3 listens")
        result = client.run("iperf3", "-c", address, "-t", seconds, "-b", rate, "-J",
                            timeout=seconds + 20)
        return json.loads(result.stdout)["end"]["sum_received"]["bits_per_second"] / 1e6

    @staticmethod
    def path_mtu(host, address):
        """What the host's kernel has learnt of the path, 0 if nothing."""
        words = host.run("ip", "route", "get", address).stdout.split()
        return int(words[words.index("mtu") + 1]) if "mtu" in words else 0

    @staticmethod
    def forget_path_mtu(host):
        for family in ("-4", "-6"):
            host.run("ip", family, "route", "flush", "cache")
