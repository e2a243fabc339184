#!/usr/bin/python3
"""A transparent pair: two hosts of one network, the gateway invisible on the cable between them."""

import sys

import support
from support import MAC, case

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

LEFT4, RIGHT4 = "10.1.0.2", "10.1.0.3"
LEFT6, RIGHT6 = "fd00:1::2", "fd00:1::3"


def crosses(lab, frame):
    """The frame as it left the other port, or None."""
    sender, receiver = support.Wire(lab.a, "a"), support.Wire(lab.b, "b")
    receiver.drain()
    sender.send(frame)
    wanted = bytes(frame)
    found = next((data for data in receiver.frames(0.5) if data[12:] == wanted[12:]), None)
    sender.close()
    receiver.close()
    return found


@case
def hosts_find_and_reach_each_other(lab):
    assert lab.ping(RIGHT4) == 3
    assert lab.ping(RIGHT6) == 3


@case
def a_frame_leaves_unchanged(lab):
    frame = (Ether(dst=MAC["b"], src=MAC["a"]) / IP(src=LEFT4, dst=RIGHT4, ttl=1)
             / UDP(sport=900, dport=7100) / Raw(b"as it was"))
    assert crosses(lab, frame) == bytes(frame)


@case
def frames_that_are_not_ip_pass(lab):
    frame = Ether(dst=MAC["b"], src=MAC["a"], type=0x88B5) / Raw(b"local experimental type" * 3)
    assert crosses(lab, frame) == bytes(frame)


@case
def a_filter_blocks(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=udp dstport=7001",
                     f"srcaddr={LEFT4} dstaddr={RIGHT4} protocol=icmp")
    ether = Ether(dst=MAC["b"], src=MAC["a"])
    blocked = ether / IP(src=LEFT4, dst=RIGHT4) / UDP(sport=900, dport=7001) / Raw(b"no")
    allowed = ether / IP(src=LEFT4, dst=RIGHT4) / UDP(sport=900, dport=7002) / Raw(b"yes")
    assert crosses(lab, blocked) is None
    assert crosses(lab, allowed) == bytes(allowed)
    assert lab.ping(RIGHT4, 2) == 0
    assert lab.ping(RIGHT6) == 3


@case
def a_vlan_tag_hides_nothing_from_the_filter(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=udp dstport=7001")
    for tags in (Dot1Q(vlan=7), Dot1Q(vlan=7) / Dot1Q(vlan=8)):
        ether = Ether(dst=MAC["b"], src=MAC["a"]) / tags
        blocked = ether / IP(src=LEFT4, dst=RIGHT4) / UDP(sport=900, dport=7001) / Raw(b"no")
        before = lab.daemon.drops()["filter-block"]
        assert crosses(lab, blocked) is None
        support.wait_until(lambda before=before: lab.daemon.drops()["filter-block"] > before,
                           "the tagged packet is counted as blocked", 3)


if __name__ == "__main__":
    with support.Lab(routed=False) as the_lab:
        the_lab.daemon.start()
        code = support.main(the_lab)
    sys.exit(code)
