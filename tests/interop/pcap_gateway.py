# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""Our side: a gateway in pcap_run with one peer, its SAs and its policy for each flow."""
import collections
import dataclasses
import hashlib
import json
import pathlib
import subprocess
import tempfile
import typing

import scapy.all as scapy
from scapy.all import Ether

import scapy_ipsec

LAN_MAC, WAN_MAC = "02:00:00:00:01:01", "02:00:00:00:03:01"
HOST_MAC, ROUTER_MAC = "02:00:00:00:01:02", "02:00:00:00:03:fe"
OWN = {4: "203.0.113.1", 6: "2001:db8:ff::1"}
LOCAL = {4: "10.1.0.2", 6: "2001:db8:1::2"}

# The MTU leaves room for what the longest header, IV, padding and ICV add to the longest packet.
GATEWAY = f"""
[gateway]
state_directory = "/nonexistent"

[[port]]
name = "lan"
device = "net_null0"
mac = "{LAN_MAC}"
mtu = 1800
addresses = ["10.1.0.1/16", "2001:db8:1::1/64"]
neighbors = [
    {{ address = "{LOCAL[4]}", mac = "{HOST_MAC}" }},
    {{ address = "{LOCAL[6]}", mac = "{HOST_MAC}" }},
]

[[port]]
name = "wan"
device = "net_null1"
mac = "{WAN_MAC}"
mtu = 1800
addresses = ["{OWN[4]}/24", "{OWN[6]}/64"]
neighbors = [
    {{ address = "203.0.113.254", mac = "{ROUTER_MAC}" }},
    {{ address = "2001:db8:ff::fe", mac = "{ROUTER_MAC}" }},
]

[[route]]
destination = "0.0.0.0/0"
via = "203.0.113.254"

[[route]]
destination = "::/0"
via = "2001:db8:ff::fe"
"""


@dataclasses.dataclass(frozen=True)
class Form:
    """Families as 4 or 6; in transport mode both are the same."""

    mode: str
    inner: int
    outer: int

    @property
    def name(self):
        return (f"transport-v{self.inner}" if self.mode == "transport"
                else f"tunnel-v{self.inner}-in-v{self.outer}")


FORMS = [Form("transport", 4, 4), Form("transport", 6, 6), Form("tunnel", 4, 4),
         Form("tunnel", 6, 4), Form("tunnel", 4, 6), Form("tunnel", 6, 6)]

Keys = collections.namedtuple("Keys", "cipher auth ah")


def make_keys(method, seed):
    """Keys of one direction. Fixed, so that a failure can be looked at again."""
    def key(part, algorithm):
        size = algorithm.key + algorithm.salt if algorithm else 0
        return hashlib.shake_256(f"{seed} {part}".encode()).digest(size)
    if method.cipher is None:
        return Keys(b"", key("auth", method.ah), b"")
    return Keys(key("cipher", method.cipher), key("auth", method.hash), key("ah", method.ah))


class Flow:
    """Traffic with one peer by one method: a pair of SAs and the rules that send packets to them.
    `options`: further words of the outbound SA; `inbound_options`: of the inbound one."""

    def __init__(self, number, method, form, esn=False, options="", inbound_options="",
                 nat_t=False):
        self.number, self.method, self.form, self.esn = number, method, form, esn
        encap = " encap=yes" if nat_t else ""
        self.options, self.inbound_options = options + encap, inbound_options + encap
        high, low = divmod(number, 250)
        self.peer = {4: f"198.18.{high}.{low + 1}", 6: f"2001:db8:5::{number + 1:x}"}[form.outer]
        self.net = {4: f"10.{64 + high}.{low}.0", 6: f"2001:db8:{0x1000 + number:x}::"}[form.inner]
        self.own = OWN[form.outer]
        tunnel = form.mode == "tunnel"
        self.local = LOCAL[form.inner] if tunnel else self.own
        self.remote = self.net.removesuffix("0") + "9" if tunnel else self.peer
        self.spi_out, self.spi_in = 0x10000 + 4 * number, 0x20000 + 4 * number
        self.keys_out = make_keys(method, f"{method.name} {number} out")
        self.keys_in = make_keys(method, f"{method.name} {number} in")
        header = scapy.IP if form.outer == 4 else scapy.IPv6
        life = {"ttl": 64} if form.outer == 4 else {"hlim": 64}
        self.out = self._association(self.keys_out, self.spi_out, nat_t, tunnel and header(
            src=self.own, dst=self.peer, **life))
        self.inbound = self._association(self.keys_in, self.spi_in, nat_t, tunnel and header(
            src=self.peer, dst=self.own, **life))

    def _association(self, keys, spi, nat_t, tunnel):
        return scapy_ipsec.Association(self.method, keys, spi=spi, ahspi=spi + 1, esn=self.esn,
                                       tunnel=tunnel or None, nat_t=nat_t)

    def _add_sa(self, spi, source, destination, keys, options):
        words = [f"ipsec dynamic add sa spi={spi} srcaddr={source} dstaddr={destination}",
                 f'method="{self.method.name}" mode={self.form.mode}']
        if self.method.bundle:
            words.append(f"ahspi={spi + 1}")
        words += [f"{word}={key.hex()}" for word, key in
                  (("enckey", keys.cipher), ("authkey", keys.auth), ("ahkey", keys.ah)) if key]
        words += ["esn=yes"] if self.esn else []
        return " ".join(words) + (f" {options.strip()}" if options.strip() else "")

    def commands(self):
        yield self._add_sa(self.spi_out, self.own, self.peer, self.keys_out, self.options)
        yield self._add_sa(self.spi_in, self.peer, self.own, self.keys_in, self.inbound_options)
        n = self.number
        if self.form.mode == "transport":
            yield f"ipsec static add filter filterlist=t{n} srcaddr=me dstaddr={self.peer}"
            yield (f"ipsec static add rule name=t{n} policy=interop filterlist=t{n} "
                   "filteraction=secure")
            return
        lan = "10.1.0.0" if self.form.inner == 4 else "2001:db8:1::"
        size, remote_size = (16, 24) if self.form.inner == 4 else (64, 64)
        here, there = f"{lan} {size}", f"{self.net} {remote_size}"
        for name, source, destination, end in (("out", here, there, self.peer),
                                               ("in", there, here, self.own)):
            source, source_size = source.split()
            destination, destination_size = destination.split()
            yield (f"ipsec static add filter filterlist={name}{n} srcaddr={source} "
                   f"srcmask={source_size} dstaddr={destination} dstmask={destination_size} "
                   "mirrored=no")
            yield (f"ipsec static add rule name={name}{n} policy=interop filterlist={name}{n} "
                   f"filteraction=secure tunnel={end}")


@dataclasses.dataclass
class Result:
    frames: list  # (port, bytes)
    drops: list


@dataclasses.dataclass
class Step:
    """One frame for pcap_run. `source`: as its --in names it; `judge` says of the Result what is
    wrong with it."""

    case: tuple
    flow: Flow
    source: str
    frame: bytes
    judge: typing.Callable[[Result], list]
    result: Result | None = None


def from_kernel(packet):
    """A packet this machine's kernel sends by the WAN."""
    return "host:wan", bytes(Ether(src=WAN_MAC, dst=ROUTER_MAC) / packet)


def from_lan(packet):
    return "lan", bytes(Ether(src=HOST_MAC, dst=LAN_MAC) / packet)


def from_wan(packet):
    return "wan", bytes(Ether(src=ROUTER_MAC, dst=WAN_MAC) / packet)


def write_pcap(path, frames):
    """`frames`: (number, bytes); the number is the time in microseconds."""
    with scapy.PcapWriter(str(path), linktype=1) as writer:
        writer.write_header(None)
        for at, frame in frames:
            writer.write_packet(frame, sec=at // 1000000, usec=at % 1000000)


def read_pcap(path):
    return [frame for frame, _ in scapy.RawPcapReader(str(path))] if path.exists() else []


class GatewayError(Exception):
    pass


def run(pcap_run, steps, timeout=300):
    """Sends the frames of all steps, in their order, through one gateway with the flows of the
    steps, and fills in what became of each."""
    flows = {step.flow.number: step.flow for step in steps}
    commands = ["ipsec static add policy name=interop",
                "ipsec static add filteraction name=secure action=negotiate"]
    for flow in flows.values():
        commands += flow.commands()
    commands.append("ipsec static set policy name=interop assign=y")
    with tempfile.TemporaryDirectory(prefix="portcullis-interop-") as directory:
        work = pathlib.Path(directory)
        (work / "gateway.toml").write_text(GATEWAY)
        (work / "commands.netsh").write_text("\n".join(commands) + "\n")
        arguments = [pcap_run, "--gateway", work / "gateway.toml", "--commands",
                     work / "commands.netsh", "--out", work]
        for source in sorted({step.source for step in steps}):
            pcap = work / f"in-{source.replace(':', '-')}.pcap"
            write_pcap(pcap, [(at, step.frame) for at, step in enumerate(steps)
                              if step.source == source])
            arguments += ["--in", f"{source}={pcap}"]
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True,
                              timeout=timeout, check=False)
        if done.returncode != 0:
            raise GatewayError(f"pcap_run exits with {done.returncode}: "
                               f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
        packets = json.loads(done.stdout)["packets"]
        outputs = {}
        for step, packet in zip(steps, packets, strict=True):
            frames = []
            for out in packet["outputs"]:
                port = out["port"]
                if port not in outputs:
                    outputs[port] = read_pcap(work / f"out-{port}.pcap")
                frames.append((port, outputs[port][out["index"]]))
            step.result = Result(frames, packet["drops"])
