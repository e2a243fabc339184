#!/usr/bin/python3
# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""Packet cases: pcap in, pcap out, compared byte for byte with what scapy says must come out.

A case file (*.toml) holds netsh commands and packets. scapy builds each packet and the frame that is
expected to leave; pcap_run executes the commands and sends the packets through the pipeline.
Each case file runs with both filter engines. Closing line: "N passed, N failed".

A packet row:
  in      port it arrives on, or "host:PORT" for a packet this machine's kernel sends
  send    scapy expression of the IP packet, or of a list of packets (fragments)
  result  port it leaves by, "host" (delivered to this machine), "drop:REASON" or "held"
  by      description of the filter that decides; "" when none matches or none may be asked
  icmp    type of the ICMP error that must go back to the sender
  dst_mac, unchanged   for transparent pairs: the frame's destination; it must leave as it came
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import scapy.all as scapy
from scapy.all import (ESP, ICMP, IP, TCP, UDP, Ether, ICMPv6EchoRequest,  # noqa: F401 (case rows)
                       ICMPv6ND_NS, IPOption, IPv6, IPv6ExtHdrFragment, Raw, fragment, fragment6)

HERE = pathlib.Path(__file__).resolve().parent
PEER_MAC = "02:00:00:00:00:99"


class Gateway:
    """What gateway.toml says about MAC addresses and where a destination lives."""

    def __init__(self, path):
        config = tomllib.loads(path.read_text())
        self.ports = {port["name"]: port for port in config["port"]}
        self.routes = {route["destination"]: route["via"] for route in config.get("route", [])}

    def mac(self, port):
        return self.ports[port]["mac"]

    def neighbor_mac(self, port, address):
        known = {n["address"]: n["mac"] for n in self.ports[port].get("neighbors", [])}
        default = self.routes["::/0" if ":" in address else "0.0.0.0/0"]
        return known.get(address) or known[default]


def frame_in(gateway, row, packet):
    port = row["in"].removeprefix("host:")
    if row["in"].startswith("host:"):
        return Ether(src=gateway.mac(port), dst=PEER_MAC) / packet
    return Ether(src=PEER_MAC, dst=row.get("dst_mac", gateway.mac(port))) / packet


def frame_out(gateway, row, packet):
    """The frame an RFC 1812 router sends on: one hop less, its own MAC, the neighbour's MAC."""
    if row.get("unchanged"):
        return frame_in(gateway, row, packet)
    packet = packet.copy()
    if not row["in"].startswith("host:"):
        if packet.version == 4:
            packet.ttl -= 1
            del packet.chksum
        else:
            packet.hlim -= 1
    port = row["result"]
    return Ether(src=gateway.mac(port), dst=gateway.neighbor_mac(port, packet.dst)) / packet


def built(row):
    """The packets of a row with every length and checksum filled in, so that copies keep them."""
    packets = eval(row["send"])  # noqa: S307: rows are part of this repository
    if not isinstance(packets, list):
        packets = [packets]
    return [packet.__class__(bytes(packet)) for packet in packets]


def write_pcap(path, frames):
    writer = scapy.PcapWriter(str(path), linktype=1)
    writer.write_header(None)
    for at, frame in frames:
        frame.time = at / 1000.0
        writer.write_packet(bytes(frame), sec=at // 1000, usec=(at % 1000) * 1000)
    writer.close()


def read_pcap(path):
    if not path.exists():
        return []
    return [bytes(frame) for frame in scapy.RawPcapReader(str(path)) for frame in [frame[0]]]


class Case:
    def __init__(self, path):
        self.path = path
        self.data = tomllib.loads(path.read_text())
        self.gateway_path = HERE / "gateways" / self.data.get("gateway", "routed.toml")
        self.gateway = Gateway(self.gateway_path)

    def run(self, pcap_run, engine):
        """Yields (packet title, list of complaints)."""
        with tempfile.TemporaryDirectory(prefix="portcullis-case-") as directory:
            work = pathlib.Path(directory)
            inputs, order = {}, []
            for number, row in enumerate(self.data["packet"]):
                for packet in built(row):
                    inputs.setdefault(row["in"], []).append(
                        (len(order), frame_in(self.gateway, row, packet)))
                    order.append(number)
            arguments = [pcap_run, "--gateway", self.gateway_path, "--engine", engine,
                         "--commands", work / "commands.netsh", "--out", work]
            (work / "commands.netsh").write_text(self.data.get("commands", ""))
            for source, frames in inputs.items():
                pcap = work / f"in-{source.replace(':', '-')}.pcap"
                write_pcap(pcap, frames)
                arguments += ["--in", f"{source}={pcap}"]
            done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
            if done.returncode != 0:
                yield "run", [f"pcap_run failed: {done.stdout}{done.stderr}"]
                return
            report = json.loads(done.stdout)
            outputs = {port: read_pcap(work / f"out-{port}.pcap")
                       for port in [*self.gateway.ports, "host"]}
            yield from self.judge(report, order, outputs)

    def judge(self, report, order, outputs):
        steps = {}
        for step, number in zip(report["packets"], order, strict=True):
            steps.setdefault(number, []).append(step)
        for number, row in enumerate(self.data["packet"]):
            title = row.get("title") or f"{row['in']} {row['send']}"
            yield title, list(self.complaints(row, steps[number], outputs))

    def complaints(self, row, steps, outputs):
        packets = built(row)
        result = row["result"]
        drops = [reason for step in steps for reason in step["drops"]]
        filters = sorted({name for step in steps for name in step["filters"]})
        sent = [out for step in steps for out in step["outputs"]]
        if result.startswith("drop:"):
            expected_drops, expected_outputs = {result.removeprefix("drop:")}, []
        elif result == "held":
            expected_drops, expected_outputs = set(), []
        elif result == "host":
            expected_drops = set()
            expected_outputs = [("host", bytes(frame_in(self.gateway, row, p))) for p in packets]
        else:
            expected_drops = set()
            expected_outputs = [(result, bytes(frame_out(self.gateway, row, p))) for p in packets]
        if set(drops) != expected_drops:
            yield f"dropped for {drops or 'nothing'}, expected {sorted(expected_drops) or 'nothing'}"
        actual = [(out["port"], outputs[out["port"]][out["index"]]) for out in sent]
        if row.get("icmp"):  # an ICMP error of ours goes back; only its port and type are a row's
            actual = [(port, frame) for port, frame in actual if not is_error(frame, row["icmp"])]
            if len(sent) == len(actual):
                yield f"no ICMP error of type {row['icmp']} was sent"
        if sorted(actual) != sorted(expected_outputs):
            yield (f"sent {[(p, f.hex()) for p, f in actual]}, "
                   f"expected {[(p, f.hex()) for p, f in expected_outputs]}")
        if "by" in row and filters != ([row["by"]] if row["by"] else []):
            yield f"decided by {filters or 'no filter'}, expected {row['by'] or 'no filter'}"


def is_error(frame, kind):
    packet = Ether(frame)
    if ICMP in packet:
        return packet[ICMP].type == kind
    return IPv6 in packet and packet[IPv6].nh == 58 and bytes(packet[IPv6].payload)[0] == kind


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pcap-run", required=True, help="the pcap_run program")
    parser.add_argument("--engine", action="append", choices=["scan", "acl"])
    parser.add_argument("case", nargs="*", type=pathlib.Path, help="case files (default: all)")
    arguments = parser.parse_args()
    passed = failed = 0
    paths = arguments.case or sorted(HERE.glob("*.toml"))
    for path in paths:
        for engine in arguments.engine or ["scan", "acl"]:
            for title, complaints in Case(path).run(arguments.pcap_run, engine):
                if complaints:
                    failed += 1
                    print(f"FAIL {path.stem} [{engine}] {title}")
                    print("".join(f"     {complaint}\n" for complaint in complaints), end="")
                else:
                    passed += 1
                    print(f"PASS {path.stem} [{engine}] {title}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
