# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""strongSwan in the guest negotiates with the gateway, and the guest's kernel does ESP and AH."""
import contextlib
import functools
import pathlib
import re
import time

import methods
import pki
from ike_agreement import CHILD, CONNECTION, Agreement
from ike_lab import support
from support import A4, A6, B4, B6
from tunnel_lab import ONE4, ONE6, TWO4, TWO6

WE, PEER = "we begin", "strongSwan begins"
ROLES = (WE, PEER)
PATIENCE = 2  # seconds that an answer may take on a busy machine
KILOBYTES = 20480  # the least that netsh takes
CASES = []  # (name, function)


def ends(agreement):
    """Who talks: our namespace is the first's, the second is the guest."""
    v4 = agreement.family == 4
    if agreement.mode == "transport":
        return (ONE4, TWO4) if v4 else (ONE6, TWO6)
    return (A4, B4) if v4 else (A6, B6)


def our_space(lab, agreement):
    return lab.one.space if agreement.mode == "transport" else lab.a


def establish(lab, agreement, role, **options):
    """Both have their half, one of them begins, and the SAs are there."""
    reset(lab)
    if agreement.root:
        prepare_certificates(lab)
    lab.gateway.script(agreement.script())
    agreement.load(lab.peer, **options)
    begin(lab, agreement, role)


def begin(lab, agreement, role):
    if role == WE:
        lab.ping(ends(agreement)[1], 1, our_space(lab, agreement))
    else:
        lab.peer.initiate(CHILD)
    lab.peer.wait("child-updown", "SAs are up", up=True)
    lab.gateway.wait_for_pair()


def reset(lab):
    lab.gateway.daemon.static("delete all")
    lab.delete_sas()
    lab.peer.forget()


def protocol_of(agreement):
    return "AH" if agreement.method.cipher is None else "ESP"


def carries(lab, agreement):
    """Pings and a file, both ways."""
    ours, theirs = ends(agreement)
    space = our_space(lab, agreement)
    with lab.protected(protocol_of(agreement), "IKE", "keepalive"):
        assert lab.ping(theirs, 3, space, "-W", 5) == 3, "our pings are not answered"
        assert lab.guest_ping(ours, 3) == 3, "the guest's pings are not answered"
        lab.download(space, theirs)
        lab.upload(ours)


# --- Certificates


class World:
    """A CA that both trust, and a certificate for each."""

    def __init__(self, directory):
        self.root = pki.Authority("Root")
        self.peer = self.root.issue("guest", names=["guest.example"])
        identity = self.root.issue("gateway", names=["gateway.example"])
        self.files = {}
        for key, text in (("certificate", identity.pem), ("private_key", identity.key_pem),
                          ("ca", self.root.pem)):
            path = pathlib.Path(directory) / f"{key}.pem"
            path.write_text(text)
            path.chmod(0o600)
            self.files[key] = [str(path)] if key == "ca" else str(path)


@functools.lru_cache(maxsize=1)
def world(directory):
    return World(directory)


def prepare_certificates(lab):
    here = world(lab.directory)
    lab.gateway.configure(**here.files)
    lab.gateway.daemon.dynamic("set config property=strongcrlcheck value=0")
    lab.peer.load_identity(here.peer, [here.root])


# --- Cases


def case(name):
    def add(function):
        CASES.append((name, function))
        return function
    return add


def negotiates(agreement, role, certificates=False, **options):
    def check(lab):
        what = agreement
        if certificates:
            what = Agreement(**{**vars(agreement), "root": world(lab.directory).root.distinguished})
        establish(lab, what, role, **options)
        carries(lab, what)
        mode = lab.gateway.quick_modes()
        assert {(sa["method"], sa["mode"]) for sa in mode} == {(what.method.name, what.mode)}, mode
    return check


METHODS = [methods.esp("3DES", "SHA1"), methods.esp("AES256", "SHA256"), methods.esp("AESGCM128"),
           methods.esp("None", "SHA1"), methods.ah_alone("SHA1"), methods.ah_alone("SHA256")]
for the_mode in ("transport", "tunnel"):
    for the_role in ROLES:
        for the_method in METHODS:
            case(f"psk {the_method.name} {the_mode}, {the_role}")(
                negotiates(Agreement(method=the_method, mode=the_mode), the_role))
        for the_method in (methods.esp("AES128", "SHA1"), methods.ah_alone("SHA1")):
            case(f"certificates {the_method.name} {the_mode}, {the_role}")(
                negotiates(Agreement(method=the_method, mode=the_mode), the_role, True))
        case(f"psk IPv6 {the_mode}, {the_role}")(
            negotiates(Agreement(family=6, mode=the_mode), the_role))
for the_role in ROLES:
    case(f"psk PFS, {the_role}")(negotiates(Agreement(pfs=True), the_role))
    # strongSwan claims to be behind a NAT.
    case(f"psk ESP in UDP, {the_role}")(negotiates(Agreement(), the_role, encap="yes"))


def spis(lab):
    return {sa["spi"] for sa in lab.gateway.quick_modes()}


def cookies(lab):
    return {sa["initiator_cookie"] for sa in lab.gateway.main_modes()}


@contextlib.contextmanager
def pinging(lab, agreement):
    """All the while; every request must be answered."""
    process = our_space(lab, agreement).start(
        "ping", "-n", "-i", "0.05", ends(agreement)[1], stdout=-1, text=True)
    try:
        yield
        time.sleep(PATIENCE)
    finally:
        process.send_signal(support.signal.SIGINT)
        output = process.communicate(timeout=10)[0]
    sent = int(re.search(r"(\d+) packets transmitted", output).group(1))
    # Those of the last seconds may be under way.
    due = range(1, sent - PATIENCE * 20)
    missing = set(due) - set(map(int, re.findall(r"icmp_seq=(\d+) ttl", output)))
    assert due and not missing, f"of {sent} pings not answered: {sorted(missing)}"


def successors(lab, known, count, seconds):
    """Waits until so many pairs have come after those of `known`."""
    seen = set(known)

    def enough():
        seen.update(spis(lab))
        return len(seen - known) >= 2 * count
    support.wait_until(enough, f"{count} successors of the SAs", seconds)


def rekeys_by_time(role):
    def check(lab):
        agreement = Agreement()
        establish(lab, agreement, role, rekey_time_child=5, life_time_child=60, rand_time_child=0)
        with lab.protected("ESP", "IKE"), pinging(lab, agreement):
            successors(lab, spis(lab), 3, 60)
        carries(lab, agreement)
    return check


def rekeys_by_bytes(role):
    def check(lab):
        agreement = Agreement(method=methods.esp("AESGCM128"))
        establish(lab, agreement, role, rekey_bytes_child=2_000_000, life_bytes_child=2_000_000_000,
                  rand_bytes_child=0)
        known = spis(lab)
        with lab.protected("ESP", "IKE"), pinging(lab, agreement):
            lab.download(lab.a, B4)
            lab.upload(A4)
            successors(lab, known, 1, 20)
        carries(lab, agreement)
    return check


def rekeys_main_mode(role):
    def check(lab):
        agreement = Agreement()
        establish(lab, agreement, role, rekey_time=0, reauth_time=6, over_time=30, rand_time=0)
        before = cookies(lab)
        with lab.protected("ESP", "IKE"), pinging(lab, agreement):
            support.wait_until(lambda: cookies(lab) - before, "there is a new main mode", 40)
            time.sleep(1)  # and the pings go on while the old one is deleted
        carries(lab, agreement)
    return check


def we_rekey_by_bytes(role):
    def check(lab):
        agreement = Agreement(life=f":{KILOBYTES}k/3600s", method=methods.esp("AESGCM128"))
        establish(lab, agreement, role)
        known = spis(lab)
        with lab.protected("ESP", "IKE"), pinging(lab, agreement):
            for _ in range(5):
                lab.download(lab.a, B4)
            successors(lab, known, 1, 20)
        carries(lab, agreement)
    return check


for the_role in ROLES:
    case(f"strongSwan rekeys quick mode by time, {the_role}")(rekeys_by_time(the_role))
    case(f"strongSwan rekeys quick mode by bytes, {the_role}")(rekeys_by_bytes(the_role))
    case(f"strongSwan rekeys main mode, {the_role}")(rekeys_main_mode(the_role))
    case(f"we rekey quick mode by bytes, {the_role}")(we_rekey_by_bytes(the_role))


@case("strongSwan deletes its SAs, and the next packet negotiates again")
def strongswan_deletes(lab):
    agreement = Agreement()
    establish(lab, agreement, PEER)
    lab.peer.terminate(ike=CONNECTION)
    support.wait_until(lambda: not lab.gateway.quick_modes() and not lab.gateway.main_modes(),
                       "the gateway's SAs are gone")
    lab.peer.events.seen = []
    begin(lab, agreement, WE)
    carries(lab, agreement)


@case("we delete our SAs, and the guest's kernel has none")
def we_delete(lab):
    agreement = Agreement()
    establish(lab, agreement, WE)
    lab.gateway.daemon.dynamic("delete sa all")
    support.wait_until(lambda: not lab.guest.run("/bin/ip xfrm state").strip(),
                       "the guest's SAs are gone")
    lab.peer.events.seen = []
    begin(lab, agreement, PEER)
    carries(lab, agreement)


@case("strongSwan dies, comes back and begins anew")
def strongswan_dies(lab):
    agreement = Agreement()
    # It says INITIAL-CONTACT to a peer that it knows by name.
    options = {"remote": {"auth": "psk", "id": ONE4}}
    establish(lab, agreement, PEER, **options)
    before = spis(lab)
    lab.peer.kill()
    lab.guest.run("/bin/ip xfrm state flush; /bin/ip xfrm policy flush")
    lab.peer.close()
    lab.peer.start()
    agreement.load(lab.peer, **options)
    begin(lab, agreement, PEER)
    carries(lab, agreement)
    support.wait_until(lambda: not spis(lab) & before, "the SAs of before are gone")


def run(lab, only):
    """Prints a line for each case; returns what became of them."""
    chosen = [(name, function) for name, function in CASES if re.search(only, name)]
    if not chosen:
        return {}
    lab.delete_sas()
    lab.guest.run("/bin/ip xfrm policy flush; /bin/ip xfrm state flush")
    lab.gateway.configure()
    lab.peer.start()
    results = {}
    for name, function in chosen:
        started = time.monotonic()
        try:
            function(lab)
            results[name] = True
        except Exception as problem:
            results[name] = False
            print(f"     {type(problem).__name__}: {problem}")
            for source, text in (("the gateway", lab.gateway.daemon.log()),
                                 ("strongSwan", lab.peer.log())):
                print(f"     --- the last lines of {source}")
                print("".join(f"     {line}\n" for line in text.splitlines()[-40:]), end="")
        print(f"{'PASS' if results[name] else 'FAIL'} {name}", flush=True)
        print(f"     {time.monotonic() - started:.1f} s", flush=True)
    return results
