#!/usr/bin/python3
"""Two real gateways that negotiate: what a ping sets in motion, what the wire shows, how SAs are
replaced and end, and what an operator reads when nothing comes about."""

import contextlib
import os
import sys

import negotiation_lab
import support
from negotiation_lab import PSK, failures, kinds, mm_sas, order, qm_sas, story
from support import A4, B4, B6, case
from tunnel_lab import ONE4, TWO4, TWO6

PAGE = b"portcullis demo page"


@contextlib.contextmanager
def negotiated(lab, begin, *words, **keywords):
    """A policy on both gateways, and nothing of it afterwards."""
    begin(*words, **keywords)
    yield
    lab.end_negotiations()


def await_failure(gateway, words):
    """The reason of a failed negotiation that has these words."""
    return support.wait_until(
        lambda: next((row["reason"] for row in failures(gateway) if words in row["reason"]), None),
        f"{gateway.name} lists a failure about {words}")


def await_sas(gateway, count, what="SAs are there"):
    return support.wait_until(lambda: len(qm_sas(gateway)) == count and qm_sas(gateway),
                              f"{gateway.name}: {what}", 10)


@case
def the_first_ping_sets_up_the_tunnel_and_none_is_lost(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        with lab.capture() as capture:
            assert lab.ping(B4, 5) == 5
        # RFC 2409 5.1 and 5.5: six messages and three.
        assert kinds(capture) == {"ISAKMP": 9, "ESP": 10}, kinds(capture)
        assert order(capture) == ["ISAKMP", "ESP"]
        for gateway in lab.gateways:
            assert len(await_sas(gateway, 2)) == 2
            assert [sa["state"] for sa in mm_sas(gateway)] == ["established"], mm_sas(gateway)


@case
def either_side_may_begin(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        assert lab.ping(A4, 3, lab.b) == 3
        assert lab.ping(B4, 3) == 3
        assert [sa["role"] for sa in mm_sas(lab.two)] == ["initiator"]
        assert [sa["role"] for sa in mm_sas(lab.one)] == ["responder"]


@case
def each_filter_gets_its_own_pair_under_one_main_mode(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        assert lab.ping(B4, 3) == 3
        assert lab.ping(B6, 3) == 3
        for gateway in lab.gateways:
            await_sas(gateway, 4)
            assert len(mm_sas(gateway)) == 1


@case
def certificates_prove_who_the_gateways_are(lab):
    with negotiated(lab, lab.negotiate_tunnel, auth=lab.by_certificate):
        assert lab.ping(B4, 3) == 3
        for gateway, peer in ((lab.one, "gateway 2"), (lab.two, "gateway 1")):
            assert f"CN={peer}" in mm_sas(gateway)[0]["remote_id"], mm_sas(gateway)


@case
def two_rules_as_windows_has_them_are_one_tunnel(lab):
    with negotiated(lab, lab.negotiate_two_rules):
        assert lab.ping(B4, 3) == 3
        assert lab.ping(A4, 3, lab.b) == 3
        for gateway in lab.gateways:
            await_sas(gateway, 2)


@case
def the_gateways_own_traffic_in_transport_mode(lab):
    with negotiated(lab, lab.negotiate_transport), lab.capture() as capture:
        assert lab.ping(TWO4, 3, lab.one.space) == 3
        assert lab.ping(TWO6, 3, lab.one.space) == 3
        assert lab.curl(TWO4, namespace=lab.one.space)
        await_sas(lab.one, 4)
    assert set(kinds(capture)) == {"ESP", "ISAKMP"}, kinds(capture)
    assert not capture.shows(PAGE)


METHODS = [  # main mode, quick mode, words of the filter action
    ("3DES-SHA1-2", "ESP[3DES,SHA1]", ""),
    ("3DES-MD5-2", "ESP[3DES,MD5]", "qmpfs=yes"),
    ("3DES-SHA1-3", "ESP[None,SHA1]", ""),
    ("DES-MD5-1", "ESP[DES,MD5]", "qmpfs=yes"),
    ("AES192-SHA512-15", "ESP[AES192,SHA384]", ""),
    ("AES128-SHA256-14", "ESP[AES128,SHA256]", "qmpfs=yes"),
    ("AES256-SHA384-19", "ESP[AESGCM128,None]", "qmpfs=yes"),
    ("AES256-SHA384-20", "ESP[AESGCM256,None]", ""),
    ("AES128-SHA1-21", "ESP[AESCTR128,AESXCBC]", "qmpfs=yes"),
    ("AES128-SHA256-24", "ESP[None,AESGMAC128]", ""),
    ("AES128-SHA256-14", "AH[SHA1]", ""),
    ("AES128-SHA256-14", "AH[SHA256]+ESP[AES256,SHA1]", "qmpfs=yes"),
    ("AES128-SHA256-14", "AH[MD5]+ESP[3DES,None]", ""),
]


@case
def every_kind_of_method_carries_traffic(lab):
    for main, quick, action in METHODS:
        for begin, target, sender in ((lab.negotiate_tunnel, B4, lab.a),
                                      (lab.negotiate_transport, TWO4, lab.one.space)):
            with negotiated(lab, begin, quick=quick, main=main, action=action):
                got = lab.ping(target, 2, sender)
                assert got == 2, (main, quick, action, begin.__name__, got, failures(lab.one))
                methods = {sa["method"] for sa in qm_sas(lab.one)}
                assert all(m in quick for m in methods), (methods, quick)


@case
def the_responder_chooses_by_its_own_order(lab):
    lab.negotiate_tunnel(quick="ESP[3DES,SHA1] ESP[AES128,SHA1]",
                         main="3DES-SHA1-2 AES128-SHA256-14", on=lab.one)
    lab.negotiate_tunnel(quick="ESP[AES128,SHA1] ESP[3DES,SHA1]",
                         main="AES128-SHA256-14 3DES-SHA1-2", on=lab.two)
    assert lab.ping(B4, 2) == 2
    assert mm_sas(lab.one)[0]["method"] == "AES128-SHA256-3", mm_sas(lab.one)
    assert {sa["method"] for sa in qm_sas(lab.one)} == {"ESP[AES128,SHA1]"}
    lab.end_negotiations()


# --- Nothing comes about


@case
def without_a_common_main_mode_method_both_logs_say_so(lab):
    lab.negotiate_tunnel(main="AES128-SHA256-14", on=lab.one)
    lab.negotiate_tunnel(main="AES256-SHA384-19", on=lab.two)
    with lab.capture() as capture:
        assert lab.ping(B4, 2) == 0
    assert set(kinds(capture)) == {"ISAKMP"}, kinds(capture)
    for gateway in lab.gateways:
        text = await_failure(gateway, "SHA256")
        # IKE's group 14 is 3 to netsh. What the peer wants its notification does not say.
        ours = ("AES128-SHA256-3", "AES256-SHA384-19")
        assert all(name in text for name in (ours if gateway is lab.two else ours[:1])), text
    lab.end_negotiations()


@case
def without_a_common_quick_mode_method_both_logs_say_so(lab):
    lab.negotiate_tunnel(quick="ESP[AES128,SHA1]", on=lab.one)
    lab.negotiate_tunnel(quick="ESP[3DES,SHA1]", on=lab.two)
    assert lab.ping(B4, 2) == 0
    for gateway in lab.gateways:
        text = await_failure(gateway, "ESP[")
        # What the peer wants its notification does not say.
        ours = ("ESP[AES128,SHA1]", "ESP[3DES,SHA1]")
        assert all(name in text for name in (ours if gateway is lab.two else ours[:1])), text
    lab.end_negotiations()


@case
def another_preshared_key_is_named_as_the_likely_cause(lab):
    lab.negotiate_tunnel(on=lab.one)
    lab.negotiate_tunnel(auth='psk="another one"', on=lab.two)
    with lab.capture() as capture:
        assert lab.ping(B4, 2) == 0
    assert set(kinds(capture)) == {"ISAKMP"}, kinds(capture)
    await_failure(lab.two, "pre-shared keys differ")
    lab.end_negotiations()


@case
def no_key_is_in_a_log_or_listing(lab):
    for gateway in lab.gateways:
        gateway.daemon.dynamic("set config property=ikelogging value=1")
    with negotiated(lab, lab.negotiate_tunnel):
        assert lab.ping(B4, 2) == 2
        for gateway in lab.gateways:
            texts = [gateway.daemon.log(), gateway.daemon.dynamic("show mmsas all").stdout,
                     gateway.daemon.dynamic("show qmsas all").stdout]
            assert not any(PSK in text for text in texts)
            lines = story(gateway)
            assert len(lines) >= 6, lines
    for gateway in lab.gateways:
        gateway.daemon.dynamic("set config property=ikelogging value=0")


# --- The end of SAs


@case
def deleted_on_one_side_they_are_gone_on_both_and_come_again(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        for gateway in lab.gateways:
            assert lab.ping(B4, 2) == 2
            await_sas(gateway, 2)
            gateway.daemon.dynamic("delete sa all")
            for either in lab.gateways:
                support.wait_until(lambda g=either: not qm_sas(g) and not mm_sas(g),
                                   f"{either.name} has no SA")


@case
def a_policy_that_is_unassigned_takes_its_sas_along(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        assert lab.ping(B4, 2) == 2
        lab.one.daemon.static("set policy name=p assign=no")
        for gateway in lab.gateways:
            support.wait_until(lambda g=gateway: not qm_sas(g), f"{gateway.name} has no SA")


@case
def a_gateway_that_stops_tells_its_peer(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        assert lab.ping(B4, 2) == 2
        assert lab.two.daemon.stop() == 0
        support.wait_until(lambda: not qm_sas(lab.one) and not mm_sas(lab.one), "one heard of it")
        lab.two.daemon.start()
        support.wait_until(lambda: lab.ping(B4, 1) == 1, "the tunnel is up again", 15)


@case
def a_gateway_that_was_killed_is_found_dead_and_found_again(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        assert lab.ping(B4, 2) == 2
        lab.two.daemon.kill()
        # RFC 3706: it is asked while traffic is sent and nothing comes back.
        support.wait_until(lambda: lab.ping(B4, 1) == 0 and not qm_sas(lab.one),
                           "the dead peer is noticed", 60)
        assert "dead" in failures(lab.one)[0]["reason"], failures(lab.one)
        lab.two.daemon.start()
        support.wait_until(lambda: lab.ping(B4, 1) == 1, "the tunnel is up again", 20)


# --- Strangers


@case
def garbage_on_the_port_hurts_neither_the_tunnel_nor_the_next_one(lab):
    with negotiated(lab, lab.negotiate_tunnel):
        before = ike_drops(lab.two)
        for _ in range(500):
            lab.inject(lab.clear_udp(ONE4, TWO4, os.urandom(100), port=500))
        assert lab.ping(B4, 3) == 3
        support.wait_until(lambda: ike_drops(lab.two) >= before + 500,
                           "every one is counted")
        assert len(mm_sas(lab.two)) == 1


def quick_modes(gateway):
    return gateway.daemon.json("dynamic show stats type=ike")["ike"][0]["quick_modes"]


def ike_drops(gateway):
    """Messages that were not acted upon."""
    rows = gateway.daemon.json("dynamic show stats type=ike")["ike_drops"]
    return sum(row["messages"] for row in rows)


# --- Lifetimes


@case
def kilobytes_run_out_and_nothing_is_lost(lab):
    """20 MiB per SA at 100 Mbit/s: a successor every second and a half."""
    with negotiated(lab, lab.negotiate_tunnel, quick="ESP[AESGCM128,None]:20480k/300s"):
        assert lab.ping(B4, 2) == 2
        before = quick_modes(lab.one)
        refused = {reason: lab.two.drop(reason) for reason in
                   ("sa-unknown", "sa-expired", "replayed", "clear-text", "sa-policy-mismatch")}
        rate = lab.iperf(lab.a, lab.b, B4, seconds=8, rate="100M")
        support.figure(f"iperf3 with a new SA every 20 MiB: {rate:.0f} Mbit/s of 100")
        assert rate > 20
        assert lab.ping(B4, 2) == 2
        assert quick_modes(lab.one) >= before + 3
        assert refused == {reason: lab.two.drop(reason) for reason in refused}
        for gateway in lab.gateways:
            assert gateway.drop("negotiate-no-sa") == 0
            assert not failures(gateway)
            assert len(mm_sas(gateway)) == 1


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
    with negotiation_lab.NegotiationLab() as the_lab:
        the_lab.start()
        the_lab.web_server(the_lab.two.space, TWO4)
        code = support.main(the_lab)
    sys.exit(code)
