"""The demo's second part: two gateways, a tunnel that a ping sets up, and what somebody sees who
listens in between. tools/demo.py runs it."""

import contextlib
import os
import re

import negotiation_lab
import support
from demo_report import balance_row, heading, netsh, row, say
from negotiation_lab import PSK, mm_sas, qm_sas
from support import A4, B4, B6
from tunnel_lab import ONE4, TWO4

SECRET = b"nobody on the way may read this"
METHODS = ('mmsecmethods="AES128-SHA256-14"', 'qmsecmethods="ESP[AESGCM128,None]:20480k/3600s"')


def listing(text):
    """Of `show mmsas` and `show qmsas`: what the demo speaks of."""
    return re.match(r"(Cookies|Role|State|Security Method|Authentication|Remote Identity"
                    r"|Next Rekey|SPI|Direction|Packets|Bytes|Replayed)\b", text)


def type_on_both(lab, line):
    """Types the line at gateway 1 and, without showing it again, at gateway 2."""
    netsh(lab.one, line)
    lab.two.daemon.netsh(*support.shell_words(line))


def write_policy(lab):
    heading("6. Two gateways, a router between them: a rule says that their networks talk protected")
    say(f"    A {A4} - gateway 1 {ONE4} - router - {TWO4} gateway 2 - {B4} B")
    for line in (f"ipsec static add filteraction name=protect action=negotiate {METHODS[1]}",
                 f"ipsec static add policy name=tunnel {METHODS[0]}",
                 "ipsec static add filterlist name=nets",
                 "ipsec dynamic set config property=ikelogging value=1"):
        type_on_both(lab, line)
    for gateway, here, there, end in ((lab.one, 1, 2, TWO4), (lab.two, 2, 1, ONE4)):
        say(f"    at {gateway.name}:")
        for line in (f"ipsec static add filter filterlist=nets srcaddr=10.{here}.0.0/24 "
                     f"dstaddr=10.{there}.0.0/24",
                     f"ipsec static add filter filterlist=nets srcaddr=fd00:{here}::/64 "
                     f"dstaddr=fd00:{there}::/64",
                     "ipsec static add rule name=nets policy=tunnel filterlist=nets "
                     f'filteraction=protect tunnel={end} psk="{PSK}"'):
            netsh(gateway, line)
    type_on_both(lab, "ipsec static set policy name=tunnel assign=yes")


def seen_on_wire(capture):
    return ", ".join(f"{name} {count}" for name, count in
                     sorted(negotiation_lab.kinds(capture).items())) or "nothing"


def negotiate(lab):
    heading("7. The first ping makes the gateways negotiate")
    with lab.capture() as capture:
        row("ping A -> B, the first packet too", (got := lab.ping(B4, 3)) == 3, f"{got} of 3")
    row("the wire shows ISAKMP, then ESP, nothing else",
        negotiation_lab.order(capture) == ["ISAKMP", "ESP"], seen_on_wire(capture))
    say("    what gateway 2 logged:")
    for line in negotiation_lab.story(lab.two)[:14]:
        say(f"      {line[:110]}")
    netsh(lab.one, "ipsec dynamic show mmsas", show=listing)
    row("one main mode, SAs in both directions",
        len(mm_sas(lab.one)) == 1 and len(qm_sas(lab.one)) == 2,
        f"{len(mm_sas(lab.one))} and {len(qm_sas(lab.one))}")


def traffic(lab):
    """Returns the last ESP packet, whose sequence number is the SA's highest."""
    heading("8. Through the tunnel, while somebody listens in between")
    before = rekeys(lab.one)
    rate = lab.iperf(lab.a, lab.b, B4, seconds=4, rate="200M")
    row("iperf3 A -> B, TCP, a new SA every 20 MiB",
        rate > 1 and rekeys(lab.one) > before,
        f"{rate:.0f} Mbit/s of 200, {rekeys(lab.one) - before} new pairs of SAs")
    with lab.capture() as capture:
        row("ping A -> B, IPv6, through the tunnel", (got := lab.ping(B6, 5)) == 5, f"{got} of 5")
        row("curl A -> B, IPv4, through the tunnel", lab.curl(B4))
        row("curl A -> B, IPv6, through the tunnel", lab.curl(B6))
        with lab.udp_receiver(B4) as receiver:
            lab.send_udp(B4, SECRET)
            arrived = receiver.recv(2000)
        row("a datagram arrives as it was sent", arrived == SECRET,
            arrived.decode(errors="replace"))
    packet = capture.of("ESP", ONE4)[-1]
    say(f"    the datagram there: {packet[:32].hex(' ', 4)} ... {len(packet)} bytes")
    row("the wire shows ISAKMP and ESP only",
        set(negotiation_lab.kinds(capture)) == {"ISAKMP", "ESP"}, seen_on_wire(capture))
    row("nothing of the payloads is on the wire",
        not any(capture.shows(text) for text in (SECRET, b"portcullis", b"HTTP")))
    return packet


def rekeys(gateway):
    return gateway.daemon.json("dynamic show stats type=ike")["ike"][0]["quick_modes"]


def intruder(lab, packet):
    heading("9. Somebody in between repeats and forges packets")
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
    row("the log says which packets these were",
        lab.two.log_lines("reason=replayed", f"spi=0x{packet[20:24].hex()}")
        and lab.two.log_lines("reason=sa-unknown", "spi=0x00007fff"))


def by_certificate(lab):
    heading("10. The same with certificates, made a moment ago")
    type_on_both(lab, f"ipsec static set rule name=nets policy=tunnel {lab.by_certificate}")
    row("ping A -> B", (got := lab.ping(B4, 3)) == 3, f"{got} of 3")
    netsh(lab.one, "ipsec dynamic show mmsas", show=listing)
    peer = [sa["remote_id"] for sa in mm_sas(lab.one)]
    row("gateway 1 knows gateway 2 by its certificate", any("CN=gateway 2" in p for p in peer),
        " ".join(peer))


def at_the_end(lab):
    heading("11. What becomes of it")
    netsh(lab.one, "ipsec dynamic delete sa all")
    with contextlib.suppress(AssertionError):
        support.wait_until(lambda: not qm_sas(lab.two), "gateway 2 was told", 5)
    row("deleted at gateway 1, the SAs are gone at gateway 2", not qm_sas(lab.two))
    lab.two.daemon.netsh(*support.shell_words("ipsec static set policy name=tunnel assign=no"))
    with lab.capture() as capture:
        got = lab.ping(B4, 2)
    row("with nobody to negotiate with the tunnel is closed, not open",
        got == 0 and set(negotiation_lab.kinds(capture)) <= {"ISAKMP"},
        f"{got} of 2, on the wire {seen_on_wire(capture)}")
    texts = [gateway.daemon.log() + gateway.daemon.dynamic("show mmsas all").stdout
             for gateway in lab.gateways]
    row("the pre-shared key is in no log or listing", not any(PSK in text for text in texts))
    for gateway in lab.gateways:
        with contextlib.suppress(AssertionError):
            support.wait_until(gateway.daemon.conserved, "both sides are equal", 3)
        balance_row(f"{gateway.name}: what came in = what became of it", gateway.daemon)
        row(f"{gateway.name} stops cleanly", gateway.daemon.stop() == 0)


def run():
    lab = negotiation_lab.NegotiationLab(prefix=f"pc-demo{os.getpid() % 1000}")
    with lab:
        lab.start()
        lab.web_server(lab.b, B4)
        lab.web_server(lab.b, B6)
        try:
            write_policy(lab)
            negotiate(lab)
            intruder(lab, traffic(lab))
            by_certificate(lab)
            at_the_end(lab)
        except Exception as problem:
            say(f"\n{problem}")
            for gateway in lab.gateways:
                say(f"--- the log of {gateway.name}\n{gateway.daemon.log()}")
            row("the tunnel's demo ran to its end", False, type(problem).__name__)
    return lab
