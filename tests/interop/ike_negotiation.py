# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""Methods: what both sides agree on, and that it carries traffic. Each in both roles."""

import methods
from ike_agreement import CHILD, MAIN_MODE, QUICK_MODE, Agreement
from ike_cases import add_case
from ike_lab import B4, ONE4, ONE6, ROUTER_ONE4, ROUTER_TWO4, TWO4, TWO6

WE, PEER = "we begin", "strongSwan begins"
ROLES = (WE, PEER)

# The listed ones of the issue first; the extensions of netsh behind them.
MAIN_MODES = ["3DES-SHA1-2", "3DES-MD5-2", "3DES-SHA1-14", "AES128-SHA256-14", "AES256-SHA384-19",
              "DES-MD5-1", "AES128-SHA1-2", "AES192-SHA512-15", "AES256-SHA256-16",
              "AES128-SHA256-20", "AES256-SHA512-21", "AES128-SHA1-24"]
TUNNELS = [methods.esp("3DES", "SHA1"), methods.esp("3DES", "MD5"), methods.esp("AES128", "SHA1"),
           methods.esp("AES128", "SHA256"), methods.esp("AES256", "SHA256"),
           methods.esp("AESGCM128"), methods.esp("AESGCM256"), methods.esp("None", "SHA1")]
SCAPY = [*TUNNELS, methods.esp("DES", "MD5"), methods.esp("AES256", "SHA384"),
         methods.esp("AES192", "SHA512"), methods.esp("AESGCM192ICV12"),
         methods.esp("AESCTR128", "SHA1"), methods.esp("AES128", "AESXCBC"),
         methods.esp("None", "AESGMAC128"), methods.ah_alone("SHA1"), methods.ah_alone("MD5"),
         methods.ah_alone("SHA256")]


def ping(lab, agreement, count=3):
    """Towards the peer, which may be what begins a negotiation."""
    # Without -w it waits for the last answer no longer than for two round trips; with it, it asks on
    # until there are `count` answers.
    patience = ("-w", "5") if count > 1 else ()
    if agreement.mode == "transport":
        return lab.ping(TWO4 if agreement.family == 4 else TWO6, count, lab.one, *patience)
    return lab.ping_across(count, agreement.family, *patience)


def ping_back(lab, agreement, count=3):
    if agreement.mode == "transport":
        ends = (TWO4, ONE4) if agreement.family == 4 else (TWO6, ONE6)
        return lab.peer.kernel.ping(*ends, count)
    return lab.ping_back(count, agreement.family)


def establish(lab, agreement, role=WE, **options):
    """Both have their half, one of them begins, and the SAs are there."""
    lab.gateway.script(agreement.script())
    agreement.load(lab.peer, **options)
    begin(lab, agreement, role)


def begin(lab, agreement, role=WE):
    if role == WE:
        # Whether this very packet is answered depends on how fast the peer installs its SAs: they
        # come with the third message of quick mode, behind which the packet follows at once.
        ping(lab, agreement, 1)
    else:
        lab.peer.initiate(CHILD)
    lab.peer.wait("child-updown", "SAs are up", up=True)
    lab.gateway.wait_for_pair()


def carries(lab, agreement):
    """Pings in both directions, and nothing leaves that is not protected."""
    if lab.peer.kernel:
        lab.peer.kernel.errors.clear()  # the packet that began it all may have come too early
    with lab.capture() as capture:
        there, back = ping(lab, agreement), ping_back(lab, agreement)
    assert min(there, back) >= 3, f"of 3 pings, {there} towards strongSwan and {back} back worked"
    protocol = "AH" if agreement.method.cipher is None else "ESP"
    assert set(lab.seen(capture)) - {"IKE", "keepalive"} == {protocol}, lab.seen(capture)
    if lab.peer.kernel:
        assert not lab.peer.kernel.errors, lab.peer.kernel.errors


def netsh_form(main_mode):
    """netsh writes group 14 as 3."""
    return main_mode[:-len("14")] + "3" if main_mode.endswith("-14") else main_mode


def agrees(lab, agreement, role):
    """Both list the same."""
    main_modes = [sa for sa in lab.gateway.main_modes() if sa["state"] == "established"]
    assert len(main_modes) == 1, main_modes
    assert main_modes[0]["method"] == netsh_form(agreement.main_mode), main_modes
    assert main_modes[0]["role"] == ("initiator" if role == WE else "responder"), main_modes
    child = lab.peer.children()
    assert len(child) == 1, child
    ours = {sa["direction"]: sa for sa in lab.gateway.quick_modes()}
    assert {int(child[0]["spi-in"], 16), int(child[0]["spi-out"], 16)} == {
        sa["spi"] for sa in ours.values()}, (child, ours)
    for sa in ours.values():
        assert (sa["method"], sa["mode"]) == (agreement.method.name, agreement.mode), sa


def negotiate(agreement, data_plane, role):
    def check(lab):
        lab.start_peer(data_plane)
        establish(lab, agreement, role)
        carries(lab, agreement)
        agrees(lab, agreement, role)
    return check


def tcp(role):
    """A transfer through the tunnel, both ways."""
    def check(lab):
        lab.start_peer()
        agreement = Agreement()
        establish(lab, agreement, role)
        assert lab.iperf(lab.a, lab.two, B4, seconds=1) > 1
        carries(lab, agreement)
    return check


def nat(behind, role, data_plane):
    def check(lab):
        lab.start_peer(data_plane)
        agreement = Agreement(peer_seen_as=ROUTER_ONE4 if behind == "peer" else "",
                              gateway_seen_as=ROUTER_TWO4 if behind == "gateway" else "")
        with lab.nat(behind):
            establish(lab, agreement, role)
            carries(lab, agreement)
            found = {sa["nat"] for sa in lab.gateway.main_modes()}
            assert len(found) == 1 and found != {"none"}, found
            lab.reset()  # while the peer can still be told
    return check


def preference(role):
    """Of what both have, the initiator's order decides only among what the responder takes; we as
    responder take our own best."""
    def check(lab):
        lab.start_peer()
        agreement = Agreement(
            main_mode="AES256-SHA256-14", method=methods.esp("AESGCM256"),
            own_offers=("3DES-MD5-1", "AES256-SHA256-14", "3DES-SHA1-2"),
            own_methods=(methods.esp("3DES", "MD5"), methods.esp("AESGCM256"),
                         methods.esp("AES128", "SHA1")))
        establish(lab, agreement, role)
        carries(lab, agreement)
        agrees(lab, agreement, role)
    return check


for one in MAIN_MODES:
    for role in ROLES:
        add_case("main mode", f"{one}, {role}",
                 negotiate(Agreement(main_mode=one), "libipsec", role), (one, role))
for method in TUNNELS:
    for role in ROLES:
        add_case("quick mode, strongSwan's data plane", f"{method.name}, {role}",
                 negotiate(Agreement(method=method), "libipsec", role), (method.name, role))
for method in SCAPY:
    for mode in ("tunnel", "transport"):
        for role in ROLES:
            add_case("quick mode, scapy's data plane", f"{method.name} {mode}, {role}",
                     negotiate(Agreement(method=method, mode=mode), "netlink", role),
                     (method.name, f"{mode}, {role}"))
for one, method in (("3DES-SHA1-2", QUICK_MODE), (MAIN_MODE, methods.esp("AESGCM128")),
                    ("AES256-SHA384-19", methods.ah_alone("SHA1"))):
    for role in ROLES:
        add_case("PFS", f"group of {one} with {method.name}, {role}",
                 negotiate(Agreement(main_mode=one, method=method, pfs=True), "netlink", role),
                 (f"{one} {method.name}", role))
for mode in ("tunnel", "transport"):
    for role in ROLES:
        add_case("IPv6", f"{mode}, {role}",
                 negotiate(Agreement(family=6, mode=mode), "netlink", role), (mode, role))
for role in ROLES:
    add_case("tunnel", f"TCP, {role}", tcp(role))
    add_case("tunnel", f"one of several offers, {role}", preference(role))
# As responder behind the NAT one cannot be reached.
for behind, role in (("gateway", WE), ("peer", PEER)):
    for data_plane in ("libipsec", "netlink"):
        add_case("NAT", f"the {behind} is behind it, {data_plane}", nat(behind, role, data_plane))
