#!/usr/bin/python3
"""Filters decide about real traffic, as soon as the command that made them has been answered."""

import sys

import support
from support import A4, A6, B4, B6, GW_A4, GW_A6, MAC, case

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Ether
from scapy.packet import Raw


@case
def without_a_policy_everything_passes(lab):
    assert lab.ping(B4) == 3 and lab.ping(B6) == 3 and lab.curl(B4) and lab.curl(B6)


@case
def a_block_is_in_force_when_its_command_returns(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=tcp dstport=8000 description=web")
    assert not lab.curl(B4, seconds=1)
    assert not lab.curl(B6, seconds=1)
    assert lab.ping(B4) == 3 and lab.ping(B6) == 3
    assert lab.daemon.hits()["web"] > 0


@case
def unassigning_and_assigning_take_effect_at_once(lab):
    lab.daemon.static("set policy name=p assign=no")
    assert lab.curl(B4)
    lab.daemon.static("set policy name=p assign=yes")
    assert not lab.curl(B4, seconds=1)


@case
def the_more_specific_filter_wins(lab):
    lab.daemon.static("add filterlist name=ok")
    lab.daemon.static(f"add filter filterlist=ok srcaddr={A4} dstaddr={B4} protocol=tcp "
                      "dstport=8000 description=exception")
    lab.daemon.static("add filteraction name=let action=permit")
    lab.daemon.static("add rule name=r2 policy=p filterlist=ok filteraction=let")
    assert lab.curl(B4)
    assert not lab.curl(B6, seconds=1)
    assert lab.daemon.hits()["exception"] > 0
    lab.daemon.static("set rule name=r2 policy=p activate=no")
    assert not lab.curl(B4, seconds=1)
    lab.daemon.static("delete rule name=r2 policy=p")


@case
def an_icmp_block_stops_ping_of_its_family_and_nothing_else(lab):
    lab.block_policy(f"srcaddr={A4} dstaddr={B4} protocol=icmp")
    assert lab.ping(B4, 2) == 0
    assert lab.ping(B6) == 3
    assert lab.curl(B4)
    lab.block_policy("srcaddr=fd00:1::/64 dstaddr=fd00:2::/64 protocol=icmp")
    assert lab.ping(B4) == 3
    assert lab.ping(B6, 2) == 0


@case
def a_mirrored_filter_stops_both_directions_and_an_unmirrored_one_only_its_own(lab):
    wire_a, wire_b = support.Wire(lab.a, "a"), support.Wire(lab.b, "b")

    def crosses(sender, receiver, frame, port):
        receiver.drain()
        sender.send(frame)
        return receiver.find(lambda p: UDP in p and p[UDP].dport == port, 0.4) is not None

    there = Ether(dst=MAC["gwa"], src=MAC["a"]) / IP(src=A4, dst=B4) / UDP(sport=700, dport=701)
    back = Ether(dst=MAC["gwb"], src=MAC["b"]) / IP(src=B4, dst=A4) / UDP(sport=701, dport=700)
    lab.block_policy(f"srcaddr={A4} dstaddr={B4} protocol=udp dstport=701 mirrored=no")
    assert not crosses(wire_a, wire_b, there, 701)
    assert crosses(wire_b, wire_a, back, 700)
    lab.block_policy(f"srcaddr={A4} dstaddr={B4} protocol=udp dstport=701 mirrored=yes")
    assert not crosses(wire_a, wire_b, there, 701)
    assert not crosses(wire_b, wire_a, back, 700)
    wire_a.close()
    wire_b.close()


@case
def a_filter_for_me_decides_about_the_gateways_own_traffic(lab):
    lab.web_server(lab.gateway, GW_A4, 2222)
    lab.daemon.static("delete all")
    assert lab.curl(GW_A4, 2222)
    lab.block_policy("srcaddr=any dstaddr=me protocol=tcp dstport=2222 description=own")
    assert not lab.curl(GW_A4, 2222, seconds=1)
    assert lab.daemon.hits()["own"] > 0
    assert lab.curl(B4), "transit is no traffic of me"
    assert lab.ping(GW_A4) == 3
    assert lab.ping(GW_A6) == 3


@case
def a_block_from_me_stops_what_the_gateway_itself_sends(lab):
    lab.daemon.static("delete all")
    assert lab.ping(B4, 2, lab.gateway) == 2
    lab.block_policy(f"srcaddr=me dstaddr={B4} protocol=icmp mirrored=no")
    assert lab.ping(B4, 2, lab.gateway) == 0
    assert lab.ping(B4) == 3, "transit is no traffic of me"


@case
def what_must_be_negotiated_waits_or_is_dropped_with_a_reason_of_its_own(lab):
    lab.block_policy(f"srcaddr={A4} dstaddr={B4} protocol=icmp", action="negotiate")
    assert lab.ping(B4, 2) == 0
    assert lab.daemon.drops()["negotiate-transit"] >= 2, "a transport rule meets forwarded packets"
    lab.daemon.static("delete all")
    lab.block_policy(f"srcaddr=me dstaddr={B4} protocol=icmp", action="negotiate")
    assert lab.ping(B4, 2, lab.gateway) == 0, "B does not speak IKE"
    assert lab.daemon.gateway()["held_for_ike"] == 2
    lab.daemon.static("delete all")
    support.wait_until(lambda: lab.daemon.drops()["negotiation-failed"] == 2,
                       "what waited is dropped with its rule")


@case
def a_dynamic_rule_blocks_until_it_is_deleted(lab):
    lab.daemon.static("delete all")
    lab.daemon.dynamic("add mmpolicy name=mm")
    lab.daemon.dynamic(f"add rule srcaddr={A4} dstaddr={B4} mmpolicy=mm protocol=tcp srcport=0 "
                       "dstport=8000 mirrored=yes conntype=all actioninbound=block "
                       "actionoutbound=block")
    assert not lab.curl(B4, seconds=1)
    assert lab.curl(B6)
    lab.daemon.dynamic(f"delete rule srcaddr={A4} dstaddr={B4} protocol=tcp srcport=0 dstport=8000 "
                       "mirrored=yes conntype=all")
    assert lab.curl(B4)


# A later fragment carries no ports. What must not happen: a blocked datagram arrives because its
# fragments were looked at one by one.
def udp_datagram(port, length=2600):
    payload = bytes((i * 7 + port) & 0xFF for i in range(length))
    return IP(src=A4, dst=B4, id=port) / UDP(sport=900, dport=port) / Raw(payload)


def fragments4(port):
    return [Ether(dst=MAC["gwa"], src=MAC["a"]) / piece
            for piece in fragment(udp_datagram(port), fragsize=800)]


def fragments6(port):
    payload = bytes((i * 11 + port) & 0xFF for i in range(2600))
    packet = (IPv6(src=A6, dst=B6) / IPv6ExtHdrFragment(id=port)
              / UDP(sport=900, dport=port) / Raw(payload))
    return [Ether(dst=MAC["gwa"], src=MAC["a"]) / piece for piece in fragment6(packet, 1280)]


def arrived(lab, frames, seconds=0.5):
    """How many of the IP packets sent by A reach B, whatever their form."""
    sender, receiver = support.Wire(lab.a, "a"), support.Wire(lab.b, "b")
    receiver.drain()
    for frame in frames:
        sender.send(frame)
    seen = 0
    for data in receiver.frames(seconds):
        packet = Ether(data)
        if (IP in packet and packet[IP].src == A4 and packet[IP].proto == 17) or (
                IPv6 in packet and packet[IPv6].src == A6 and IPv6ExtHdrFragment in packet):
            seen += 1
    sender.close()
    receiver.close()
    return seen


@case
def fragments_of_a_blocked_datagram_do_not_pass_in_any_order(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=udp dstport=7001")
    for make in (fragments4, fragments6):
        blocked, allowed = make(7001), make(7002)
        assert len(blocked) >= 3
        for order in (list, lambda f: list(reversed(f)), lambda f: f[1:] + f[:1]):
            assert arrived(lab, order(blocked)) == 0
            assert arrived(lab, order(allowed)) == len(allowed)


@case
def a_fragment_without_its_first_never_passes(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=udp dstport=7001")
    assert arrived(lab, fragments4(7003)[1:]) == 0
    assert arrived(lab, fragments6(7003)[1:]) == 0


@case
def overlapping_fragments_drop_the_whole_datagram(lab):
    # The first fragment says port 7002, which is permitted; a later one rewrites the header.
    lab.block_policy("srcaddr=any dstaddr=any protocol=udp dstport=7001")
    ether = Ether(dst=MAC["gwa"], src=MAC["a"])
    body = bytes(udp_datagram(7004)[UDP])
    evil = bytes(udp_datagram(7001)[UDP])
    frames = [
        ether / IP(src=A4, dst=B4, id=99, proto=17, flags="MF", frag=0) / Raw(body[:800]),
        ether / IP(src=A4, dst=B4, id=99, proto=17, flags="MF", frag=0) / Raw(evil[:800]),
        ether / IP(src=A4, dst=B4, id=99, proto=17, flags=0, frag=100) / Raw(body[800:1600]),
    ]
    assert arrived(lab, frames) == 0
    assert lab.daemon.drops()["fragment-overlap"] >= 1


@case
def a_first_fragment_too_short_for_its_ports_does_not_pass(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=tcp dstport=7001")
    ether = Ether(dst=MAC["gwa"], src=MAC["a"])
    body = bytes(TCP(sport=900, dport=7001, flags="S") / Raw(b"z" * 64))
    frames = [
        ether / IP(src=A4, dst=B4, id=77, proto=6, flags="MF", frag=0) / Raw(body[:8]),
        ether / IP(src=A4, dst=B4, id=77, proto=6, flags=0, frag=1) / Raw(body[8:]),
    ]
    sender, receiver = support.Wire(lab.a, "a"), support.Wire(lab.b, "b")
    receiver.drain()
    for frame in frames:
        sender.send(frame)
    assert receiver.find(lambda p: IP in p and p[IP].src == A4 and p[IP].proto == 6, 0.5) is None
    sender.close()
    receiver.close()


@case
def a_large_ping_that_needs_fragments_works(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=udp dstport=7001")
    for address in (B4, B6):
        result = lab.a.run("ping", "-n", "-c", "3", "-i", "0.1", "-W", "2", "-s", "4000", address,
                           check=False)
        assert "3 received" in result.stdout, result.stdout


@case
def icmp_errors_of_the_gateway_are_sent_for_permitted_packets_only(lab):
    lab.block_policy("srcaddr=any dstaddr=any protocol=udp dstport=7001")
    wire = support.Wire(lab.a, "a")
    wire.send(Ether(dst=MAC["gwa"], src=MAC["a"]) / IP(src=A4, dst=B4, ttl=1)
              / UDP(sport=900, dport=7001))
    assert wire.find(lambda p: ICMP in p and p[ICMP].type in (3, 11), 0.5) is None
    wire.close()


if __name__ == "__main__":
    with support.Lab(device=support.af_xdp) as the_lab:
        the_lab.daemon.start()
        the_lab.web_server(the_lab.b, B4)
        the_lab.web_server(the_lab.b, B6)
        code = support.main(the_lab)
    sys.exit(code)
