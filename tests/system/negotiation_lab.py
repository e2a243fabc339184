"""The two gateways of tunnel_lab.py with IKE: nobody types a key, rules say how they negotiate."""

import collections
import struct

import support
import tunnel_lab
from tunnel_lab import ONE4, TWO4

import pki  # of the interoperability tests, as tunnel_lab's modules

PSK = "not the key of anybody"
MAIN_MODE = "AES128-SHA256-14"
QUICK_MODE = "ESP[AES128,SHA1]"


class NegotiationLab(tunnel_lab.TunnelLab):
    def __init__(self, prefix=None):
        super().__init__(prefix)
        self.authority = pki.Authority("Lab CA")

    def ike_settings(self, gateway):
        """Quick to find out that nobody answers; with a certificate for who asks for one."""
        identity = self.authority.issue(gateway.name)
        files = {"certificate": identity.pem, "private_key": identity.key_pem,
                 "ca": self.authority.pem}
        paths = {}
        for name, text in files.items():
            path = gateway.directory / f"{name}.pem"
            path.touch(mode=0o600)
            path.write_text(text)
            paths[name] = str(path)
        return {**paths, "ca": [paths["ca"]], "retransmit_seconds": 1, "dpd_seconds": 5}

    @property
    def by_certificate(self):
        """The words of a rule whose ends prove by certificates who they are."""
        return f'rootca="{self.authority.distinguished}"'

    # --- Policy. `auth`: the words that say how the gateways prove who they are.

    def negotiate_tunnel(self, quick=QUICK_MODE, main=MAIN_MODE, auth=f'psk="{PSK}"', action="",
                         policy="", on=None):
        """Networks of A and B through a tunnel of one mirrored rule on each gateway."""
        for gateway in [on] if on else self.gateways:
            here, there, end = (1, 2, TWO4) if gateway is self.one else (2, 1, ONE4)
            static = self.begin_policy(gateway, quick, main, action, policy)
            static("add filterlist name=nets")
            for source, destination in ((f"10.{here}.0.0/24", f"10.{there}.0.0/24"),
                                        (f"fd00:{here}::/64", f"fd00:{there}::/64")):
                static(f"add filter filterlist=nets srcaddr={source} dstaddr={destination}")
            static(f"add rule name=nets policy=p filterlist=nets filteraction=protect "
                   f"tunnel={end} {auth}")
            static("set policy name=p assign=yes")

    def negotiate_two_rules(self, quick=QUICK_MODE, main=MAIN_MODE, auth=f'psk="{PSK}"'):
        """The same as Windows has it: a rule for each direction."""
        for gateway in self.gateways:
            here, there, near, far = (1, 2, ONE4, TWO4) if gateway is self.one else (2, 1, TWO4, ONE4)
            static = self.begin_policy(gateway, quick, main)
            for name, source, destination, end in (("out", here, there, far),
                                                   ("in", there, here, near)):
                static(f"add filterlist name={name}")
                static(f"add filter filterlist={name} srcaddr=10.{source}.0.0/24 "
                       f"dstaddr=10.{destination}.0.0/24 mirrored=no")
                static(f"add rule name={name} policy=p filterlist={name} filteraction=protect "
                       f"tunnel={end} {auth}")
            static("set policy name=p assign=yes")

    def negotiate_transport(self, quick=QUICK_MODE, main=MAIN_MODE, auth=f'psk="{PSK}"', action="",
                            on=None):
        """What each gateway itself exchanges with anybody."""
        for gateway in [on] if on else self.gateways:
            static = self.begin_policy(gateway, quick, main, action)
            static("add filterlist name=own")
            static("add filter filterlist=own srcaddr=me dstaddr=any")
            static(f"add rule name=own policy=p filterlist=own filteraction=protect {auth}")
            static("set policy name=p assign=yes")

    @staticmethod
    def begin_policy(gateway, quick, main, action="", policy=""):
        static = gateway.daemon.static
        static("delete all")
        static(f'add filteraction name=protect action=negotiate qmsecmethods="{quick}" {action}')
        static(f'add policy name=p mmsecmethods="{main}" {policy}')
        return static

    def end_negotiations(self):
        """As if both gateways had just started."""
        for gateway in self.gateways:
            gateway.daemon.static("delete all")
        support.wait_until(lambda: not any(qm_sas(g) for g in self.gateways), "no SA is left")


def kind(frame):
    """As protocol_of(), but messages of IKE by their name."""
    protocol = tunnel_lab.protocol_of(frame)
    if protocol != "UDP":
        return protocol
    at = 14 + (40 if frame[12:14] == b"\x86\xdd" else (frame[14] & 15) * 4)
    return "ISAKMP" if 500 in struct.unpack_from("!HH", frame, at) else "UDP"


def kinds(capture):
    """How many of each a capture has, without what finds neighbours."""
    return collections.Counter(k for k in map(kind, capture.frames) if k not in tunnel_lab.LINK)


def order(capture):
    """The kinds in the order in which each was first seen."""
    return list(kinds(capture))


def qm_sas(gateway):
    return gateway.daemon.json("dynamic show qmsas all").get("qm_sas", [])


def mm_sas(gateway):
    return gateway.daemon.json("dynamic show mmsas all").get("mm_sas", [])


def failures(gateway):
    return gateway.daemon.json("dynamic show mmsas all").get("failures", [])


def story(gateway):
    """Lines of the IKE log."""
    return gateway.log_lines("ike: ")
