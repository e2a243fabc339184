# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""The judge is judged: two strongSwans in the lab, before one of them is replaced by the gateway."""
import contextlib

import methods
import pki
import vici
from ike_agreement import CHILD, CONNECTION, Agreement
from ike_cases import add_case
from ike_lab import B4, ONE4, ROUTER_ONE4, ROUTER_TWO4, TWO4

GROUP = "two strongSwans"


def load_gateway(lab, agreement):
    """The mirror image of what Agreement.load() gives the peer."""
    agreement.load(lab.gateway)
    connection = lab.gateway.connections[CONNECTION]
    child = connection["children"][CHILD]
    child["local_ts"], child["remote_ts"] = child["remote_ts"], child["local_ts"]
    connection["remote"] |= {"id": TWO4} if not agreement.root else {}
    connection |= {"local_addrs": [ONE4], "remote_addrs": [agreement.peer_seen_as or TWO4]}
    lab.gateway.commands.request("load-conn", {CONNECTION: connection})


def carries(lab, agreement, initiator="gateway"):
    agreement.load(lab.peer)
    load_gateway(lab, agreement)
    with lab.capture() as capture:
        (lab.gateway if initiator == "gateway" else lab.peer).initiate(CHILD)
        for one in (lab.gateway, lab.peer):  # the responder installs its SAs with the last message
            one.wait("child-updown", "SAs are up", up=True)
        assert lab.ping_across() == 3
        assert lab.ping_back() >= 3
    assert set(lab.seen(capture)) == {"IKE", "ESP"}, lab.seen(capture)


def tunnel(data_plane, agreement):
    def check(lab):
        lab.start_peer(data_plane)
        carries(lab, agreement)
        if data_plane == "libipsec":
            assert lab.iperf(lab.a, lab.two, B4, seconds=1) > 1
        else:
            assert not lab.peer.kernel.errors, lab.peer.kernel.errors
    return check


def nat(behind):
    def check(lab):
        lab.start_peer()
        with lab.nat(behind):
            carries(lab, Agreement(peer_seen_as=ROUTER_ONE4 if behind == "peer" else "",
                                   gateway_seen_as=ROUTER_TWO4 if behind == "gateway" else ""),
                    initiator=behind)
    return check


def certificates(lab):
    lab.start_peer()
    root = pki.Authority("Proof Root")
    for one, name in ((lab.gateway, "one"), (lab.peer, "two")):
        one.load_identity(root.issue(name), [root])
    carries(lab, Agreement(root=root.distinguished))


def refuses(lab):
    """A revoked certificate ends the negotiation: the lab notices what must not work."""
    lab.start_peer()
    root = pki.Authority("Strict Root")
    one, two = (root.issue(name) for name in ("one", "two"))
    root.revoke(two)
    lab.gateway.load_identity(one, [root], crls=[root.crl()])
    lab.peer.load_identity(two, [root])
    with contextlib.suppress(vici.ViciError):
        carries(lab, Agreement(root=root.distinguished))
        raise AssertionError("a revoked certificate was accepted")
    assert "certificate was revoked" in lab.gateway.log()


for method in (methods.esp("3DES", "SHA1"), methods.esp("AESGCM128"), methods.esp("None", "SHA1")):
    add_case(GROUP, f"{method.name} against scapy's data plane",
             tunnel("netlink", Agreement(method=method)))
for end in ("gateway", "peer"):
    add_case(GROUP, f"the {end} is behind a NAT", nat(end))
add_case(GROUP, "ping and TCP through their own data plane", tunnel("libipsec", Agreement()))
add_case(GROUP, "certificates", certificates)
add_case(GROUP, "a revoked certificate is refused", refuses)
