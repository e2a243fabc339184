#!/usr/bin/python3
"""Two hosts talk through the real daemon: routing, neighbours, ICMP errors, MTU."""

import sys

import support
from support import A4, A6, B4, B6, GW_A4, GW_A6, GW_B4, MAC, case

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (ICMPv6NDOptDstLLAddr, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, ICMPv6TimeExceeded,
                                IPv6)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw


@case
def ping_crosses_the_gateway_in_both_directions(lab):
    assert lab.ping(B4, 5) == 5
    assert lab.ping(B6, 5) == 5
    assert lab.ping(A4, 5, lab.b) == 5
    assert lab.ping(A6, 5, lab.b) == 5


@case
def http_crosses_the_gateway(lab):
    lab.web_server(lab.b, B4)
    lab.web_server(lab.b, B6)
    assert lab.curl(B4)
    assert lab.curl(B6)


@case
def the_gateway_answers_ping_on_every_address(lab):
    for address in (GW_A4, GW_A6, GW_B4):
        assert lab.ping(address, 3) == 3, address


@case
def the_gateway_answers_arp_for_its_address(lab):
    wire = support.Wire(lab.a, "a")
    wire.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=MAC["a"])
              / ARP(op=1, hwsrc=MAC["a"], psrc=A4, pdst=GW_A4))
    reply = wire.find(lambda p: ARP in p and p[ARP].op == 2 and p[ARP].psrc == GW_A4)
    assert reply is not None
    assert reply[ARP].hwsrc == MAC["gwa"] and reply[ARP].pdst == A4
    wire.drain()
    wire.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=MAC["a"])
              / ARP(op=1, hwsrc=MAC["a"], psrc=A4, pdst="10.1.0.77"))
    assert wire.find(lambda p: ARP in p and p[ARP].op == 2, 0.5) is None
    wire.close()


@case
def the_gateway_answers_neighbour_solicitation(lab):
    wire = support.Wire(lab.a, "a")
    wire.send(Ether(dst="33:33:ff:00:00:01", src=MAC["a"])
              / IPv6(src=A6, dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=GW_A6)
              / ICMPv6NDOptSrcLLAddr(lladdr=MAC["a"]))
    reply = wire.find(lambda p: ICMPv6ND_NA in p and p[ICMPv6ND_NA].tgt == GW_A6)
    assert reply is not None
    assert reply[ICMPv6NDOptDstLLAddr].lladdr == MAC["gwa"]
    assert reply[IPv6].hlim == 255
    wire.close()


@case
def the_gateway_resolves_hosts_that_forgot_it(lab):
    for host, inner in ((lab.a, "a"), (lab.b, "b")):
        host.run("ip", "neigh", "flush", "dev", inner)
    assert lab.ping(B4, 3) == 3
    assert lab.ping(B6, 3) == 3


@case
def ttl_one_gets_time_exceeded(lab):
    result = lab.a.run("ping", "-n", "-c", "1", "-W", "2", "-t", "1", B4, check=False)
    assert "Time to live exceeded" in result.stdout, result.stdout
    assert f"From {GW_A4}" in result.stdout, result.stdout
    wire = support.Wire(lab.a, "a")
    wire.send(Ether(dst=MAC["gwa"], src=MAC["a"]) / IPv6(src=A6, dst=B6, hlim=1)
              / UDP(sport=4000, dport=4001) / Raw(b"hop"))
    assert wire.find(lambda p: ICMPv6TimeExceeded in p and p[IPv6].src == GW_A6) is not None
    wire.close()


@case
def forwarding_takes_one_from_the_ttl_and_keeps_the_payload(lab):
    sender, receiver = support.Wire(lab.a, "a"), support.Wire(lab.b, "b")
    sender.send(Ether(dst=MAC["gwa"], src=MAC["a"]) / IP(src=A4, dst=B4, ttl=9)
                / UDP(sport=4000, dport=4001) / Raw(b"unchanged payload"))
    packet = receiver.find(lambda p: UDP in p and p[UDP].dport == 4001)
    assert packet is not None
    assert packet[IP].ttl == 8
    assert packet.src == MAC["gwb"] and packet.dst == MAC["b"]
    assert bytes(packet[UDP].payload) == b"unchanged payload"
    checksum = packet[IP].chksum
    del packet[IP].chksum
    assert IP(bytes(packet[IP])).chksum == checksum
    sender.close()
    receiver.close()


@case
def no_route_gets_unreachable(lab):
    wire = support.Wire(lab.a, "a")
    wire.send(Ether(dst=MAC["gwa"], src=MAC["a"]) / IP(src=A4, dst="203.0.113.9")
              / UDP(sport=4000, dport=4001) / Raw(b"lost"))
    reply = wire.find(lambda p: ICMP in p and p[ICMP].type == 3)
    assert reply is not None and reply[ICMP].code in (0, 1), reply
    assert lab.daemon.drops()["no-route"] >= 1
    wire.close()


@case
def packets_to_a_host_that_does_not_answer_are_counted(lab):
    before = lab.daemon.drops()["neighbor-unresolved"]
    assert lab.ping("10.2.0.99", 2) == 0
    support.wait_until(lambda: lab.daemon.drops()["neighbor-unresolved"] >= before + 2,
                       "both packets are counted", 15)


@case
def too_long_packets_are_fragmented_or_refused_by_mtu(lab):
    # Port b has an MTU of 1400 in this lab: less than the 1500 of host A's link.
    sender = support.Wire(lab.a, "a")
    receiver = support.Wire(lab.b, "b")
    sender.send(Ether(dst=MAC["gwa"], src=MAC["a"]) / IP(src=A4, dst=B4, flags="DF")
                / UDP(sport=4000, dport=4002) / Raw(b"x" * 1440))
    reply = sender.find(lambda p: ICMP in p and p[ICMP].type == 3 and p[ICMP].code == 4)
    assert reply is not None and reply[ICMP].nexthopmtu == 1400, reply
    sender.send(Ether(dst=MAC["gwa"], src=MAC["a"]) / IPv6(src=A6, dst=B6)
                / UDP(sport=4000, dport=4002) / Raw(b"x" * 1440))
    reply = sender.find(lambda p: ICMPv6PacketTooBig in p)
    assert reply is not None and reply[ICMPv6PacketTooBig].mtu == 1400, reply
    assert receiver.find(lambda p: UDP in p and p[UDP].dport == 4002, 0.3) is None
    sender.close()
    receiver.close()


@case
def path_mtu_discovery_lets_tcp_through(lab):
    assert lab.curl(B4)
    # Without DF the gateway fragments for port b; nothing is lost.
    result = lab.a.run("ping", "-n", "-c", "2", "-W", "2", "-s", "1440", "-M", "dont", B4,
                       check=False)
    assert "2 received" in result.stdout, result.stdout


@case
def martians_and_broken_headers_are_dropped_with_their_reason(lab):
    wire, receiver = support.Wire(lab.a, "a"), support.Wire(lab.b, "b")
    ether = Ether(dst=MAC["gwa"], src=MAC["a"])
    before = lab.daemon.drops()
    expected = {
        "martian-source": ether / IP(src="127.0.0.1", dst=B4) / UDP(dport=4003),
        "spoofed-me": ether / IP(src=GW_B4, dst=B4) / UDP(dport=4003),
        "ip-bad-checksum": ether / IP(src=A4, dst=B4, chksum=1) / UDP(dport=4003),
        "ip-bad-version": ether / IP(src=A4, dst=B4, version=5) / UDP(dport=4003),
        "ip-bad-header-length": ether / IP(src=A4, dst=B4, ihl=4) / UDP(dport=4003),
        "ip-truncated": ether / IP(src=A4, dst=B4, len=600) / UDP(dport=4003),
        "not-for-us": Ether(dst="02:00:00:00:99:99", src=MAC["a"]) / IP(src=A4, dst=B4)
        / UDP(dport=4003),
        "link-broadcast": Ether(dst="ff:ff:ff:ff:ff:ff", src=MAC["a"]) / IP(src=A4, dst=B4)
        / UDP(dport=4003),
    }
    for packet in expected.values():
        wire.send(packet)
    support.wait_until(
        lambda: all(lab.daemon.drops()[reason] > before.get(reason, 0) for reason in expected),
        "each reason is counted: " + ", ".join(expected), 5)
    assert receiver.find(lambda p: UDP in p and p[UDP].dport == 4003, 0.3) is None
    wire.close()
    receiver.close()


@case
def what_came_in_went_out_or_was_counted(lab):
    support.wait_until(lab.daemon.conserved, "conservation", 5)


if __name__ == "__main__":
    with support.Lab(ports={"b": {"mtu": 1400}}) as the_lab:
        the_lab.daemon.start()
        code = support.main(the_lab)
    sys.exit(code)
