#!/usr/bin/python3
"""Transport mode between the gateways themselves: the own traffic of their kernels, through the
TAPs, protected on the wire."""

import contextlib
import re
import sys

import support
import tunnel_lab
from support import case
from tunnel_lab import GCM, ONE4, ONE6, TWO4, TWO6, methods

from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation

SECRET = b"only the two gateways may read this"
PAGE = b"portcullis demo page"
# SPI and sequence number, IV, pad length and next header, ICV: what ESP adds to a payload that,
# with the trailer, is a multiple of 4 bytes long.
GCM_TRANSPORT_MTU = 1500 - 8 - 8 - 2 - 16


def pings(lab):
    """How many of two echo requests over IPv4 and two over IPv6 the other kernel answered."""
    return lab.ping(TWO4, 2, lab.one.space) + lab.ping(TWO6, 2, lab.one.space)


def curls(lab):
    return lab.curl(TWO4, namespace=lab.one.space) and lab.curl(TWO6, namespace=lab.one.space)


def add_pairs(lab, spi, **options):
    """For IPv4 and for IPv6, in both directions; the keys of the IPv4 ones."""
    lab.add_pair(spi + 0x10, mode="transport", ends=(ONE6, TWO6), **options)
    return lab.add_pair(spi, mode="transport", **options)


@contextlib.contextmanager
def only_sas(lab):
    """The SAs that a case adds are all there are; other cases find pairs of 0x1001 and 0x1011."""
    lab.delete_sas()
    yield
    lab.delete_sas()
    add_pairs(lab, 0x1001)


@case
def without_an_sa_the_kernels_do_not_reach_each_other(lab):
    with only_sas(lab), lab.capture() as capture:
        assert pings(lab) == 0
    assert capture.only(), capture.protocols()


@case
def the_kernels_talk_and_the_wire_shows_esp(lab):
    with lab.capture() as capture:
        assert pings(lab) == 4
        assert curls(lab)
    assert capture.only("ESP"), capture.protocols()
    assert not capture.shows(PAGE) and not capture.shows(b"HTTP")


@case
def scapy_reads_the_payload_with_the_keys(lab):
    with only_sas(lab):
        keys = add_pairs(lab, 0x1001)
        with lab.capture() as capture, lab.udp_receiver(TWO4, lab.two.space) as receiver:
            lab.send_udp(TWO4, SECRET, lab.one.space)
            assert receiver.recv(2000) == SECRET
        packets = capture.of("ESP", ONE4)
        peer = SecurityAssociation(ESP, spi=0x1001, crypt_algo="AES-GCM",
                                   crypt_key=bytes.fromhex(keys[0]))
        plain = [peer.decrypt(IP(packet)) for packet in packets]
        assert [(p[IP].src, p[IP].dst, bytes(p[UDP].payload)) for p in plain] == [
            (ONE4, TWO4, SECRET)]


@case
def the_own_kernel_is_told_what_fits(lab):
    lab.forget_path_mtu(lab.one.space)
    told = rf"From {TWO4} .*mtu = {GCM_TRANSPORT_MTU}\)"
    for length, expected in ((GCM_TRANSPORT_MTU, "1 received"), (GCM_TRANSPORT_MTU + 1, told)):
        result = lab.one.space.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s",
                                   length - 28, TWO4, check=False)
        assert re.search(expected, result.stdout), result.stdout + result.stderr


@case
def tcp_of_the_kernels_finds_what_fits_and_runs(lab):
    lab.forget_path_mtu(lab.one.space)
    for address in (TWO4, TWO6):
        rate = lab.iperf(lab.one.space, lab.two.space, address)
        support.figure(f"iperf3 in transport mode to {address}: {rate:.0f} Mbit/s of 100")
        assert rate > 5
        assert lab.path_mtu(lab.one.space, address) == GCM_TRANSPORT_MTU


@case
def a_router_on_the_way_tells_the_kernel_what_fits(lab):
    with only_sas(lab):
        add_pairs(lab, 0x1001)
        lab.forget_path_mtu(lab.one.space)
        lab.wire.run("ip", "route", "replace", f"{TWO4}/32", "dev", "w2", "mtu", "lock", "1300")
        try:
            assert lab.iperf(lab.one.space, lab.two.space, TWO4) > 5
        finally:
            lab.wire.run("ip", "route", "del", f"{TWO4}/32")
        assert lab.one.sa(0x1001, TWO4)["path_mtu"] == 1300
        assert lab.path_mtu(lab.one.space, TWO4) == GCM_TRANSPORT_MTU - 200
    lab.forget_path_mtu(lab.one.space)


@case
def what_the_kernel_cut_is_put_together_and_protected_whole(lab):
    before = [gateway.daemon.gateway()["merged"] for gateway in lab.gateways]
    with lab.capture() as capture:
        for address in (TWO4, TWO6):
            result = lab.one.space.run("ping", "-n", "-c", "2", "-i", "0.1", "-W", "2",
                                       "-s", "4000", address, check=False)
            assert "2 received" in result.stdout, result.stdout
    assert capture.only("ESP"), capture.protocols()
    for gateway, was in zip(lab.gateways, before, strict=True):
        # Of each packet of three or more pieces two, when it is sent and when it has been received.
        assert gateway.daemon.gateway()["merged"] >= was + 2 * 2 * (2 + 2)


@case
def clear_packets_do_not_reach_the_kernel(lab):
    before = lab.two.drop("clear-text")
    with lab.udp_receiver(TWO4, lab.two.space) as receiver:
        lab.inject(lab.clear_udp(ONE4, TWO4, b"forged"))
        support.wait_until(lambda: lab.two.drop("clear-text") > before, "clear text is counted", 3)
        lab.send_udp(TWO4, b"true", lab.one.space)
        assert receiver.recv(2000) == b"true"


@case
def other_forms_cross(lab):
    rows = (("AH", {"method": methods.ah_alone("SHA256")}),
            ("AH", {"method": methods.esp("AES256", "SHA512", ah="SHA256")}),
            ("ESP", {"method": methods.esp("CHACHA20POLY1305")}),
            ("ESP", {"method": methods.esp("AES128", "SHA1"), "words": "esn=yes window=1024"}),
            ("UDP", {"words": "encap=yes"}))
    for protocol, options in rows:
        with only_sas(lab):
            add_pairs(lab, 0x2001, **options)
            with lab.capture() as capture:
                assert pings(lab) == 4 and curls(lab), options
            assert capture.only(protocol), (options, capture.protocols())
            # AH alone does not hide what it carries.
            alone = options.get("method", GCM).cipher is None
            assert capture.shows(PAGE) == alone, options


@case
def other_hosts_are_reached_in_clear(lab):
    with lab.capture() as capture:
        assert lab.ping(tunnel_lab.ROUTER_ONE4, 2, lab.one.space) == 2
    assert capture.only("ICMP"), capture.protocols()


@case
def keys_are_not_in_the_log(lab):
    for gateway in lab.gateways:
        log = gateway.daemon.log().lower()
        assert "enckey=****" in log
        assert not any(key[:16] in log for key in lab.keys)


@case
def what_came_in_went_out_or_was_counted(lab):
    for gateway in lab.gateways:
        support.wait_until(gateway.daemon.conserved, f"conservation of {gateway.name}", 5)
        assert gateway.daemon.stop() == 0, gateway.daemon.log()


if __name__ == "__main__":
    with tunnel_lab.TunnelLab() as the_lab:
        the_lab.start()
        the_lab.transport_policy()
        add_pairs(the_lab, 0x1001)
        # The pages are asked for by the server's own host first, which needs no SA.
        the_lab.web_server(the_lab.two.space, TWO4)
        the_lab.web_server(the_lab.two.space, TWO6)
        code = support.main(the_lab)
    sys.exit(code)
