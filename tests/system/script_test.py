#!/usr/bin/python3
"""netsh -f with a generated list of 5,000 filters: seconds, not minutes; then the list is shown at
once and its addresses are blocked."""

import pathlib
import random
import sys
import time

import support
from support import A4, B4, MAC, case

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

FILTERS = 5000


def addresses():
    """Distinct addresses outside the lab's networks, the same in every run."""
    generator = random.Random(5000)
    chosen = set()
    while len(chosen) < FILTERS - 1:
        chosen.add(f"{generator.randrange(60, 90)}.{generator.randrange(256)}."
                   f"{generator.randrange(256)}.{generator.randrange(1, 255)}")
    return [*sorted(chosen), A4]


def memory_kb(pid, key="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


@case
def five_thousand_filters_load_in_seconds(lab):
    lab.daemon.netsh("ipsec", "static", "delete", "all")
    script = pathlib.Path(lab.directory) / "block.netsh"
    lines = ["# generated", "pushd ipsec static", "add filterlist name=banned",
             "add filteraction name=block action=block",
             "add policy name=bans assign=yes",
             "add rule name=bans policy=bans filterlist=banned filteraction=block"]
    lines += [f"add filter filterlist=banned srcaddr={address} dstaddr=any"
              for address in addresses()]
    lines.append("popd")
    script.write_text("\n".join(lines) + "\n")
    before = memory_kb(lab.daemon.process.pid)
    started = time.monotonic()
    lab.daemon.netsh("-f", script, timeout=120)
    elapsed = time.monotonic() - started
    after = memory_kb(lab.daemon.process.pid)
    support.figure(f"netsh -f of {FILTERS} filters: {elapsed:.2f} s; daemon memory {before // 1024} "
                   f"-> {after // 1024} MiB, peak {memory_kb(lab.daemon.process.pid, 'VmHWM') // 1024} MiB")
    assert elapsed < 60


@case
def the_list_is_shown_at_once(lab):
    started = time.monotonic()
    text = lab.daemon.netsh("ipsec", "static", "show", "filterlist", "banned", "verbose").stdout
    elapsed = time.monotonic() - started
    support.figure(f"show filterlist of {FILTERS} filters, verbose: {elapsed:.2f} s")
    assert text.count("Destination Port") == FILTERS
    assert elapsed < 5


@case
def listed_addresses_are_blocked_and_others_are_not(lab):
    sender, receiver = support.Wire(lab.a, "a"), support.Wire(lab.b, "b")
    ether = Ether(dst=MAC["gwa"], src=MAC["a"])
    listed = set(addresses())
    free = [f"91.7.{i}.9" for i in range(20)]
    for source in [*sorted(listed)[::250], A4, *free]:
        sender.send(ether / IP(src=source, dst=B4) / UDP(sport=900, dport=7300))
    seen = set()
    for data in receiver.frames(1.5):
        packet = Ether(data)
        if UDP in packet and packet[UDP].dport == 7300:
            seen.add(packet[IP].src)
    assert seen == set(free), seen
    sender.close()
    receiver.close()


@case
def the_list_survives_a_restart(lab):
    assert lab.daemon.stop() == 0, lab.daemon.log()
    started = time.monotonic()
    lab.daemon.start()
    support.figure(f"restart with {FILTERS} filters: {time.monotonic() - started:.2f} s until ready")
    assert lab.ping(B4, 2) == 0
    lists = lab.daemon.json("static show filterlist all")
    assert str(FILTERS) in str(lists)


if __name__ == "__main__":
    with support.Lab() as the_lab:
        the_lab.daemon.start()
        assert the_lab.ping(B4) == 3
        code = support.main(the_lab)
    sys.exit(code)
