# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""The gateway and, behind a router, Linux in a virtual machine.

    A 10.1.0.2 --- gateway 192.0.2.1 --- W --- 198.51.100.1 guest 10.2.0.2
      fd00:1::2    2001:db8:1::1         |     2001:db8:2::1      fd00:2::2
                                       router

It is a TunnelLab whose second gateway is the guest: W is the router, its port towards the guest a
TAP, and the guest's own inner network an interface without a wire.
"""
import collections
import contextlib
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import ike_lab  # noqa: E402  (found through the line above)
import linux_charon  # noqa: E402
import linux_guest  # noqa: E402
import support  # noqa: E402
import tunnel_lab  # noqa: E402
from support import A4, A6, B4, B6, GW_A4, GW_A6, MAC, ROOT, run  # noqa: E402
from tunnel_lab import (ONE4, ONE6, ROUTER_ONE4, ROUTER_ONE6, ROUTER_TWO4,  # noqa: E402
                        ROUTER_TWO6, TWO4, TWO6)

BLOB_BYTES = 5_000_000
PORT = 8000
# Between the router and the guest, for charon's commands: no gateway is on that way.
CONTROL_ROUTER, CONTROL_GUEST = "10.9.0.1", "10.9.0.2"
# The counters of /proc/net/xfrm_stat are all of errors.
XFRM_ERRORS = "/proc/net/xfrm_stat"

# busybox's own ip knows no xfrm. Finding neighbours stays in clear: the gateway never protects it.
SETTINGS = f"""
set -e
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
/bin/ip link add inner type dummy
for link in inner eth0 eth1; do /bin/ip link set $link up; done
/bin/ip addr add {B4}/24 dev inner
/bin/ip addr add {B6}/64 dev inner nodad
/bin/ip addr add {TWO4}/24 dev eth0
/bin/ip addr add {TWO6}/64 dev eth0 nodad
/bin/ip addr add {CONTROL_GUEST}/24 dev eth1
/bin/ip route add default via {ROUTER_TWO4}
/bin/ip route add default via {ROUTER_TWO6}
/bin/ip route add 10.1.0.0/24 via {ROUTER_TWO4} src {B4}
/bin/ip route add fd00:1::/64 via {ROUTER_TWO6} src {B6}
head -c {BLOB_BYTES} /dev/urandom > /www/blob
httpd -p {PORT} -h /www
"""


class LinuxLab(tunnel_lab.TunnelLab):
    """Use it in a with statement; then start()."""

    def __init__(self, prefix=None):
        support.Lab.__init__(self, names=("a", "g1", "w"), prefix=prefix)
        self.keys = []
        self.digests = {}

    def _build(self):
        self.stack.callback(shutil.rmtree, f"/var/run/dpdk/{self.file_prefix}-1", True)
        self.directory = tempfile.mkdtemp(prefix="portcullis-")
        self.stack.callback(shutil.rmtree, self.directory, True)
        self.a, one, self.wire = self._namespaces()
        one.sysctl("net.ipv4.conf.all.forwarding", 0)
        one.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self._connect_host(self.a, "a", one, "ga", (A4, A6), (GW_A4, GW_A6))
        self._router_settings()
        support.connect(one, "g1", self.wire, "w1")
        run("ip", "-n", one.name, "link", "set", "dev", "g1", "up")
        for tap in ("w2", "control"):
            run("ip", "-n", self.wire.name, "tuntap", "add", "dev", tap, "mode", "tap")
        run("ip", "-n", self.wire.name, "link", "set", "dev", "w2", "address", MAC["w2"])
        self._router_port("w1", (ROUTER_ONE4, ROUTER_ONE6))
        self._router_port("w2", (ROUTER_TWO4, ROUTER_TWO6))
        run("ip", "-n", self.wire.name, "addr", "add", f"{CONTROL_ROUTER}/24", "dev", "control")
        run("ip", "-n", self.wire.name, "link", "set", "dev", "control", "up")
        self.one = self.gateway = ike_lab.Gateway(self, one)
        self.gateways = (self.one,)
        self.stack.callback(self.one.daemon.close)
        self.guest = linux_guest.LinuxGuest(
            self.wire, {"w2": MAC["g2"], "control": "02:00:00:00:03:01"},
            ROOT / "build" / "linux-guest", self.directory)
        self.stack.callback(self.guest.close)
        self.peer = linux_charon.GuestCharon(self.guest, self.wire, CONTROL_GUEST)
        self.stack.callback(self.peer.close)

    def start(self):
        self.gateway.configure(enabled=False)  # SAs by hand first
        seconds = self.guest.start()
        self.guest.run(SETTINGS)
        support.figure(f"the guest booted in {seconds:.0f} s: "
                       f"{self.guest.run('uname -sr').strip()}, under emulation")
        self._serve()

    def _serve(self):
        """The same file on A and on the gateway's own kernel."""
        for space, addresses in ((self.a, (A4, A6)), (self.one.space, (ONE4, ONE6))):
            for address in addresses:
                self.web_server(space, address, PORT)
        blob = pathlib.Path(self.directory) / "www" / "blob"
        with open("/dev/urandom", "rb") as source:
            blob.write_bytes(source.read(BLOB_BYTES))
        self.digests = {"ours": run("sha256sum", blob).stdout.split()[0],
                        "theirs": self.guest.run("sha256sum /www/blob").split()[0]}

    def transport_policy(self):
        static = self._new_policy(self.one, "transport")
        static("add filterlist name=peer")
        for peer in (TWO4, TWO6):
            static(f"add filter filterlist=peer srcaddr=me dstaddr={peer}")
        static("add rule name=peer policy=transport filterlist=peer filteraction=protect")
        static("set policy name=transport assign=yes")

    # --- Traffic

    def download(self, space, address):
        """A file from the guest's server arrives as it is there."""
        result = space.run("sh", "-c", f"curl -sS -m 60 http://{host(address)}:{PORT}/blob "
                           "| sha256sum", timeout=90)
        digest = result.stdout.split()[0]
        assert digest == self.digests["theirs"], f"download from {address}: {result.stderr}"

    def upload(self, address):
        """The guest fetches a file from our side and gets what is there."""
        text = self.guest.run(f"timeout 60 wget -q -O - http://{host(address)}:{PORT}/blob "
                              "| sha256sum", timeout=90)
        assert self.digests["ours"] in text, f"upload to the guest from {address}: {text}"

    def guest_ping(self, address, count=2):
        _, text = self.guest.run(f"ping -i 0.05 -c {count} -W 5 {address}", check=False)
        return sum("seq=" in line for line in text.splitlines())

    def large_ping(self, space, address, length=3000):
        """An echo request that does not fit into a packet is answered, once the sender has been
        told how long the packets may be that it is cut into."""
        result = space.run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", "-s", length, address,
                           check=False)
        return " 0 received" not in result.stdout

    @contextlib.contextmanager
    def protected(self, protocol, *others):
        """Meanwhile the wire shows this protocol, nothing beside it but `others` and what finds
        neighbours, and neither end refuses a packet."""
        before = self.guest_errors(), self.gateway.daemon.drops()
        with self.capture() as capture:
            try:
                yield
            except AssertionError as problem:
                raise AssertionError(f"{problem}; {self._refused(before)}") from problem
        kinds = collections.Counter(map(ike_lab.message_kind, capture.frames))
        assert kinds[protocol] and set(kinds) <= {protocol, *others, *tunnel_lab.LINK}, kinds
        refused = self._refused(before)
        assert not refused, refused

    def _refused(self, before):
        after = self.guest_errors(), self.gateway.daemon.drops()
        texts = []
        for who, old, new in zip(("the guest", "the gateway"), before, after, strict=True):
            texts += [f"{who} refused {count - old.get(name, 0)}: {name}"
                      for name, count in new.items()
                      # What is too long to be forwarded tells A what fits.
                      if count != old.get(name, 0) and name != "mtu-exceeded"]
        return ", ".join(texts)

    def guest_errors(self):
        """What the guest's kernel refused so far, by reason."""
        rows = (line.split() for line in self.guest.run(f"cat {XFRM_ERRORS}").splitlines())
        return {name: int(count) for name, count in rows if int(count)}


def host(address):
    return f"[{address}]" if ":" in address else address
