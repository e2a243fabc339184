# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""A gateway and strongSwan with a router between them.

    A 10.1.0.2 --- gateway 192.0.2.1 --- W --- 198.51.100.1 strongSwan, 10.2.0.2 behind it
      fd00:1::2    2001:db8:1::1        |      2001:db8:2::1            fd00:2::2
                                     router

W sees what the two send each other, and can be a NAT. Everything is gone when the lab is closed.
"""
import collections
import contextlib
import pathlib
import shutil
import socket
import struct
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "system"))
import support  # noqa: E402  (found through the line above)
import tunnel_lab  # noqa: E402
from support import A4, A6, B4, B6, GW_A4, GW_A6, run  # noqa: E402
from tunnel_lab import (ONE4, ONE6, ROUTER_ONE4, ROUTER_TWO4, ROUTER_TWO6, TWO4,  # noqa: E402
                        TWO6)

import charon  # noqa: E402

SHIM = None  # the built xfrm_shim.cpp
PSK = "sesame, open"
# linux/netfilter/nfnetlink_conntrack.h: delete connections; without a name, all of them.
NETLINK_NETFILTER = 12
CONNTRACK_DELETE = 1 << 8 | 2
NLM_F_REQUEST_ACK = 5


def message_kind(frame):
    """"IKE", "ESP" (also in UDP), "keepalive", or what tunnel_lab calls the frame."""
    protocol = tunnel_lab.protocol_of(frame)
    if protocol != "UDP":
        return protocol
    at = 14 + (40 if frame[12:14] == b"\x86\xdd" else (frame[14] & 15) * 4)
    ports = struct.unpack_from("!HH", frame, at)
    body = frame[at + 8:at + struct.unpack_from("!H", frame, at + 4)[0]]
    if 4500 in ports:
        if body == b"\xff":
            return "keepalive"
        return "IKE" if body[:4] == bytes(4) else "ESP"
    return "IKE" if 500 in ports else "UDP"


class Gateway(tunnel_lab.TunnelGateway):
    """Ours, with a section [ike]."""

    def __init__(self, lab, space):
        self.ike = {}
        super().__init__(lab, space, 1)

    def configure(self, **ike):
        """Values of [ike]; starts the daemon, again where it ran with others."""
        ike = {"retransmit_seconds": 1, **ike}
        if self.runs():
            if ike == self.ike:
                return
            self.daemon.stop()
        self.ike = ike
        self.daemon.config.write_text(self._toml(ike))
        self.daemon.start()
        self.daemon.dynamic("set config property=ikelogging value=1")

    def runs(self):
        return self.daemon.process is not None and self.daemon.process.poll() is None

    def script(self, lines, check=True):
        """A netsh script, each line of which must succeed if `check` says so."""
        path = self.directory / "script.txt"
        path.write_text("\n".join(lines) + "\n")
        return self.daemon.netsh("-f", path, check=check)

    def main_modes(self):
        return self.daemon.json("dynamic show mmsas all")["mm_sas"]

    def quick_modes(self):
        return self.daemon.json("dynamic show qmsas all")["qm_sas"]

    def wait_for_pair(self, seconds=10):
        """Until there are SAs in both directions."""
        support.wait_until(
            lambda: {sa["direction"] for sa in self.quick_modes()} == {"inbound", "outbound"},
            "the gateway has SAs in both directions", seconds)

    def ike_drops(self):
        """Messages not acted upon, by reason."""
        rows = self.daemon.json("dynamic show stats type=ike")["ike_drops"]
        return {row["reason"]: row["messages"] for row in rows}

    def failures(self):
        """What the gateway says of negotiations that failed."""
        return self.daemon.json("dynamic show mmsas all")["failures"]


class IkeLab(tunnel_lab.TunnelLab):
    """`ours`: the gateway is Portcullis; else it is a second strongSwan, which proves the lab."""

    def __init__(self, ours=True, prefix=None):
        support.Lab.__init__(self, names=("a", "g", "w", "p"), prefix=prefix)
        self.ours = ours
        self.peer = None

    def _build(self):
        self.stack.callback(shutil.rmtree, f"/var/run/dpdk/{self.file_prefix}-1", True)
        self.directory = tempfile.mkdtemp(prefix="portcullis-")
        self.stack.callback(shutil.rmtree, self.directory, True)
        self.a, self.one, self.wire, self.two = self._namespaces()
        if self.ours:
            self.one.sysctl("net.ipv4.conf.all.forwarding", 0)
            self.one.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self._connect_host(self.a, "a", self.one, "ga", (A4, A6), (GW_A4, GW_A6))
        self._start_router(self.one, self.two)
        self._as_host(self.two, "g2", (TWO4, TWO6), (ROUTER_TWO4, ROUTER_TWO6), "lo", (B4, B6))
        if self.ours:
            self.gateway = Gateway(self, self.one)
            self.stack.callback(self.gateway.daemon.close)
        else:
            self.one.sysctl("net.ipv4.ip_forward", 1)
            self._as_host(self.one, "g1", (ONE4, ONE6), (ROUTER_ONE4, tunnel_lab.ROUTER_ONE6),
                          "ga", (GW_A4, GW_A6))
            self.gateway = charon.Charon(self.one, f"{self.directory}/gateway")
            self.stack.callback(self.gateway.close)
        self.stack.callback(self.stop_peer)

    @staticmethod
    def ike_settings(gateway):
        return gateway.ike

    @staticmethod
    def _as_host(space, outer, own, routers, inner, inside):
        """The kernel has the addresses itself."""
        for interface, (own4, own6) in ((outer, own), (inner, inside)):
            run("ip", "-n", space.name, "addr", "add", f"{own4}/24", "dev", interface)
            run("ip", "-n", space.name, "addr", "add", f"{own6}/64", "dev", interface, "nodad")
        for router in routers:
            run("ip", "-n", space.name, "route", "add", "default", "via", router)

    def reset(self):
        """Neither side has SAs nor a policy."""
        if self.ours:
            if not self.gateway.runs():  # a case has ended it, which that case had to tell
                self.gateway.configure(**self.gateway.ike)
            self.gateway.daemon.static("delete all")
            self.gateway.daemon.netsh("ipsec", "dynamic", "delete", "sa", "all", check=False)
            support.wait_until(lambda: not self.gateway.quick_modes()
                               and not self.gateway.main_modes(), "the gateway has no SAs")
        else:
            self.gateway.forget()
        if self.peer:
            self.peer.forget()

    def lives(self):
        return self.gateway.runs() if self.ours else self.gateway.process.poll() is None

    def logs(self):
        """(name, text, how many lines of its end matter), for whoever looks into a failure."""
        log = self.gateway.daemon.log() if self.ours else self.gateway.log()
        yield "the gateway", log, 60
        if self.peer:
            yield "strongSwan", self.peer.log(), 80

    # --- The peer

    def start_peer(self, data_plane="libipsec", log_level=2, **options):
        """The peer with that data plane, freshly started unless it runs so already."""
        if self.peer and (self.peer.data_plane, self.peer_options) == (data_plane, options):
            return self.peer
        self.stop_peer()
        run("ip", "netns", "exec", self.two.name, "nft", "flush", "ruleset", check=False)
        directory = f"{self.directory}/peer-{data_plane}"
        shutil.rmtree(directory, True)
        self.peer = charon.Charon(self.two, directory, data_plane=data_plane, interface="g2",
                                  addresses={TWO4, TWO6}, shim=SHIM, options=options,
                                  log_level=log_level)
        self.peer_options = options
        return self.peer.start()

    def stop_peer(self):
        if self.peer:
            self.peer.close()
            self.peer = None

    # --- The router

    @contextlib.contextmanager
    def nat(self, behind):
        """The router hides the `gateway` or the `peer` behind its own address."""
        out = {"gateway": "w2", "peer": "w1"}[behind]
        self.wire.run("nft", "add table ip nat { chain out { type nat hook postrouting priority "
                      f"srcnat; oifname {out} masquerade; }}; }}")
        self._forget_flows()
        try:
            yield
        finally:
            self.wire.run("nft", "delete table ip nat")
            self._forget_flows()

    @contextlib.contextmanager
    def cut(self):
        """Nothing passes the router."""
        self.wire.run("nft", "add table inet cut { chain all { type filter hook forward priority 0; "
                      "policy drop; }; }")
        try:
            yield
        finally:
            self.wire.run("nft", "delete table inet cut")

    def _forget_flows(self):
        with self.wire.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                                NETLINK_NETFILTER) as one:
            one.send(struct.pack("=IHHIIBBH", 20, CONNTRACK_DELETE, NLM_F_REQUEST_ACK, 1, 0,
                                 0, 0, 0))
            error = struct.unpack_from("=i", one.recv(4096), 16)[0]
        if error:
            raise OSError(-error, "the router does not forget its flows")

    @staticmethod
    def seen(capture):
        """What the gateway has sent, without what finds neighbours."""
        gateway = bytes.fromhex(support.MAC["g1"].replace(":", ""))
        kinds = collections.Counter(message_kind(frame) for frame in capture.frames
                                    if frame[6:12] == gateway)
        return {kind: count for kind, count in kinds.items() if kind not in tunnel_lab.LINK}

    # --- Traffic

    def ping_across(self, count=3, family=4, *words):
        """From A to behind the peer. `words`: more for ping."""
        return self.ping(B4 if family == 4 else B6, count, self.a, *words)

    def ping_back(self, count=3, family=4):
        """From behind the peer to A."""
        ends = (B4, A4) if family == 4 else (B6, A6)
        if self.peer.kernel:
            return self.peer.kernel.ping(*ends, count)
        return self.ping(ends[1], count, self.two, "-w", "5", "-I", ends[0])
