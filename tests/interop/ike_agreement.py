# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""What the gateway and strongSwan are told, so that both mean the same: a netsh script for the one,
a VICI connection for the other."""
import dataclasses

import ike_methods
import methods
from ike_lab import ONE4, ONE6, PSK, TWO4, TWO6

MAIN_MODE = "AES128-SHA256-14"
QUICK_MODE = methods.esp("AES128", "SHA256")
NETS = {4: ("10.1.0.0/24", "10.2.0.0/24"), 6: ("fd00:1::/64", "fd00:2::/64")}
ENDS = {4: (ONE4, TWO4), 6: (ONE6, TWO6)}
CONNECTION, CHILD = "gateway", "traffic"


@dataclasses.dataclass(frozen=True)
class Agreement:
    """`own_offers`, `own_methods`: all that the gateway offers, where that is more than the one of
    each that strongSwan takes. `seen_as`: the peer's address as the gateway sees it, and the
    gateway's as the peer does, where a NAT is between them."""

    main_mode: str = MAIN_MODE
    method: methods.Method = QUICK_MODE
    pfs: bool = False
    mode: str = "tunnel"
    family: int = 4
    own_offers: tuple = ()
    own_methods: tuple = ()
    life: str = ""  # of quick mode on our side, such as ":100000k/3600s"
    own_psk: str = PSK
    root: str = ""  # distinguished name: certificates instead of a preshared key
    psk_too: bool = False  # our side takes the key, too, if certificates do not do
    peer_seen_as: str = ""
    gateway_seen_as: str = ""
    soft: bool = False
    main_mode_minutes: int = 0  # 0: what netsh takes

    @property
    def group(self):
        return int(self.main_mode.split("-")[2])

    def script(self):
        """For netsh -f."""
        offers = " ".join(self.own_offers or (self.main_mode,))
        quick = " ".join(method.name + self.life for method in self.own_methods or (self.method,))
        pfs = " qmpfs=yes" if self.pfs else ""
        soft = " soft=yes" if self.soft else ""
        minutes = f" mmlifetime={self.main_mode_minutes}" if self.main_mode_minutes else ""
        proof = [f'rootca="{self.root}"'] if self.root else []
        if not self.root or self.psk_too:
            proof.append(f'psk="{self.own_psk}"')
        proof = " ".join(proof)
        own, peer = ENDS[self.family]
        peer = self.peer_seen_as or peer
        lines = ["ipsec static delete all",
                 "ipsec static add filteraction name=protect action=negotiate "
                 f'qmsecmethods="{quick}"{pfs}{soft}',
                 f'ipsec static add policy name=ike mmsecmethods="{offers}"{minutes}']
        if self.mode == "transport":
            lines += ["ipsec static add filterlist name=peer",
                      f"ipsec static add filter filterlist=peer srcaddr=me dstaddr={peer}",
                      "ipsec static add rule name=peer policy=ike filterlist=peer "
                      f"filteraction=protect {proof}"]
        else:
            nets = NETS[self.family]
            for name, (source, destination), end in (("there", nets, peer),
                                                     ("back", reversed(nets), own)):
                lines += [f"ipsec static add filterlist name={name}",
                          f"ipsec static add filter filterlist={name} srcaddr={source} "
                          f"dstaddr={destination} mirrored=no",
                          f"ipsec static add rule name={name} policy=ike filterlist={name} "
                          f"filteraction=protect tunnel={end} {proof}"]
        return [*lines, "ipsec static set policy name=ike assign=yes"]

    def load(self, peer, **options):
        """Gives charon its half. Keys that end in _child go to the child."""
        own, other = ENDS[self.family][1], ENDS[self.family][0]
        other = self.gateway_seen_as or other
        child = {"mode": self.mode,
                 ("ah_proposals" if self.method.cipher is None else "esp_proposals"):
                 [ike_methods.child_proposal(self.method, self.group if self.pfs else None)]}
        if self.mode == "tunnel":
            child |= {"remote_ts": [NETS[self.family][0]], "local_ts": [NETS[self.family][1]]}
        child |= {key[:-len("_child")]: value for key, value in options.items()
                  if key.endswith("_child")}
        options = {key: value for key, value in options.items() if not key.endswith("_child")}
        local, remote = {"auth": "psk"}, {"auth": "psk", "id": ENDS[self.family][0]}
        if self.root:
            local = {"auth": "pubkey", "certs": [peer.identity.pem]}
            remote = {"auth": "pubkey", "id": "%any"}
        else:
            peer.load_psk(PSK)
        peer.load(CONNECTION, children={CHILD: child}, local_addrs=[own], remote_addrs=[other],
                  **{"proposals": [ike_methods.ike_proposal(self.main_mode)],
                     "local": local, "remote": remote, **options})
