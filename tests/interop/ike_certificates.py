# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""RSA signatures: whose certificates are taken, in both roles, and whose are not."""
import functools
import pathlib

import pki
from cryptography.hazmat.primitives import serialization
from ike_agreement import Agreement
from ike_cases import add_case, case
from ike_lab import TWO4, support
from ike_negotiation import PEER, ROLES, WE, begin, carries, establish
from ike_refusals import fails

GROUP = "certificates"
# The CRL is served where the peer is, which answers before any SA is there.
CRL_PORT = 8080
CRL_URL = f"http://{TWO4}:{CRL_PORT}/sub.crl"


class World:
    """A root, a CA below it that issues, and one that nobody trusts."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.root = pki.Authority("Root")
        self.sub = pki.Authority("Sub", self.root)
        self.stranger = pki.Authority("Stranger")
        self.gateway = self.sub.issue("gateway", names=["gateway.example"])
        self.peer = self.sub.issue("peer", names=["peer.example"])
        self.revoked = self.sub.issue("revoked")
        self.sub.revoke(self.revoked)
        self.agreement = Agreement(root=self.root.distinguished)

    def write(self, name, text):
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return str(path)

    def files(self, identity, *chain):
        """Keys of [ike] for the gateway."""
        name = f"{identity.certificate.serial_number:x}"  # other files, other configuration
        certificates = "".join(one.pem for one in (identity, *chain))
        return {"certificate": self.write(f"{name}.pem", certificates),
                "private_key": self.write(f"{name}.key", identity.key_pem),
                "ca": [self.write("root.pem", self.root.pem)]}

    def lists(self):
        return [self.write("root.crl", self.root.crl()), self.write("sub.crl", self.sub.crl())]


@functools.lru_cache(maxsize=1)
def world(directory):
    return World(directory)


def prepare(lab, identity=None, *, gateway=None, chain=None, lists=True, check=1, **ike):
    """The gateway has a certificate of Sub, the peer `identity`. Returns the world. `chain`: of
    both, above their own."""
    here = world(lab.directory)
    chain = (here.sub,) if chain is None else chain
    files = here.files(gateway or here.gateway, *chain)
    lab.gateway.configure(**files, **({"crl": here.lists()} if lists else {}), **ike)
    lab.gateway.daemon.dynamic(f"set config property=strongcrlcheck value={check}")
    lab.start_peer()
    lab.peer.load_identity(identity or here.peer, [here.root], chain)
    return here


def accepted(identity, **options):
    """A case factory: `identity` names a member of the world."""
    def of_role(role):
        def check(lab):
            here = world(lab.directory)
            prepare(lab, getattr(here, identity), **options)
            establish(lab, here.agreement, role)
            carries(lab, here.agreement)
            sa, = lab.gateway.main_modes()
            assert sa["authentication"] == "rootca", sa
            assert f"CN={identity}" in sa["remote_id"], sa
        return check
    return of_role


def refused(make, *words, **options):
    """`make`: the peer's identity of the world; `words`: of the gateway's reason."""
    def of_role(role):
        def check(lab):
            here = world(lab.directory)
            prepare(lab, make(here), **options)
            fails(lab, here.agreement, role, *words)
        return check
    return of_role


def big_chain(fragment_bytes):
    """Three certificates signed with 4096 bits: a message of more than 3 KB either way."""
    def of_role(role):
        def check(lab):
            here = world(lab.directory)
            middle = pki.Authority("Middle", here.root, bits=4096)
            low = pki.Authority("Low", middle, bits=4096)
            chain = (low, middle)
            here = prepare(lab, low.issue("big peer"), chain=chain, lists=False,
                           gateway=low.issue("big gateway"), fragment_bytes=fragment_bytes)
            establish(lab, here.agreement, role)
            carries(lab, here.agreement)
        return check
    return of_role


def crl_over_http(revoked):
    """The strictest check, and the list is nowhere but at the CRL's distribution point."""
    def of_role(role):
        def check(lab):
            here = world(lab.directory)
            served = pathlib.Path(lab.directory) / "crl"
            served.mkdir(exist_ok=True)
            (served / "root.crl").write_bytes(here.root.crl(encoding=serialization.Encoding.DER))
            issuer = pki.Authority(f"Sub {role} {revoked}")
            peer = issuer.issue("peer", crl_url=CRL_URL)
            if revoked:
                issuer.revoke(peer)
            (served / "sub.crl").write_bytes(issuer.crl(encoding=serialization.Encoding.DER))
            server = lab.two.start("/usr/bin/python3", "-c", support.WEB_SERVER, TWO4, CRL_PORT,
                                   served)
            support.wait_until(lambda: f":{CRL_PORT}" in lab.two.run("ss", "-ltn").stdout,
                               "the web server listens")
            try:
                files = here.files(issuer.issue("gateway"))
                files["ca"] = [here.write("issuer.pem", issuer.pem)]
                lab.gateway.configure(**files)
                lab.gateway.daemon.dynamic("set config property=strongcrlcheck value=2")
                lab.start_peer()
                lab.peer.load_identity(peer, [issuer])
                agreement = Agreement(root=issuer.distinguished)
                if revoked:
                    fails(lab, agreement, role, "revoked", kinds={"IKE", "TCP"})
                else:
                    establish(lab, agreement, role)
                    carries(lab, agreement)
            finally:
                support.end_process(server)
        return check
    return of_role


ROWS = [
    ("of a CA below the root", accepted("peer")),
    ("revoked, but not checked (0)", accepted("revoked", check=0)),
    ("no revocation list (1)", accepted("peer", lists=False)),
    ("expired", refused(lambda w: w.sub.issue("expired", days=(-10, -1)), "expired", "CN=expired")),
    ("not yet valid", refused(lambda w: w.sub.issue("tomorrow", days=(1, 10)), "valid")),
    ("revoked (1)", refused(lambda w: w.revoked, "revoked")),
    ("revoked (2)", refused(lambda w: w.revoked, "revoked", check=2)),
    ("no revocation list (2)", refused(lambda w: w.peer, "revocation", check=2, lists=False)),
    ("of another CA", refused(lambda w: w.stranger.issue("stranger"))),
    ("chains of 4096 bits in IKE fragments", big_chain(1280)),
    ("chains of 4096 bits in IP fragments", big_chain(0)),
    ("the revocation list comes over HTTP (2)", crl_over_http(False)),
    ("revoked by a list that comes over HTTP (2)", crl_over_http(True)),
]
for name, of_role in ROWS:
    for role in ROLES:
        add_case(GROUP, f"{name}, {role}", of_role(role), (name, role))


@case(GROUP)
def the_method_the_peer_lacks_is_passed_over(lab):
    """A rule with a certificate first and a key second meets a peer that offers the key only."""
    here = prepare(lab)
    with_a_key(lab, Agreement(root=here.root.distinguished, psk_too=True), PEER)


@case(GROUP)
def the_method_we_lack_is_passed_over(lab):
    """The same rule on a gateway without a certificate."""
    lab.gateway.configure()
    lab.start_peer()
    with_a_key(lab, Agreement(root=world(lab.directory).root.distinguished, psk_too=True), WE)


def with_a_key(lab, ours, role):
    theirs = Agreement()
    lab.gateway.script(ours.script())
    theirs.load(lab.peer)
    begin(lab, theirs, role)
    carries(lab, theirs)
    sa, = lab.gateway.main_modes()
    assert sa["authentication"] == "psk", sa


@case(GROUP)
def an_expired_certificate_of_ours_is_told_when_the_policy_is_assigned(lab):
    here = world(lab.directory)
    prepare(lab, gateway=here.sub.issue("expired gateway", days=(-10, -1)))
    result = lab.gateway.script(here.agreement.script(), check=False)
    assert result.returncode == 1, result.stdout
    assert "expired gateway" in result.stdout and "expired on" in result.stdout, result.stdout
