#!/usr/bin/python3
"""A thousand rule-table swaps under constant traffic. Nothing that both the old and the new table
permit is lost, and every packet is accounted for."""

import sys
import threading
import time

import support
from support import A4, B4, MAC, case

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

SWAPS = 1000
PERMITTED_PORT = 7200   # no filter of any table mentions it
TOGGLED_PORT = 7201     # blocked by every second table
PACKETS_PER_SECOND = 4000


class Traffic:
    """A sender that numbers its packets and a receiver that notes the numbers."""

    def __init__(self, lab):
        self.sender = support.Wire(lab.a, "a")
        self.receiver = support.Wire(lab.b, "b")
        self.frames = {
            port: bytearray(bytes(Ether(dst=MAC["gwa"], src=MAC["a"]) / IP(src=A4, dst=B4)
                                  / UDP(sport=900, dport=port, chksum=0) / Raw(b"\0" * 8)))
            for port in (PERMITTED_PORT, TOGGLED_PORT)}
        self.sent = {port: 0 for port in self.frames}
        self.received = {port: [] for port in self.frames}
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def _send(self):
        started = time.monotonic()
        total = 0
        while not self.stopping.is_set():
            due = int((time.monotonic() - started) * PACKETS_PER_SECOND)
            # After a pause of this process no burst longer than the device's ring.
            for _ in range(min(due - total, 200)):
                for port, frame in self.frames.items():
                    frame[-8:] = self.sent[port].to_bytes(8, "big")
                    self.sender.send(frame)
                    self.sent[port] += 1
            total = due
            time.sleep(0.002)

    def _receive(self):
        while not self.stopping.is_set():
            for data in self.receiver.frames(0.2):
                self._note(data)

    def _note(self, data):
        if len(data) >= 50 and data[12:14] == b"\x08\x00" and data[23] == 17:
            port = int.from_bytes(data[36:38], "big")
            if port in self.received:
                self.received[port].append(int.from_bytes(data[42:50], "big"))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        for data in self.receiver.frames(1.0):
            self._note(data)


@case
def a_thousand_swaps_lose_nothing_that_both_tables_permit(lab):
    assert lab.ping(B4) == 3  # neighbours are known
    lab.block_policy(f"srcaddr={A4} dstaddr={B4} protocol=udp dstport=7999")
    first = lab.daemon.gateway()["revision"]
    traffic = Traffic(lab)
    connection = support.Connection(lab.daemon.socket_path)
    traffic.start()
    started = time.monotonic()
    for swap in range(SWAPS):
        verb = "add" if swap % 2 == 0 else "delete"
        connection.send(f"ipsec static {verb} filter filterlist=l srcaddr={A4} dstaddr={B4} "
                        f"protocol=udp dstport={TOGGLED_PORT}")
        response = connection.receive()
        assert response["code"] == 0, response
    elapsed = time.monotonic() - started
    traffic.stop()
    connection.close()
    revisions = lab.daemon.gateway()["revision"] - first
    sent, received = traffic.sent[PERMITTED_PORT], traffic.received[PERMITTED_PORT]
    toggled = len(traffic.received[TOGGLED_PORT])
    support.figure(f"{SWAPS} swaps in {elapsed:.1f} s ({1000 * elapsed / SWAPS:.1f} ms each), "
                   f"{revisions} tables published; permitted flow: {sent} sent, {len(received)} "
                   f"received; toggled flow: {traffic.sent[TOGGLED_PORT]} sent, {toggled} received")
    assert revisions >= SWAPS
    assert received == sorted(received), "order changed"
    assert len(received) == sent, f"{sent - len(received)} packets of the permitted flow were lost"
    assert 0 < toggled < traffic.sent[TOGGLED_PORT], "the toggled filter had no effect"


@case
def received_is_transmitted_plus_dropped_by_reason(lab):
    support.wait_until(lab.daemon.conserved, "both sides are equal", 5)
    came, went = lab.daemon.balance()
    nonzero = {reason: count for reason, count in lab.daemon.drops().items() if count}
    missed = sum(port["device_missed"] for port in lab.daemon.json("dynamic show ports")["ports"])
    support.figure(f"{came} = {went}; drops {nonzero}; missed by the device {missed}")
    assert set(nonzero) <= {"filter-block"} | {"unknown-ethertype", "blackhole", "no-host-path",
                                               "martian-source", "martian-destination"}, nonzero


if __name__ == "__main__":
    with support.Lab() as the_lab:
        the_lab.daemon.start()
        code = support.main(the_lab)
    sys.exit(code)
