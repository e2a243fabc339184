# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""What the matrix leaves out: IP options and extension headers under AH, headers that change on the
way, ESP in UDP, sequence numbers beyond 2^32, the replay window, tunnel header options, ECN."""
import functools

from scapy.all import IP, UDP, HBHOptUnknown, IPOption, IPv6, IPv6ExtHdrDestOpt, Raw

import cells
import pcap_gateway
from cells import SHAPES, dissect, inner_packet
from methods import ah_alone, esp
from pcap_gateway import Flow, Form, Step

TRANSPORT4, TRANSPORT6 = Form("transport", 4, 4), Form("transport", 6, 6)
TUNNEL4, TUNNEL64, TUNNEL46 = Form("tunnel", 4, 4), Form("tunnel", 6, 4), Form("tunnel", 4, 6)

AH_METHODS = [ah_alone("SHA1"), ah_alone("SHA256"), ah_alone("AESXCBC"), ah_alone("AESGMAC128"),
              esp("AES128", "SHA1", ah="SHA256"), esp("AESGCM128", ah="AESGMAC256")]
ESP_METHODS = [esp("AES128", "SHA256"), esp("AESGCM128"), esp("CHACHA20POLY1305"),
               esp("None", "AESGMAC128"), esp("3DES", "MD5")]


class Extras:
    """Steps on flows of their own, numbered as they are made."""

    def __init__(self):
        self.steps = []
        self.flows = 0

    def flow(self, method, form, **keywords):
        self.flows += 1
        return Flow(self.flows, method, form, **keywords)

    def add(self, *steps):
        self.steps += steps


def case_of(flow, topic):
    return flow.method.name, f"{flow.form.name} {topic}"


def with_options(flow, outbound):
    """Router Alert, which does not change on the way, and Record Route, which does."""
    packet = inner_packet(flow, SHAPES[1], outbound)
    header = IP(src=packet.src, dst=packet.dst, id=7, options=[
        IPOption(b"\x94\x04\x00\x00"), IPOption(b"\x07\x07\x04\x00\x00\x00\x00")])
    return dissect(bytes(header / packet[UDP]))


def with_destination_options(flow, outbound):
    """An option that does not change on the way and one that may (bit 0x20 of its type)."""
    packet = inner_packet(flow, SHAPES[1], outbound)
    options = IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x1e, optdata=b"stay"),
                                         HBHOptUnknown(otype=0x3e, optdata=b"vary")])
    return dissect(bytes(IPv6(src=packet.src, dst=packet.dst) / options / packet[UDP]))


def headers_in_front(extras):
    for form, build, topic in ((TRANSPORT4, with_options, "IPv4 options"),
                               (TRANSPORT6, with_destination_options, "destination options")):
        for method in AH_METHODS + ESP_METHODS[:2]:
            flow = extras.flow(method, form)
            case = case_of(flow, topic)
            extras.add(cells.outbound_step(flow, case, build(flow, True), 1),
                       cells.inbound_step(flow, case, build(flow, False), 1))


def change_on_the_way(packet):
    """What routers may do to the outermost header."""
    if packet.version == 4:
        packet.ttl, packet.tos = 17, 0x48
        del packet.chksum
    else:
        packet.hlim, packet.tc, packet.fl = 17, 0x48, 0x12345
    return dissect(bytes(packet))


def mutable_fields(extras):
    for form in (TRANSPORT4, TRANSPORT6):
        for method in AH_METHODS:
            flow = extras.flow(method, form)
            inner = inner_packet(flow, SHAPES[0], False)
            changed = change_on_the_way(flow.inbound.protect(inner, 1))
            source, frame = pcap_gateway.from_wan(changed)
            extras.add(Step((*case_of(flow, "changed on the way"), "in"), flow, source, frame,
                            functools.partial(cells.judge_plain, flow, change_on_the_way(inner))))


def udp_encapsulation(extras):
    for form in (TRANSPORT4, TUNNEL4, TUNNEL64):
        for method in ESP_METHODS:
            flow = extras.flow(method, form, nat_t=True)
            case = case_of(flow, "in UDP")
            extras.add(*cells.steps_of(flow, case))
            inner = inner_packet(flow, SHAPES[0], False)
            translated = flow.inbound.protect(inner, 20)
            translated[UDP].sport = 61234
            source, frame = pcap_gateway.from_wan(translated)
            extras.add(Step((*case, "in, another source port"), flow, source, frame,
                            functools.partial(cells.judge_plain, flow, inner)))
            packet = flow.inbound.protect(inner, 21)
            bare = packet.__class__(bytes(packet))
            payload = bytes(bare[UDP].payload)
            bare.remove_payload()
            del bare.len, bare.chksum
            bare.proto = 50
            source, frame = pcap_gateway.from_wan(dissect(bytes(bare / Raw(payload))))
            extras.add(Step((*case, "refused without UDP"), flow, source, frame,
                            functools.partial(cells.judge_drop, "encap-mismatch")))


def extended_numbers(extras):
    """RFC 4303 Appendix A: the receiver guesses the high half as the low half wraps."""
    numbers = [100, 0xfffffffe, 0x1_00000000, 0x1_00000005, 0xffffffff]
    for form in (TRANSPORT4, TRANSPORT6):
        for method in AH_METHODS + ESP_METHODS + [esp("AES256", "AESXCBC")]:
            flow = extras.flow(method, form, esn=True)
            for number in numbers:
                extras.add(cells.inbound_step(flow, case_of(flow, "beyond 2^32"),
                                              inner_packet(flow, SHAPES[0], False), number))


def replay_window(extras):
    for method in AH_METHODS + ESP_METHODS:
        flow = extras.flow(method, TRANSPORT4, inbound_options="window=64")
        case = case_of(flow, "window of 64")
        inner = inner_packet(flow, SHAPES[0], False)
        extras.add(cells.inbound_step(flow, case, inner, 200),
                   cells.inbound_step(flow, case, inner, 137))
        source, frame = cells.protected_frame(flow, inner, 136)
        extras.add(Step((*case, "refused"), flow, source, frame,
                        functools.partial(cells.judge_drop, "replay-too-old")))


def tunnel_header(extras):
    """DSCP and DF as the SA says, for an inner packet that says the opposite."""
    for form, options, shape, fields in (
            (TUNNEL4, "dscp=46", (10, 0x02, False), {"tos": 0xba}),
            (TUNNEL4, "dscp=0", (10, 0xb9, False), {"tos": 0x01}),
            (TUNNEL46, "dscp=46", (10, 0x02, False), {"tc": 0xba}),
            (TUNNEL4, "df=set", SHAPES[0], {"flags": "DF"}),
            (TUNNEL64, "df=set", SHAPES[0], {"flags": "DF"}),
            (TUNNEL4, "df=clear", SHAPES[2], {"flags": 0}),
            (TUNNEL4, "df=copy", SHAPES[2], {"flags": "DF"})):
        flow = extras.flow(esp("AESGCM128"), form, options=options)
        extras.add(cells.outbound_step(flow, case_of(flow, options),
                                       inner_packet(flow, shape, True), 1, **fields))


def congestion(extras):
    """RFC 6040 4.2: a mark on the outer header goes to an inner one that can carry it."""
    for form in (TUNNEL4, TUNNEL64, TUNNEL46):
        flow = extras.flow(esp("AESGCM128"), form)
        for number, tos, judged in ((1, 0x02, "in"), (2, 0x00, "refused")):
            inner = inner_packet(flow, (50, tos, False), False)
            packet = flow.inbound.protect(inner, number)
            field = "tos" if packet.version == 4 else "tc"
            setattr(packet, field, 0x03)
            if packet.version == 4:
                del packet.chksum
            source, frame = pcap_gateway.from_wan(dissect(bytes(packet)))
            marked = inner.copy()
            setattr(marked, "tos" if inner.version == 4 else "tc", 0x03)
            if marked.version == 4:
                del marked.chksum
            judge = (functools.partial(cells.judge_plain, flow, dissect(bytes(marked)))
                     if judged == "in" else functools.partial(cells.judge_drop, "ecn-invalid"))
            case = (*case_of(flow, "congestion mark"), judged)
            extras.add(Step(case, flow, source, frame, judge))


def all_steps():
    extras = Extras()
    for group in (headers_in_front, mutable_fields, udp_encapsulation, extended_numbers,
                  replay_window, tunnel_header, congestion):
        group(extras)
    return extras.steps
