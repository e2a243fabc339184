# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""Negotiations that must fail: nothing passes, both are told why, and ours says it in words."""
import contextlib

import ike_methods
import methods
import vici
from ike_agreement import CHILD, Agreement
from ike_cases import add_case, case
from ike_lab import ONE4, support
from ike_negotiation import PEER, ROLES, WE

GROUP = "refusals"


def refused(lab, agreement, role, kinds=frozenset({"IKE"}), **options):
    """Nothing comes of the negotiation, and the wire shows no more than that: `kinds`."""
    lab.gateway.script(agreement.script())
    agreement.load(lab.peer, **options)
    with lab.capture() as capture:
        if role == WE:
            assert lab.ping_across(2) == 0
        else:
            with contextlib.suppress(vici.ViciError):
                lab.peer.initiate(CHILD, seconds=4)
                raise AssertionError("strongSwan says it is established")
    assert set(lab.seen(capture)) <= kinds, lab.seen(capture)
    assert not lab.gateway.quick_modes()


def fails(lab, agreement, role, *words, seconds=10, **options):
    """It is refused, and the gateway lists the failure with a reason that has all words."""
    refused(lab, agreement, role, **options)
    support.wait_until(lab.gateway.failures, "the gateway lists the failure", seconds)
    reasons = " / ".join(row["reason"] for row in lab.gateway.failures())
    missing = [word for word in words if word.lower() not in reasons.lower()]
    assert not missing, f"the reason lacks {missing}: {reasons}"


def wrong_psk(role):
    """What is decrypted with another key makes no sense to either."""
    def check(lab):
        lab.start_peer()
        before = lab.gateway.ike_drops().get("decryption", 0)
        refused(lab, Agreement(own_psk="another"), role)
        assert lab.gateway.ike_drops()["decryption"] > before
    return check


def wrong_psk_in_words(role):
    def check(lab):
        lab.start_peer()
        fails(lab, Agreement(own_psk="another"), role, "preshared", seconds=60)
    return check


OTHER_MAIN_MODE = [ike_methods.ike_proposal("3DES-SHA1-2")]
OTHER_QUICK_MODE = [ike_methods.child_proposal(methods.esp("3DES", "SHA1"))]


def no_main_mode(lab):
    lab.start_peer()
    fails(lab, Agreement(), PEER, "proposal", "3DES-SHA1-2", "AES128-SHA256-3",
          proposals=OTHER_MAIN_MODE)
    assert "received NO_PROPOSAL_CHOSEN" in lab.peer.log()


def no_main_mode_of_ours(lab):
    """The peer's notification is in clear: it is logged, not believed."""
    lab.start_peer()
    refused(lab, Agreement(), WE, proposals=OTHER_MAIN_MODE)
    assert lab.gateway.log_lines("NO-PROPOSAL-CHOSEN")


def no_main_mode_of_ours_in_words(lab):
    lab.start_peer()
    fails(lab, Agreement(), WE, "proposal", "AES128-SHA256-3", seconds=60,
          proposals=OTHER_MAIN_MODE)


def no_quick_mode(role):
    def check(lab):
        lab.start_peer()
        fails(lab, Agreement(), role, "proposal", esp_proposals_child=OTHER_QUICK_MODE)
    return check


def other_traffic(role):
    def check(lab):
        lab.start_peer()
        fails(lab, Agreement(), role, local_ts_child=["10.99.0.0/24"])
    return check


for role in ROLES:
    add_case(GROUP, f"another preshared key, {role}", wrong_psk(role))
    add_case(GROUP, f"another preshared key, in words, {role}", wrong_psk_in_words(role), slow=True)
    add_case(GROUP, f"no common quick mode method, {role}", no_quick_mode(role))
    add_case(GROUP, f"other traffic than the rule's, {role}", other_traffic(role))
add_case(GROUP, f"no common main mode method, {PEER}", no_main_mode)
add_case(GROUP, f"no common main mode method, {WE}", no_main_mode_of_ours)
add_case(GROUP, f"no common main mode method, in words, {WE}", no_main_mode_of_ours_in_words,
         slow=True)


RFC3947, RFC3706 = "4a131c81070358455c5728f20e95452f", "afcad71368a1f1c96b8696fc77570100"


def scan(lab, transform):
    """What ike-scan says of our responder, and how many messages came back."""
    lab.stop_peer()
    lab.gateway.script(Agreement(main_mode="3DES-SHA1-2").script())
    with lab.capture() as capture:
        text = lab.two.run("ike-scan", "--sport=0", "--multiline", "--retry=1", "--timeout=2000",
                           f"--trans={transform}", f"--vendor={RFC3947}", f"--vendor={RFC3706}",
                           ONE4).stdout
    return text, lab.seen(capture).get("IKE", 0)


@case(GROUP)
def ike_scan_sees_a_main_mode_responder(lab):
    text, messages = scan(lab, "5,2,1,2")
    assert "Main Mode Handshake returned" in text, text
    assert "SA=(Enc=3DES Hash=SHA1 Auth=PSK Group=2:modp1024 " in text, text
    assert RFC3947 in text and RFC3706 in text, text
    # More than one answer to one question of a stranger is an amplifier (CVE-2016-5361).
    assert messages == 1, f"{messages} messages"


@case(GROUP)
def ike_scan_gets_nothing_for_a_method_we_do_not_offer(lab):
    text, messages = scan(lab, "7/256,4,1,14")
    assert "Notify message 14 (NO-PROPOSAL-CHOSEN)" in text, text
    assert "0 returned handshake; 1 returned notify" in text, text
    assert messages == 1, f"{messages} messages"


@case(GROUP)
def ike_scan_of_aggressive_mode_gets_no_handshake(lab):
    lab.stop_peer()
    lab.gateway.script(Agreement(main_mode="3DES-SHA1-2").script())
    text = lab.two.run("ike-scan", "--sport=0", "--aggressive", "--id=gw", "--retry=1",
                       "--timeout=1000", "--trans=5,2,1,2", ONE4).stdout
    assert "0 returned handshake" in text, text


@case(GROUP)
def a_stranger_is_not_answered_with_a_handshake(lab):
    """No rule negotiates with this address: the router's own."""
    lab.gateway.script(Agreement(main_mode="3DES-SHA1-2").script())
    text = lab.wire.run("ike-scan", "--sport=0", "--retry=1", "--timeout=1000", "--trans=5,2,1,2",
                        ONE4).stdout
    assert "0 returned handshake" in text, text


@case(GROUP)
def the_gateway_lives_on(lab):
    """The last of its group: whatever was refused before, the next negotiation works."""
    lab.start_peer()
    agreement = Agreement()
    lab.gateway.script(agreement.script())
    agreement.load(lab.peer)
    lab.peer.initiate(CHILD)
    lab.gateway.wait_for_pair()
    assert lab.ping_across() == 3
