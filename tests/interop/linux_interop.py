#!/usr/bin/python3
# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""ESP and AH against the kernel of Linux, which runs in a virtual machine.

Each row is one method in one form: the same SAs by hand in the guest (ip xfrm) and in the gateway
(add sa), pings from both sides, an echo of 3000 bytes, and a file of 5 MB in both directions. The
wire may show nothing but that protocol, neither end may have refused a packet.

Then strongSwan in the guest negotiates with the gateway: linux_ike.py.
"""
import argparse
import dataclasses
import re
import signal
import sys
import time

import linux_ike
import linux_lab
from support import A4, A6, B4, B6
from tunnel_lab import ONE4, ONE6, TWO4, TWO6, methods

CIPHERS = {"None": "ecb(cipher_null)", "DES": "cbc(des)", "3DES": "cbc(des3_ede)",
           "CHACHA20POLY1305": "rfc7539esp(chacha20,poly1305)"}
HASHES = {"MD5": "hmac(md5)", "SHA1": "hmac(sha1)", "SHA256": "hmac(sha256)",
          "SHA384": "hmac(sha384)", "SHA512": "hmac(sha512)", "AESXCBC": "xcbc(aes)"}


@dataclasses.dataclass(frozen=True)
class Form:
    name: str
    mode: str
    ours: str
    theirs: str
    # Who talks: on our side, in the guest. In a tunnel both families go through one SA.
    pairs: tuple

    @property
    def policy(self):
        """Forms of one value share the gateway's policy."""
        return (self.mode, self.ours) if self.mode == "tunnel" else self.mode


TRANSPORT4 = Form("transport-v4", "transport", ONE4, TWO4, ((ONE4, TWO4),))
TRANSPORT6 = Form("transport-v6", "transport", ONE6, TWO6, ((ONE6, TWO6),))
TUNNEL4 = Form("tunnel-v4", "tunnel", ONE4, TWO4, ((A4, B4), (A6, B6)))
TUNNEL6 = Form("tunnel-v6", "tunnel", ONE6, TWO6, ((A6, B6), (A4, B4)))
FORMS = (TRANSPORT4, TRANSPORT6, TUNNEL4, TUNNEL6)

# In every form: what peers use.
COMMON = [methods.esp("3DES", "SHA1"), methods.esp("AES128", "SHA1"),
          methods.esp("AES256", "SHA256"), methods.esp("AESGCM128"), methods.esp("None", "SHA1"),
          methods.ah_alone("SHA1"), methods.ah_alone("SHA256"),
          methods.esp("AES128", "SHA1", ah="SHA1")]
# Once in transport, once in a tunnel.
OTHERS = [methods.esp("DES", "MD5"), methods.esp("AES192", "SHA384"),
          methods.esp("AES256", "SHA512"), methods.esp("AES128", "AESXCBC"),
          methods.esp("AESCTR256", "SHA1"), methods.esp("AESGCM256"),
          methods.esp("AESGCM256ICV8"), methods.esp("CHACHA20POLY1305"),
          methods.esp("None", "AESGMAC128"), methods.ah_alone("MD5"), methods.ah_alone("SHA512"),
          methods.ah_alone("AESXCBC"), methods.esp("AESGCM128", ah="SHA256")]
# Their sequence numbers are 64 bits long.
EXTENDED = [methods.esp("AES128", "SHA256"), methods.esp("AESGCM128"), methods.ah_alone("SHA256")]


# At least so many packets go through each SA: those of a file one way, acknowledgements the other.
BLOB_PACKETS = linux_lab.BLOB_BYTES // 1500


@dataclasses.dataclass(frozen=True)
class Row:
    form: Form
    method: methods.Method
    esn: bool = False

    @property
    def name(self):
        return f"{self.method.name} {self.form.name}{' esn' if self.esn else ''}"

    @property
    def protocol(self):
        return "AH" if self.method.ah else "ESP"

    @property
    def talk(self):
        # A bundle's AH is in transport mode, where Linux has no SA for both families (AF_UNSPEC).
        return self.form.pairs[:1] if self.method.bundle else self.form.pairs


def rows():
    """Those of one policy one after the other."""
    for form in FORMS:
        yield from (Row(form, method) for method in COMMON)
        if form in (TRANSPORT4, TUNNEL6):
            yield from (Row(form, method) for method in OTHERS)
        if form in (TRANSPORT6, TUNNEL4):
            yield from (Row(form, method, True) for method in EXTENDED)


# --- The guest's SAs


def cipher_words(method, key):
    token = method.cipher.token
    if method.cipher.aead:
        name = CIPHERS.get(token, "rfc4106(gcm(aes))")
        return f"aead '{name}' 0x{key} {method.cipher.icv * 8}"
    if token.startswith("AESCTR"):
        name = "rfc3686(ctr(aes))"
    else:
        name = CIPHERS.get(token, "cbc(aes)")
    return f"enc '{name}' " + (f"0x{key}" if key else "''")


def hash_words(integrity, key):
    if integrity.gmac:
        return f"aead 'rfc4543(gcm(aes))' 0x{key} {integrity.icv * 8}"
    return f"auth-trunc '{HASHES[integrity.token]}' 0x{key} {integrity.icv * 8}"


def esp_words(method, keys):
    if method.hash.gmac:
        return hash_words(method.hash, keys["auth"])
    words = cipher_words(method, keys.get("enc", ""))
    if method.hash is methods.NO_HASH:
        return words
    return f"{words} {hash_words(method.hash, keys['auth'])}"


def new_keys(lab, method):
    """Hexadecimal: of the cipher, of ESP's integrity, of AH."""
    keys = {}
    if method.cipher and method.cipher.key:
        keys["enc"] = lab.key(method.cipher.key + method.cipher.salt)
    if method.cipher and method.hash is not methods.NO_HASH:
        keys["auth"] = lab.key(method.hash.key + method.hash.salt)
    if method.ah:
        keys["ah"] = lab.key(method.ah.key + method.ah.salt)
    return keys


def protocols(method):
    """Of the guest's transforms, the inner first."""
    return (["esp"] if method.cipher else []) + (["ah"] if method.ah else [])


def guest_state(row, ends, spi, keys, words):
    method = row.method
    for protocol in protocols(method):
        inner = protocol == protocols(method)[0]
        number = spi if inner else spi + 0x100
        mode = row.form.mode if inner else "transport"
        # RFC 4302 2.6 wants no more padding than the family needs; Linux pads more unless told.
        flags = ["align4"] if protocol == "ah" and ":" not in ends[0] else []
        flags += ["af-unspec"] if mode == "tunnel" else []
        flags += ["esn"] if row.esn else []
        algorithms = (esp_words(method, keys) if protocol == "esp"
                      else hash_words(method.ah, keys["ah"]))
        yield (f"/bin/ip xfrm state add src {ends[0]} dst {ends[1]} proto {protocol} "
               f"spi {number:#x} reqid 1 mode {mode} replay-window {128 if row.esn else 32} "
               + (f"flag {' '.join(flags)} " if flags else "") + words + algorithms)


def guest_policies(row):
    """What the guest's kernel sends protected and expects protected."""
    form = row.form
    for ours, theirs in row.talk:
        length = 128 if ":" in ours else 32
        for direction in ("out", "in"):
            pair, ends = (theirs, ours), (form.theirs, form.ours)
            if direction == "in":
                pair, ends = pair[::-1], ends[::-1]
            templates = " ".join(
                f"tmpl src {ends[0]} dst {ends[1]} proto {protocol} reqid 1 "
                f"mode {form.mode if protocol == protocols(row.method)[0] else 'transport'}"
                for protocol in protocols(row.method))
            yield (f"/bin/ip xfrm policy add src {pair[0]}/{length} dst {pair[1]}/{length} "
                   f"dir {direction} priority 100 {templates}")


def our_words(row, spi, keys):
    method = row.method
    line = [f'method="{method.name}" mode={row.form.mode}']
    line += [f"{name}key={keys[key]}" for name, key in (("enc", "enc"), ("auth", "auth"))
             if key in keys]
    if method.bundle:
        line.append(f"ahspi={spi + 0x100:#x} ahkey={keys['ah']}")
    elif method.ah:
        line.append(f"authkey={keys['ah']}")
    return " ".join(line + (["esn=yes window=1024"] if row.esn else []))


def install(lab, row, spi):
    """One SA in each direction at both ends."""
    script = ["set -e", "/bin/ip xfrm policy flush", "/bin/ip xfrm state flush"]
    for ends, number in (((row.form.ours, row.form.theirs), spi),
                         ((row.form.theirs, row.form.ours), spi + 1)):
        keys = new_keys(lab, row.method)
        lab.add_sa(number, *ends, our_words(row, number, keys))
        # The guest begins shortly before its 2^32nd packet, as if it had sent the others.
        crossing = row.esn and ends[0] == row.form.theirs
        words = "replay-oseq 0xffffff80 replay-oseq-hi 0 " if crossing else ""
        script += guest_state(row, ends, number, keys, words)
    lab.guest.run("\n".join([*script, *guest_policies(row)]))


# --- Rows


def traffic(lab, row):
    space = lab.a if row.form.mode == "tunnel" else lab.one.space
    for ours, theirs in row.talk:
        assert lab.ping(theirs, 2, space, "-W", 5) == 2, f"no echo from {theirs}"
        assert lab.guest_ping(ours) == 2, f"the guest gets no echo from {ours}"
        assert lab.large_ping(space, theirs), f"no large echo from {theirs}"
    lab.download(space, row.talk[0][1])
    lab.upload(row.talk[-1][0])


def run_row(lab, row, spi):
    lab.delete_sas()
    install(lab, row, spi)
    with lab.protected(row.protocol):
        traffic(lab, row)
    for row_of_sa in lab.one.daemon.json("dynamic show qmsas all")["qm_sas"]:
        assert row_of_sa["packets"] > BLOB_PACKETS, row_of_sa


def assign(lab, form):
    """The gateway's policy for rows of that form."""
    if form.mode == "transport":
        lab.transport_policy()
    else:
        lab.tunnel_policy(form.ours, form.theirs)


def print_matrix(results):
    names = list(dict.fromkeys((row.method, row.esn) for row in results))
    width = max(len(method.name) for method, _ in names) + 4
    print("\n" + " " * width + "".join(form.name.ljust(14) for form in FORMS))
    for method, esn in names:
        marks = ["-" if (row := Row(form, method, esn)) not in results
                 else "passed" if results[row] else "FAILED" for form in FORMS]
        print(f"{method.name + (' esn' if esn else ''):{width}}"
              + "".join(mark.ljust(14) for mark in marks))
    print(flush=True)


def run_manual(lab, only):
    results, policy = {}, None
    for number, row in enumerate(rows()):
        if not re.search(only, row.name):
            continue
        started = time.monotonic()
        try:
            if policy != row.form.policy:
                policy = None
                assign(lab, row.form)
                policy = row.form.policy
            run_row(lab, row, 0x1000 + 2 * number)
            results[row] = True
        except Exception as problem:
            results[row] = False
            print(f"     {type(problem).__name__}: {problem}")
        print(f"{'PASS' if results[row] else 'FAIL'} {row.name}", flush=True)
        print(f"     {time.monotonic() - started:.1f} s", flush=True)
    if results:
        print_matrix(results)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="REGEX",
                        help="rows whose name, such as 'ESP[3DES,SHA1] tunnel-v4', fits")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with linux_lab.LinuxLab() as lab:
        lab.start()
        results = run_manual(lab, arguments.only)
        results |= linux_ike.run(lab, arguments.only)
    failed = sum(not good for good in results.values())
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
