#!/usr/bin/python3
"""A tunnel with manual SAs between two real gateways: what it carries, what the wire shows, and
what becomes of packets that are not as they should be."""

import contextlib
import json
import re
import socket
import sys
import time

import support
import tunnel_lab
from support import A4, A6, B4, B6, GW_A4, GW_B4, GW_B6, case
from tunnel_lab import GCM, ONE4, ONE6, TWO4, TWO6, methods

from scapy.layers.inet import IP
from scapy.packet import Raw

SECRET = b"nobody on the way may read this"
PAGE = b"portcullis demo page"
# RFC 4303 2, RFC 4106: what IP header, SPI and sequence number, IV, pad length and next header, and
# ICV leave. With the last two fields a packet fills multiples of 4 bytes, which this one does.
GCM_TUNNEL_MTU = 1500 - 20 - 8 - 8 - 2 - 16


def pings(lab):
    """How many of two echo requests over IPv4 and two over IPv6 were answered."""
    return lab.ping(B4, 2) + lab.ping(B6, 2)


def await_drops(gateway, reason, before, count=1):
    support.wait_until(lambda: gateway.drop(reason) >= before + count,
                       f"{gateway.name} counts {reason}", 3)


def await_line(gateway, *words):
    support.wait_until(lambda: gateway.log_lines(*words),
                       f"{gateway.name} logs {' '.join(words)}", 3)


@contextlib.contextmanager
def only_sas(lab):
    """The SAs that a case adds are all there are; other cases find a pair of 0x1001 and 0x1002."""
    lab.delete_sas()
    yield
    lab.delete_sas()
    lab.add_pair(0x1001)


@case
def without_an_sa_nothing_crosses_and_nothing_leaves_in_clear(lab):
    before = lab.one.drop("negotiate-no-sa")
    with only_sas(lab), lab.capture() as capture:
        assert pings(lab) == 0
    assert capture.only(), capture.protocols()
    await_drops(lab.one, "negotiate-no-sa", before, 4)


@case
def both_families_cross_one_tunnel_in_both_directions(lab):
    assert pings(lab) == 4
    assert lab.ping(A4, 2, lab.b) == 2 and lab.ping(A6, 2, lab.b) == 2
    assert lab.curl(B4) and lab.curl(B6)


@case
def the_wire_shows_esp_and_nothing_of_what_it_carries(lab):
    with lab.capture() as capture:
        assert pings(lab) == 4
        assert lab.curl(B4) and lab.curl(B6)
        for address in (B4, B6):
            with lab.udp_receiver(address) as receiver:
                lab.send_udp(address, SECRET)
                assert receiver.recv(2000) == SECRET
    assert capture.only("ESP"), capture.protocols()
    assert capture.protocols()["ESP"] >= 2 * 4 + 2 * 8 + 2, capture.protocols()
    for text in (SECRET, PAGE, b"HTTP", socket.inet_aton(A4), socket.inet_aton(B4)):
        assert not capture.shows(text), text


@case
def tshark_reads_the_payload_with_the_keys_and_with_no_others(lab):
    with only_sas(lab):
        keys = lab.add_pair(0x1001)
        with lab.capture() as capture, lab.udp_receiver(B4) as receiver:
            lab.send_udp(B4, SECRET)
            assert receiver.recv(2000) == SECRET
        packets = capture.of("ESP", ONE4)
        assert lab.tshark_payloads(packets, 0x1001, keys[0]) == [SECRET]
        assert lab.tshark_payloads(packets, 0x1001, keys[1]) != [SECRET]


# --- Sizes


def ping_of(lab, length):
    """What ping says of one packet of so many bytes that may not be cut."""
    result = lab.a.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", length - 28, B4,
                       check=False)
    return result.stdout + result.stderr


@case
def a_sender_is_told_what_fits_into_the_tunnel(lab):
    lab.forget_path_mtu(lab.a)
    assert "1 received" in ping_of(lab, GCM_TUNNEL_MTU)
    said = ping_of(lab, GCM_TUNNEL_MTU + 1)
    assert re.search(rf"From {GW_A4} .*mtu = {GCM_TUNNEL_MTU}\)", said), said


@case
def tcp_finds_what_fits_and_runs(lab):
    lab.forget_path_mtu(lab.a)
    for address in (B4, B6):
        rate = lab.iperf(lab.a, lab.b, address)
        support.figure(f"iperf3 through the tunnel to {address}: {rate:.0f} Mbit/s of 100")
        assert rate > 5
        assert lab.path_mtu(lab.a, address) == GCM_TUNNEL_MTU


@case
def long_datagrams_arrive_in_fragments(lab):
    payload = bytes(range(256)) * 24
    for address in (B4, B6):
        with lab.udp_receiver(address) as receiver:
            receiver.settimeout(1)
            # The first may be lost: it tells A's kernel what fits.
            for _ in range(3):
                lab.send_udp(address, payload)
                with contextlib.suppress(socket.timeout):
                    assert receiver.recv(65536) == payload
                    break
            else:
                raise AssertionError(f"{len(payload)} bytes to {address} did not arrive")


@case
def fragments_of_protected_packets_are_put_together_before_they_are_verified(lab):
    payload = bytes(range(244)) * 6
    with only_sas(lab):
        lab.add_pair(0x1001, words="fragment=after")
        lab.forget_path_mtu(lab.a)
        before = lab.two.daemon.gateway()["merged"]
        with lab.capture() as capture, lab.udp_receiver(B4) as receiver:
            lab.send_udp(B4, payload, may_fragment=True)
            assert receiver.recv(2000) == payload
        pieces = capture.of("ESP", ONE4)
        assert len(pieces) == 2 and pieces[0][6] & 0x20, pieces
        assert lab.two.daemon.gateway()["merged"] == before + 1


@case
def a_router_on_the_way_tells_the_tunnel_what_fits(lab):
    with only_sas(lab):
        lab.add_pair(0x1001)
        lab.forget_path_mtu(lab.a)
        lab.wire.run("ip", "route", "replace", f"{TWO4}/32", "dev", "w2", "mtu", "lock", "1300")
        try:
            assert lab.iperf(lab.a, lab.b, B4) > 5
        finally:
            lab.wire.run("ip", "route", "del", f"{TWO4}/32")
        assert lab.one.sa(0x1001, TWO4)["path_mtu"] == 1300
        assert lab.path_mtu(lab.a, B4) == GCM_TUNNEL_MTU - 200
    lab.forget_path_mtu(lab.a)


# --- Errors about what came through the tunnel


def traced(lab, address, hops):
    """What ping says of a packet that may pass so many routers."""
    return lab.a.run("ping", "-n", "-c", "1", "-W", "2", "-t", hops, "-p", SECRET[:16].hex(),
                     address, check=False).stdout


@case
def errors_of_the_far_gateway_come_back_through_the_tunnel(lab):
    with lab.capture() as capture:
        for address, near in ((B4, GW_B4), (B6, GW_B6)):
            said = traced(lab, address, 2)
            assert f"From {near} " in said and "exceeded" in said, said
        said = lab.a.run("ping", "-n", "-c", "1", "-W", "6", "-p", SECRET[:16].hex(), "10.2.0.99",
                         check=False).stdout
        assert f"From {GW_B4} " in said and "Unreachable" in said, said
    assert capture.only("ESP"), capture.protocols()
    assert not capture.shows(SECRET[:16])


@case
def errors_of_the_far_gateway_do_not_leave_in_clear(lab):
    before = lab.two.drop("ttl-expired")
    lab.two.daemon.dynamic(f"delete sa spi=0x1002 dstaddr={ONE4}")
    with lab.capture() as capture:
        assert "exceeded" not in traced(lab, B4, 2)
        await_drops(lab.two, "ttl-expired", before)
    assert capture.only("ESP"), capture.protocols()
    lab.delete_sas()
    lab.add_pair(0x1001)


# --- What is not as it should be


def gateway_statistics(gateway):
    return gateway.daemon.json("dynamic show stats type=ipsec")["gateway"][0]


@case
def the_listing_counts_what_passes(lab):
    with only_sas(lab):
        lab.add_pair(0x1001)
        for gateway, inbound, outbound in ((lab.one, (0x1002, ONE4), (0x1001, TWO4)),
                                           (lab.two, (0x1001, TWO4), (0x1002, ONE4))):
            assert gateway.sa(*inbound)["direction"] == "inbound"
            assert gateway.sa(*outbound)["direction"] == "outbound"
            assert gateway.sa(*outbound)["idle_seconds"] is None
        before = [gateway_statistics(gateway) for gateway in lab.gateways]
        assert lab.ping(B4, 5) == 5
        for gateway, was in zip(lab.gateways, before, strict=True):
            now = gateway_statistics(gateway)
            assert now["protected"] == was["protected"] + 5, (was, now)
            assert now["verified"] == was["verified"] + 5, (was, now)
            for row in gateway.daemon.json("dynamic show qmsas all")["qm_sas"]:
                assert row["packets"] == 5 and row["sequence"] == 5, row
                # RFC 4301 4.4.2.1: what is encrypted, an echo of 84 bytes and the ESP trailer.
                assert row["bytes"] == 5 * 88, row
                assert row["state"] == "active" and row["mode"] == "tunnel", row
        text = lab.one.daemon.dynamic("show qmsas all").stdout
        assert "0x00001001 (4097)" in text and re.search(r"Packets +: 5\n", text), text


@case
def a_wrong_key_is_counted_and_audited(lab):
    with only_sas(lab):
        before = lab.two.drop("icv-mismatch")
        for gateway in lab.gateways:
            lab.add_sa(0x2001, ONE4, TWO4,
                       f'method="{GCM.name}" mode=tunnel enckey={lab.key(20)}', on=gateway)
        lab.send_udp(B4, SECRET)
        await_drops(lab.two, "icv-mismatch", before)
        assert lab.two.sa(0x2001, TWO4)["bad_icv"] == 1
        assert lab.two.sa(0x2001, TWO4)["packets"] == 0
        await_line(lab.two, "event=audit", "reason=icv-mismatch", "spi=0x00002001", "sequence=1 ",
                   f"source={ONE4}", f"destination={TWO4}")


@case
def an_unknown_spi_is_counted_and_audited(lab):
    before = lab.two.drop("sa-unknown")
    lab.inject(bytes(IP(src=ONE4, dst=TWO4, proto=50)
                     / Raw(b"\0\0\x7f\xff" + b"\0\0\0\x09" + bytes(64))))
    await_drops(lab.two, "sa-unknown", before)
    await_line(lab.two, "reason=sa-unknown", "spi=0x00007fff", "sequence=9 ")


@case
def a_deleted_sa_stops_its_traffic_and_lets_none_out_in_clear(lab):
    assert lab.ping(B4, 1) == 1
    before = lab.one.drop("negotiate-no-sa")
    lab.one.daemon.dynamic(f"delete sa spi=0x1001 dstaddr={TWO4}")
    with lab.capture() as capture:
        assert pings(lab) == 0
        lab.send_udp(B4, SECRET)
        await_drops(lab.one, "negotiate-no-sa", before, 5)
    assert capture.only(), capture.protocols()
    lab.delete_sas()
    lab.add_pair(0x1001)


@case
def what_should_be_protected_does_not_get_in_in_clear(lab):
    before = lab.two.drop("clear-text")
    with lab.udp_receiver(B4) as receiver4, lab.udp_receiver(B6) as receiver6:
        lab.inject(lab.clear_udp(A4, B4, b"forged"))
        lab.inject(lab.clear_udp(A6, B6, b"forged"))
        await_drops(lab.two, "clear-text", before, 2)
        # The tunnel's next packet comes after them.
        for address, receiver in ((B4, receiver4), (B6, receiver6)):
            lab.send_udp(address, b"true")
            assert receiver.recv(2000) == b"true"


@case
def a_repeated_packet_does_not_arrive_again(lab):
    with lab.capture() as capture, lab.udp_receiver(B4) as receiver:
        lab.send_udp(B4, b"once")
        assert receiver.recv(2000) == b"once"
    packet = capture.of("ESP", ONE4)[-1]
    before = lab.two.drop("replayed")
    with lab.udp_receiver(B4) as receiver:
        lab.inject(packet)
        await_drops(lab.two, "replayed", before)
        lab.send_udp(B4, b"next")
        assert receiver.recv(2000) == b"next"
    sequence = int.from_bytes(packet[24:28], "big")
    await_line(lab.two, "reason=replayed", "spi=0x00001001", f"sequence={sequence} ")
    assert lab.two.sa(0x1001, TWO4)["replayed"] == 1


def send_many(lab, count):
    """So many packets of 1,400 bytes, slowly enough for the rings of the ports."""
    with lab.a.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(bytes(1372), (B4, 7000))
            if number % 64 == 63:
                time.sleep(0.004)


@case
def an_sa_stops_after_its_bytes(lab):
    # The shortest life that a method may have. Of a packet of 1,400 bytes 1,404 count.
    limit, packets = 20480 * 1024, 20480 * 1024 // 1404
    with only_sas(lab), lab.udp_receiver(B4):
        lab.add_pair(0x3001, life=":20480k/3600s")
        before = lab.one.drop("sa-expired")
        send_many(lab, packets * 8 // 10)
        assert lab.one.sa(0x3001, TWO4)["state"] == "active"
        send_many(lab, packets * 15 // 100)
        assert lab.one.sa(0x3001, TWO4)["state"] == "expiring"
        send_many(lab, packets * 10 // 100)
        await_drops(lab.one, "sa-expired", before)
        row = lab.one.sa(0x3001, TWO4)
        assert row["byte_limit"] == limit and row["bytes"] >= limit, row
        assert row["state"] == "expired" and row["refused"] > 0, row
        assert lab.two.sa(0x3001, TWO4)["packets"] <= packets
        with lab.capture() as capture:
            assert lab.ping(B4, 2) == 0
        assert capture.only(), capture.protocols()
        for event in ("sa-expires-soon", "sa-expired"):
            words = f"event={event} direction=outbound", "spi=0x00003001"
            await_line(lab.one, *words)
            assert len(lab.one.log_lines(*words)) == 1
        # An expired SA makes room for one of its SPI.
        lab.add_sa(0x3001, ONE4, TWO4, f'method="{GCM.name}" mode=tunnel enckey={lab.key(20)}',
                   on=lab.one)
        assert lab.one.sa(0x3001, TWO4)["state"] == "active"


# --- Other forms


@case
def esp_in_udp_crosses(lab):
    with only_sas(lab):
        lab.add_pair(0x5001, words="encap=yes")
        with lab.capture() as capture:
            assert pings(lab) == 4 and lab.curl(B4) and lab.curl(B6)
        assert capture.only("UDP"), capture.protocols()
        assert {packet[20:24] for packet in capture.of("UDP")} == {b"\x11\x94\x11\x94"}
        assert not capture.shows(PAGE)


@case
def ah_around_esp_crosses(lab):
    with only_sas(lab):
        lab.add_pair(0x6001, method=methods.esp("AES128", "SHA256", ah="SHA1"))
        with lab.capture() as capture:
            assert pings(lab) == 4 and lab.curl(B4) and lab.curl(B6)
        assert capture.only("AH"), capture.protocols()
        assert {packet[20] for packet in capture.of("AH")} == {50}
        assert not capture.shows(PAGE)
        assert lab.iperf(lab.a, lab.b, B4, seconds=1) > 5


@case
def an_ipv6_tunnel_carries_both_families(lab):
    with only_sas(lab):
        lab.tunnel_policy(ONE6, TWO6)
        lab.add_pair(0x7001, ends=(ONE6, TWO6))
        with lab.capture() as capture:
            assert pings(lab) == 4 and lab.curl(B4) and lab.curl(B6)
        assert capture.only("ESP"), capture.protocols()
        lab.forget_path_mtu(lab.a)
        assert lab.iperf(lab.a, lab.b, B6, seconds=1) > 5
        lab.tunnel_policy()


# --- At the end


@case
def keys_are_nowhere_to_be_read(lab):
    assert len(lab.keys) > 20
    for gateway in lab.gateways:
        daemon = gateway.daemon
        texts = [daemon.dynamic("show qmsas all").stdout.encode(),
                 json.dumps(daemon.json("dynamic show qmsas all")).encode(),
                 daemon.dynamic("show stats").stdout.encode(),
                 daemon.static("show all").stdout.encode()]
        texts += [path.read_bytes() for path in gateway.directory.rglob("*") if path.is_file()]
        assert len(texts) >= 4 + 3, "log, gateway.toml and store"
        for text in texts:
            lower = text.lower()
            for key in lab.keys:
                assert key[:16].encode() not in lower
                assert bytes.fromhex(key[:16]) not in text


@case
def what_came_in_went_out_or_was_counted(lab):
    for gateway in lab.gateways:
        support.wait_until(gateway.daemon.conserved, f"conservation of {gateway.name}", 5)
        assert gateway.daemon.gateway()["held"] == 0


@case
def both_gateways_stop_cleanly(lab):
    for gateway in lab.gateways:
        assert gateway.daemon.stop() == 0, gateway.daemon.log()


if __name__ == "__main__":
    with tunnel_lab.TunnelLab() as the_lab:
        the_lab.start()
        the_lab.tunnel_policy()
        the_lab.add_pair(0x1001)
        the_lab.web_server(the_lab.b, B4)
        the_lab.web_server(the_lab.b, B6)
        code = support.main(the_lab)
    sys.exit(code)
