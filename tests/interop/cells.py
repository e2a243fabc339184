# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""What each flow sends in both directions, and what must become of it."""
import functools
import struct

from scapy.all import IP, UDP, Ether, IPv6, Raw

import pcap_gateway
import scapy_ipsec
import tshark
from pcap_gateway import Step
from scapy_ipsec import dissect, dump

# Bytes of UDP payload, DSCP and ECN, DF. 0xb9: expedited forwarding, ECT(1).
SHAPES = [(1, 0x00, False), (333, 0xb9, False), (1400, 0x00, True)]


def inner_packet(flow, shape, outbound):
    size, tos, df = shape
    source, destination = ((flow.local, flow.remote) if outbound else (flow.remote, flow.local))
    upper = UDP(sport=40000, dport=7000) / Raw(bytes(i * 7 & 0xff for i in range(size)))
    if flow.form.inner == 4:
        packet = IP(src=source, dst=destination, id=size, tos=tos, flags="DF" if df else 0) / upper
    else:
        packet = IPv6(src=source, dst=destination, tc=tos, fl=0x54321) / upper
    return dissect(bytes(packet))


def one_hop_less(packet):
    packet = packet.copy()
    if packet.version == 4:
        packet.ttl -= 1
        del packet.chksum
    else:
        packet.hlim -= 1
    return dissect(bytes(packet))


def outer_header(flow, header, inner, seen=None, **fields):
    """The header RFC 4301 5.1.2 wants: DSCP, ECN (RFC 6040) and DF of the inner one. `seen`: a
    header whose free choices (identification, flow label, DF over IPv6) are taken over."""
    tos = inner.tos if inner.version == 4 else inner.tc
    header = header.copy()
    if header.version == 4:
        header.tos = tos
        if inner.version == 4:
            header.flags = inner.flags
        elif seen:
            header.flags = seen.flags
        if seen:
            header.id = seen.id
    else:
        header.tc = tos
        if seen:
            header.fl = seen.fl
    for name, value in fields.items():
        setattr(header, name, value)
    return header


def excerpt(data, first=0):
    """Eight lines of 16 bytes each from line `first` on."""
    lines = dump(data).splitlines()
    more = [f"... {len(lines) - first - 8} lines more"] if len(lines) > first + 8 else []
    return "\n".join(lines[first:first + 8] + more)


def difference(what, actual, expected):
    if actual == expected:
        return []
    pairs = zip(actual, expected, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(actual), len(expected)))
    first = max(at // 16 - 2, 0)
    return [f"{what} differs from byte {at} on ({len(actual)} bytes, expected {len(expected)})\n"
            f"is:\n{excerpt(actual, first)}\nmust be:\n{excerpt(expected, first)}"]


def only_frame(result, port):
    """(the frame, complaints)"""
    complaints = [f"dropped as {', '.join(result.drops)}"] if result.drops else []
    if [out for out, _ in result.frames] != [port]:
        complaints.append(f"sent {[(p, f.hex()) for p, f in result.frames] or 'nothing'}, "
                          f"expected one frame to {port}")
        return None, complaints
    return result.frames[0][1], complaints


def judge_protected(flow, inner, number, fields, result):
    """Whether scapy reads it, and whether scapy builds exactly the same with the same IV."""
    frame, complaints = only_frame(result, "wan")
    if frame is None:
        return complaints
    kind = 0x0800 if flow.form.outer == 4 else 0x86dd
    complaints += difference("the Ethernet header", frame[:14], bytes(
        Ether(src=pcap_gateway.WAN_MAC, dst=pcap_gateway.ROUTER_MAC, type=kind)))
    packet = dissect(frame[14:])
    try:
        plain = flow.out.unprotect(packet, number >> 32)
        complaints += difference("what scapy decrypts", plain, bytes(inner))
    except scapy_ipsec.ERRORS as problem:
        complaints.append(f"scapy does not take it: {type(problem).__name__} {problem}")
    try:
        header = flow.form.mode == "tunnel" and outer_header(
            flow, (flow.out.esp or flow.out.ah).tunnel_header, inner, packet, **fields)
        rebuilt = flow.out.protect(inner, number, flow.out.ivs(packet), header)
        complaints += difference("the protected packet", frame[14:], bytes(rebuilt))
    except scapy_ipsec.ERRORS as problem:
        complaints.append(f"scapy does not build it: {type(problem).__name__} {problem}\n"
                          f"{dump(frame)}")
    return complaints


def judge_plain(flow, inner, result):
    tunnel = flow.form.mode == "tunnel"
    frame, complaints = only_frame(result, "lan" if tunnel else "host")
    if frame is None:
        return complaints
    if tunnel:
        forwarded = Ether(src=pcap_gateway.LAN_MAC, dst=pcap_gateway.HOST_MAC) / one_hop_less(inner)
        return complaints + difference("the forwarded frame", frame, bytes(forwarded))
    # Which MAC addresses stand in front does not matter to the kernel.
    kind = 0x0800 if flow.form.inner == 4 else 0x86dd
    complaints += difference("the EtherType", frame[12:14], struct.pack("!H", kind))
    return complaints + difference("the packet for the kernel", frame[14:], bytes(inner))


def judge_drop(reason, result):
    complaints = []
    if result.drops != [reason]:
        complaints.append(f"dropped as {result.drops or 'nothing'}, expected {reason}")
    if result.frames:
        complaints.append(f"sent {[(p, f.hex()) for p, f in result.frames]}, expected nothing")
    return complaints


def outbound_step(flow, case, inner, number, **fields):
    """`fields`: of the outer header, where they are not what outer_header() makes them."""
    if flow.form.mode == "tunnel":
        source, frame = pcap_gateway.from_lan(inner)
        inner = one_hop_less(inner)
    else:
        source, frame = pcap_gateway.from_kernel(inner)
    judge = functools.partial(judge_protected, flow, inner, number, fields)
    return Step((*case, "out"), flow, source, frame, judge)


def protected_frame(flow, inner, number):
    """The peer's."""
    header = flow.form.mode == "tunnel" and outer_header(
        flow, (flow.inbound.esp or flow.inbound.ah).tunnel_header, inner)
    return pcap_gateway.from_wan(flow.inbound.protect(inner, number, tunnel=header))


def inbound_step(flow, case, inner, number):
    source, frame = protected_frame(flow, inner, number)
    return Step((*case, "in"), flow, source, frame, functools.partial(judge_plain, flow, inner))


def refused_steps(flow, case, number):
    """After sequence numbers up to `number` - 1 were received."""
    inner = inner_packet(flow, SHAPES[1], False)
    source, frame = protected_frame(flow, inner, number)
    case = (*case, "refused")

    def step(data, reason):
        return Step(case, flow, source, data, functools.partial(judge_drop, reason))
    spi = struct.pack("!L", flow.spi_in + (1 if flow.method.bundle else 0))
    yield step(frame.replace(spi, struct.pack("!L", 0xdead0000 + flow.number), 1), "sa-unknown")
    if not flow.method.integrity:
        return
    changed = bytearray(frame)
    changed[-1 if flow.number % 2 else len(frame) // 2] ^= 0x10
    yield step(bytes(changed), "icv-mismatch")
    # The number of the changed packet is not used up, and is afterwards.
    yield Step(case, flow, source, frame, functools.partial(judge_plain, flow, inner))
    yield step(frame, "replayed")


def steps_of(flow, case):
    for number, shape in enumerate(SHAPES, 1):
        yield outbound_step(flow, case, inner_packet(flow, shape, True), number)
    for number, shape in enumerate(SHAPES, 1):
        yield inbound_step(flow, case, inner_packet(flow, shape, False), number)
    yield from refused_steps(flow, case, len(SHAPES) + 1)


def tshark_row(flow):
    return tshark.uat(flow.form.outer, flow.own, flow.peer, flow.spi_out, flow.method,
                      flow.keys_out)


def judge_tshark(flow, inner, payload, verdict):
    complaints = difference("what tshark decrypts", payload, bytes(inner[UDP].payload))
    expected = True if flow.method.tshark_checks_icv else None
    if verdict is not expected:
        complaints.append(f"tshark's verdict on the ICV is {verdict}, expected {expected}")
    return complaints


def tshark_complaints(steps):
    """Yields (case, complaints) for what left protected by methods that tshark knows."""
    wanted = [step for step in steps if step.case[-1] == "out" and step.flow.method.tshark
              and not step.flow.esn and step.result and len(step.result.frames) == 1]
    if not wanted:
        return
    rows = {tshark_row(step.flow): None for step in wanted}
    decoded = tshark.decode([step.result.frames[0][1] for step in wanted], rows)
    for step, (payload, verdict) in zip(wanted, decoded, strict=True):
        inner = dissect(step.frame[14:])
        yield ((*step.case[:-1], "tshark"),
               judge_tshark(step.flow, inner, payload, verdict))
