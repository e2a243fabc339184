"""The demo's second part: two gateways, a tunnel with manual SAs between them, and what somebody
sees who listens in between. tools/demo.py runs it."""

import contextlib
import os
import re

import support
import tunnel_lab
from demo_report import balance_row, heading, netsh, row, say
from support import A4, B4, B6
from tunnel_lab import GCM, ONE4, TWO4

SECRET = b"nobody on the way may read this"


def listing(text):
    """Of `show qmsas`: what the demo speaks of."""
    return re.match(r"(SPI|Direction|Method|State|Packets|Bytes|Replayed|Bad ICV)\b", text)


def type_on_both(lab, line):
    """Types the line at gateway 1 and, without showing it again, at gateway 2."""
    netsh(lab.one, line)
    lab.two.daemon.netsh(*support.shell_words(line))


def add_tunnel(lab):
    """Typed on both gateways; the keys are random and not shown."""
    heading("6. Two gateways, a router between them: rules say that the networks talk protected")
    say(f"    A {A4} - gateway 1 {ONE4} - router - {TWO4} gateway 2 - {B4} B")
    say("    typed on both gateways:")
    for line in ("ipsec static add filteraction name=protect action=negotiate",
                 "ipsec static add policy name=tunnel"):
        type_on_both(lab, line)
    for name, here, there, end in (("there", 1, 2, TWO4), ("back", 2, 1, ONE4)):
        for line in (f"ipsec static add filterlist name={name}",
                     f"ipsec static add filter filterlist={name} srcaddr=10.{here}.0.0/24 "
                     f"dstaddr=10.{there}.0.0/24 mirrored=no",
                     f"ipsec static add filter filterlist={name} srcaddr=fd00:{here}::/64 "
                     f"dstaddr=fd00:{there}::/64 mirrored=no",
                     f"ipsec static add rule name={name} policy=tunnel filterlist={name} "
                     f"filteraction=protect tunnel={end}"):
            type_on_both(lab, line)
    type_on_both(lab, "ipsec static set policy name=tunnel assign=yes")
    with lab.capture() as capture:
        row("without an SA nothing crosses", (got := lab.ping(B4, 2)) == 0, f"{got} of 2")
    row("... and nothing leaves in clear", capture.only(), seen_on_wire(capture))
    for spi, source, destination in ((0x1001, ONE4, TWO4), (0x1002, TWO4, ONE4)):
        line = (f"ipsec dynamic add sa spi={spi:#x} srcaddr={source} dstaddr={destination} "
                f'mode=tunnel method="{GCM.name}"')
        say(f"    # netsh {line} enckey=...")
        lab.add_sa(spi, source, destination,
                   f'mode=tunnel method="{GCM.name}" enckey={lab.key(20)}')


def seen_on_wire(capture):
    return ", ".join(f"{name} {count}" for name, count in sorted(capture.protocols().items())) \
        or "nothing"


def traffic(lab):
    """Returns the last ESP packet, whose sequence number is the SA's highest."""
    heading("7. Through the tunnel, while somebody listens in between")
    rate = lab.iperf(lab.a, lab.b, B4, rate="200M")
    row("iperf3 A -> B, TCP, through the tunnel", rate > 1, f"{rate:.0f} Mbit/s of 200")
    with lab.capture() as capture:
        row("ping A -> B, IPv4, through the tunnel", (got := lab.ping(B4, 5)) == 5, f"{got} of 5")
        row("ping A -> B, IPv6, through the tunnel", (got := lab.ping(B6, 5)) == 5, f"{got} of 5")
        row("curl A -> B, IPv4, through the tunnel", lab.curl(B4))
        row("curl A -> B, IPv6, through the tunnel", lab.curl(B6))
        with lab.udp_receiver(B4) as receiver:
            lab.send_udp(B4, SECRET)
            arrived = receiver.recv(2000)
        row("a datagram arrives as it was sent", arrived == SECRET,
            arrived.decode(errors="replace"))
    say(f"    on the wire: {seen_on_wire(capture)}")
    packet = capture.of("ESP", ONE4)[-1]
    say(f"    the datagram there: {packet[:32].hex(' ', 4)} ... {len(packet)} bytes")
    row("the wire shows ESP only", capture.only("ESP"), seen_on_wire(capture))
    row("nothing of the payloads is on the wire",
        not any(capture.shows(text) for text in (SECRET, b"portcullis", b"HTTP")))
    key = lab.keys[0]
    read = lab.tshark_payloads([packet], 0x1001, key)
    row("tshark, given the key, reads the datagram", read == [SECRET])
    return packet


def intruder(lab, packet):
    heading("8. Somebody in between repeats and forges packets")
    forged = packet[:20] + b"\0\0\x7f\xff" + packet[24:]
    clear = lab.clear_udp(A4, B4, b"forged")
    with lab.udp_receiver(B4) as receiver:
        for what, frame, reason in (("an ESP packet sent again", packet, "replayed"),
                                    ("one with an unknown SPI", forged, "sa-unknown"),
                                    ("a packet of A in clear", clear, "clear-text")):
            before = lab.two.drop(reason)
            lab.inject(frame)
            with contextlib.suppress(AssertionError):
                support.wait_until(lambda before=before, reason=reason:
                                   lab.two.drop(reason) > before, "it is counted", 3)
            row(f"{what} is dropped", lab.two.drop(reason) == before + 1,
                f"{reason} {lab.two.drop(reason)}")
        lab.send_udp(B4, b"genuine")
        row("of these nothing reached B", receiver.recv(2000) == b"genuine")
    for line in lab.two.log_lines("event=audit")[-2:]:
        say(f"      {line}")
    row("the log says which SPI and sequence number",
        lab.two.log_lines("reason=replayed", "spi=0x00001001")
        and lab.two.log_lines("reason=sa-unknown", "spi=0x00007fff"))


def at_the_end(lab):
    heading("9. What the gateways saw")
    netsh(lab.two, "ipsec dynamic show qmsas all", show=listing)
    inbound = lab.two.sa(0x1001, TWO4)
    row("the SA counts", inbound["packets"] > 0 and inbound["replayed"] == 1,
        f"{inbound['packets']} packets, {inbound['bytes']} bytes, {inbound['replayed']} replayed")
    texts = [gateway.daemon.log() + gateway.daemon.dynamic("show qmsas all").stdout
             for gateway in lab.gateways]
    row("no key is in a log or listing",
        not any(key in text.lower() for key in lab.keys for text in texts))
    netsh(lab.one, f"ipsec dynamic delete sa spi=0x1001 dstaddr={TWO4}")
    with lab.capture() as capture:
        got = lab.ping(B4, 2)
    row("without its SA the tunnel is closed, not open", got == 0 and capture.only(),
        f"{got} of 2, on the wire {seen_on_wire(capture)}")
    for gateway in lab.gateways:
        with contextlib.suppress(AssertionError):
            support.wait_until(gateway.daemon.conserved, "both sides are equal", 3)
        balance_row(f"{gateway.name}: what came in = what became of it", gateway.daemon)
        row(f"{gateway.name} stops cleanly", gateway.daemon.stop() == 0)


def run():
    lab = tunnel_lab.TunnelLab(prefix=f"pc-demo{os.getpid() % 1000}")
    with lab:
        lab.start()
        lab.web_server(lab.b, B4)
        lab.web_server(lab.b, B6)
        try:
            add_tunnel(lab)
            intruder(lab, traffic(lab))
            at_the_end(lab)
        except Exception as problem:
            say(f"\n{problem}")
            for gateway in lab.gateways:
                say(f"--- the log of {gateway.name}\n{gateway.daemon.log()}")
            row("the tunnel's demo ran to its end", False, type(problem).__name__)
    return lab
