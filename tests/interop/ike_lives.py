# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""What becomes of SAs: successors, deletes, peers that die and come back."""
import pathlib
import re
import threading

import methods
from ike_agreement import CHILD, CONNECTION, Agreement
from ike_cases import case
from ike_lab import B4, TWO4, support
from ike_negotiation import PEER, begin, carries, establish

GROUP = "lives of SAs"
KILOBYTES = 20480  # the least that netsh takes


class Pings:
    """A pings behind the peer until the with statement ends; every request must be answered."""

    def __init__(self, lab, interval=0.02):
        self.lab = lab
        self.interval = interval
        self.path = pathlib.Path(lab.directory) / "pings"

    def __enter__(self):
        with self.path.open("wb") as output:
            self.process = self.lab.a.start("stdbuf", "-oL", "ping", "-n", "-i", self.interval, B4,
                                            stdout=output)
        self.more()
        return self

    def answered(self):
        return list(map(int, re.findall(r"icmp_seq=(\d+)", self.path.read_text())))

    def more(self, count=10):
        """Returns after as many more answers."""
        wanted = len(self.answered()) + count
        support.wait_until(lambda: len(self.answered()) >= wanted, f"{count} answers")

    def __exit__(self, kind, *exception):
        if kind is None:
            self.more()
        support.end_process(self.process)
        numbers = self.answered()
        missing = sorted(set(range(1, numbers[-1] + 1)) - set(numbers)) if numbers else ["all"]
        assert kind is not None or not missing, f"not answered: {missing} of {numbers[-1]}"


def spis(lab):
    return {sa["spi"] for sa in lab.gateway.quick_modes()}


def cookies(lab):
    return {sa["initiator_cookie"] for sa in lab.gateway.main_modes()}


def has_nothing(lab):
    """Neither main mode nor quick mode SAs."""
    return not lab.gateway.quick_modes() and not lab.gateway.main_modes()


def comes_back(lab, agreement):
    """The next packet negotiates again."""
    lab.peer.events.seen = []
    begin(lab, agreement)
    carries(lab, agreement)


@case(GROUP)
def strongswan_rekeys_quick_mode(lab):
    lab.start_peer()
    establish(lab, Agreement(), PEER)
    before = spis(lab)
    with Pings(lab) as pings:
        for _ in range(3):
            lab.peer.rekey(child=CHILD)
            lab.peer.wait("child-rekey", "quick mode is rekeyed")
            support.wait_until(lambda: len(spis(lab) - before) >= 2, "the gateway has new SAs")
            before |= spis(lab)
            pings.more()
    carries(lab, Agreement())


@case(GROUP)
def strongswan_rekeys_main_mode(lab):
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement, PEER)
    before = cookies(lab)
    lab.peer.events.seen = []
    with Pings(lab):
        lab.peer.rekey(ike=CONNECTION)
        lab.peer.wait("ike-updown", "there is a new main mode", up=True)
        support.wait_until(lambda: cookies(lab) - before, "the gateway has a new main mode")
    carries(lab, agreement)


@case(GROUP)
def we_rekey_quick_mode_by_kilobytes_under_load(lab):
    lab.start_peer()
    agreement = Agreement(life=f":{KILOBYTES}k/3600s", method=methods.esp("AESGCM128"))
    establish(lab, agreement)
    before = spis(lab)
    # 45 MB: at least two successors.
    assert lab.iperf(lab.a, lab.two, B4, seconds=4, rate="90M") > 1
    assert len({child["spi-in"] for child in lab.peer.children()} - before) >= 2, before
    carries(lab, agreement)


@case(GROUP)
def both_begin_at_once(lab):
    lab.start_peer()
    agreement = Agreement()
    lab.gateway.script(agreement.script())
    agreement.load(lab.peer)
    starter = threading.Thread(target=lab.peer.initiate, args=(CHILD,))
    starter.start()
    lab.ping_across(1)
    starter.join()
    lab.gateway.wait_for_pair()
    carries(lab, agreement)


@case(GROUP)
def strongswan_deletes_quick_mode(lab):
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement)
    lab.peer.terminate(child=CHILD)
    support.wait_until(lambda: not lab.gateway.quick_modes(), "the gateway's SAs are gone")
    assert lab.gateway.main_modes(), "main mode went, too"
    comes_back(lab, agreement)


@case(GROUP)
def strongswan_deletes_main_mode(lab):
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement, PEER)
    lab.peer.terminate(ike=CONNECTION)
    support.wait_until(lambda: has_nothing(lab), "the gateway's SAs are gone")
    comes_back(lab, agreement)


@case(GROUP)
def an_operator_deletes_all_sas(lab):
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement)
    lab.gateway.daemon.dynamic("delete sa all")
    assert has_nothing(lab)
    lab.peer.wait("ike-updown", "main mode is down", up=False)
    assert not lab.peer.sas()
    comes_back(lab, agreement)


@case(GROUP)
def a_policy_is_unassigned(lab):
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement)
    lab.gateway.daemon.static("set policy name=ike assign=no")
    support.wait_until(lambda: not lab.gateway.quick_modes(), "the gateway's SAs are gone")
    lab.peer.wait("child-updown", "quick mode is down", up=False)
    lab.gateway.daemon.static("set policy name=ike assign=yes")
    comes_back(lab, agreement)


@case(GROUP)
def strongswan_asks_whether_we_live(lab):
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement, dpd_delay=1, dpd_timeout=4)
    support.wait_until(lambda: lab.peer.log().count("N(DPD_ACK)") >= 2,
                       "the gateway answers twice", 10)
    carries(lab, agreement)


@case(GROUP)
def a_peer_that_was_killed_is_found_dead(lab):
    lab.gateway.configure(dpd_seconds=1)
    try:
        lab.start_peer()
        agreement = Agreement()
        establish(lab, agreement)
        lab.peer.kill()
        lab.peer = None
        pings = lab.a.start("ping", "-n", "-q", "-i", 0.2, B4)  # which nobody answers
        support.wait_until(lambda: not lab.gateway.quick_modes(), "the peer is found dead", 60)
        agreement.load(lab.start_peer())
        lab.peer.wait("child-updown", "the pings begin anew", up=True, seconds=60)
        support.end_process(pings)
        lab.gateway.wait_for_pair()
        carries(lab, agreement)
    finally:
        lab.gateway.configure()


@case(GROUP)
def a_peer_that_was_killed_comes_back(lab):
    """What it had before, INITIAL-CONTACT ends."""
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement)
    before = cookies(lab), spis(lab)
    lab.peer.kill()
    lab.peer = None
    agreement.load(lab.start_peer())
    begin(lab, agreement, PEER)
    support.wait_until(lambda: not cookies(lab) & before[0] and not spis(lab) & before[1],
                       "what the dead peer had is gone")
    carries(lab, agreement)


@case(GROUP, slow=True)
def lifetimes_of_strongswan_end(lab):
    lab.start_peer()
    agreement = Agreement()
    establish(lab, agreement, PEER, rekey_time=12, over_time=6, rand_time=0, rekey_time_child=4,
              life_time_child=7, rand_time_child=0)
    begun = cookies(lab)
    with Pings(lab):
        for _ in range(5):
            lab.peer.wait("child-rekey", "quick mode is rekeyed", 30)
        support.wait_until(lambda: cookies(lab) and not cookies(lab) & begun,
                           "main mode was replaced", 60)
    carries(lab, agreement)


@case(GROUP, slow=True)
def our_lifetimes_end(lab):
    """The shortest that netsh takes: a minute of main mode, five of quick mode."""
    lab.start_peer()
    agreement = Agreement(life=":100000k/300s", main_mode_minutes=1)
    establish(lab, agreement)
    begun = cookies(lab), spis(lab)
    with Pings(lab, 0.05):
        support.wait_until(lambda: cookies(lab) and not cookies(lab) & begun[0],
                           "main mode was replaced", 90)
        support.wait_until(lambda: spis(lab) and not spis(lab) & begun[1],
                           "quick mode was replaced", 330)
    carries(lab, agreement)


@case(GROUP, slow=True)
def soft_lets_pass_only_where_nobody_answers(lab):
    """The peer's kernel answers pings in clear while no strongSwan runs there."""
    lab.stop_peer()
    lab.gateway.script(Agreement(mode="transport", soft=True).script())
    support.wait_until(lambda: lab.ping(TWO4, 1, lab.one) == 1, "the gateway gives up", 120)
    assert lab.ping(TWO4, 3, lab.one) == 3
    lab.reset()
    lab.start_peer("netlink")
    agreement = Agreement(mode="transport", soft=True, own_psk="another")
    lab.gateway.script(agreement.script())
    agreement.load(lab.peer)
    with lab.capture() as capture:
        assert lab.ping(TWO4, 3, lab.one) == 0
    assert set(lab.seen(capture)) == {"IKE"}, lab.seen(capture)
