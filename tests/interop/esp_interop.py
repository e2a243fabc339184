#!/usr/bin/python3
# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""Independent implementations judge ESP and AH: scapy and tshark against the gateway.

For each quick mode method, mode, address family, and with and without extended sequence numbers:
what the gateway protects, scapy must verify, decrypt, and build again byte for byte from the same
IV; what scapy protects, the gateway must deliver; what was changed or replayed, the gateway must
refuse; and tshark must decrypt what the gateway sends. No devices: the gateway is pcap_run. First
the judges themselves are judged. Prints a line for each case and then the matrix.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import sys
import traceback

import cells
import extras
import methods
import pcap_gateway
import scapy_ipsec
import tshark

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COLUMNS = [(form, esn) for form in pcap_gateway.FORMS for esn in (False, True)]
DIRECTIONS = ["out", "in", "refused", "tshark"]
LEGEND = """\
Each cell: 1. what we protect, scapy verifies, decrypts, and builds again byte for byte
           2. what scapy protects, we verify and deliver
           3. we refuse an unknown SPI, a changed and a repeated packet
           4. what we protect, tshark verifies and decrypts
+  good
x  good; scapy lacks a part, which scapy_ipsec.py adds from the RFCs (the MACs with their vectors):
   AES-GCM with a short ICV, AES-XCBC, AES-GMAC, ESN in the ICV of a hash under ESP, AH around ESP
F  failed
?  the gateway did not run
-  not judged: ESN without an ICV protects nothing; tshark knows no ESN, no AH, no AES-GMAC and no
   ChaCha20-Poly1305 (and for AES-XCBC it decrypts without checking)"""


def column_name(form, esn):
    return f"{form.name}{'-esn' if esn else ''}"


def by_case(judged):
    """Joins the packets of a case. The first bad one tells the most; the others are counted."""
    cases = {}
    for case, complaints in judged:
        cases.setdefault(case, []).append(complaints)
    joined = []
    for case, packets in cases.items():
        bad = [complaints for complaints in packets if complaints]
        more = [f"bad: {len(bad)} of {len(packets)} packets"] if len(packets) > 1 and bad else []
        joined.append((case, [line for complaints in bad[:1] for line in complaints] + more))
    return joined


def judge(pcap_run, steps, names):
    """Runs the steps and returns (case, complaints) for each case."""
    pcap_gateway.run(pcap_run, steps)
    judged = []
    for step in steps:
        complaints = step.judge(step.result)
        if complaints:
            complaints.append(f"came by {step.source}:\n{cells.excerpt(step.frame)}")
        judged.append((step.case, complaints))
    if tshark.available():
        judged += cells.tshark_complaints(steps)
    return [(case, complaints) for case, complaints in by_case(judged)
            if re.search(names, " ".join(case))]


def flows_of(form, esn):
    return [pcap_gateway.Flow(number, method, form, esn)
            for number, method in enumerate(methods.all_methods())
            if method.takes_esn or not esn]


def run_column(pcap_run, form, esn, names):
    column = column_name(form, esn)
    steps = [step for flow in flows_of(form, esn)
             if any(re.search(names, f"{flow.method.name} {column} {direction}")
                    for direction in DIRECTIONS)
             for step in cells.steps_of(flow, (flow.method.name, column))]
    return judge(pcap_run, steps, names) if steps else []


def run_extras(pcap_run, names):
    steps = [step for step in extras.all_steps() if re.search(names, " ".join(step.case))]
    return judge(pcap_run, steps, names) if steps else []


def judge_judges():
    """scapy and tshark against vectors and each other, without the gateway."""
    yield from ((("judge", name), wrong) for name, wrong in scapy_ipsec.failed_vectors())
    lacking = methods.unknown_tokens((ROOT / "config" / "algorithms.h").read_text())
    yield (("judge", "methods.py has every algorithm of config/algorithms.h"),
           [f"only one of the two has {', '.join(lacking)}"] if lacking else [])
    frames, rows, wanted = [], [], []
    for number, method in enumerate(methods.all_methods()):
        flow = pcap_gateway.Flow(number, method, pcap_gateway.FORMS[number % 6],
                                 esn=method.takes_esn and number % 2 == 1)
        inner = cells.inner_packet(flow, cells.SHAPES[1], True)
        packet = flow.out.protect(inner, 1)
        wrong = cells.difference("what scapy decrypts", flow.out.unprotect(packet), bytes(inner))
        changed = bytearray(bytes(packet))
        changed[-1] ^= 1
        try:
            flow.out.unprotect(scapy_ipsec.dissect(bytes(changed)))
            wrong += ["scapy accepts a changed packet"] if method.integrity else []
        except scapy_ipsec.ERRORS:
            pass
        yield ("judge", f"scapy {method.name}"), wrong
        if method.tshark and not flow.esn and tshark.available():
            good = [pcap_gateway.from_wan(packet)[1]]
            bad = ([pcap_gateway.from_wan(scapy_ipsec.dissect(bytes(changed)))[1]]
                   if method.tshark_checks_icv else [])
            frames += good + bad
            rows.append(cells.tshark_row(flow))
            wanted += [(flow, inner, True)] * len(good) + [(flow, inner, False)] * len(bad)
    for (flow, inner, good), (payload, verdict) in zip(
            wanted, tshark.decode(frames, rows) if frames else [], strict=True):
        if good:
            yield (("judge", f"tshark {flow.method.name}"),
                   cells.judge_tshark(flow, inner, payload, verdict))
        else:
            yield (("judge", f"tshark {flow.method.name} changed"),
                   [] if verdict is False else [f"tshark's verdict on the ICV is {verdict}"])


def run_judges(names):
    return [(case, complaints) for case, complaints in judge_judges()
            if re.search(names, " ".join(case))]


def guarded(function, *arguments):
    """In a worker process: (results, what kept it from ending)."""
    try:
        return function(*arguments), None
    except pcap_gateway.GatewayError as problem:
        return [], str(problem)
    except Exception:  # noqa: BLE001: whatever it is, the other columns are still worth seeing
        return [], traceback.format_exc()


def report(results):
    """Prints them and returns the number of failures."""
    failed = 0
    for case, complaints in results:
        print(f"{'FAIL' if complaints else 'PASS'} {' '.join(case)}")
        for complaint in complaints:
            print("".join(f"     {line}\n" for line in complaint.splitlines()), end="")
        failed += bool(complaints)
    sys.stdout.flush()
    return failed


def mark(results, broken, flow, column, direction):
    if column in broken:
        return "?"
    complaints = results.get((flow.method.name, column, direction))
    if complaints is None:
        return "-"
    if complaints:
        return "F"
    return "x" if direction in ("out", "in") and flow.out.extended else "+"


def print_matrix(results, broken):
    shown = [method for method in methods.all_methods()
             if broken or any((method.name, column_name(*column), direction) in results
                              for column in COLUMNS for direction in DIRECTIONS)]
    if not shown:
        return
    width = max(len(method.name) for method in shown)
    print(f"\n{'':{width}}  " + "".join(
        f"{form.mode[:2]} {form.inner}/{form.outer}".ljust(10) for form in pcap_gateway.FORMS))
    print(f"{'':{width}}  " + "     esn  " * len(pcap_gateway.FORMS))
    table = {}
    for form, esn in COLUMNS:
        for flow in flows_of(form, esn):
            column = column_name(form, esn)
            table[flow.method.name, column] = "".join(
                mark(results, broken, flow, column, direction) for direction in DIRECTIONS)
    for method in shown:
        print(f"{method.name:{width}}  " + " ".join(
            table.get((method.name, column_name(*column)), "----") for column in COLUMNS))
    print(f"\ntr: transport, tu: tunnel; families of inner/outer packet\n{LEGEND}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pcap-run", help="the pcap_run program; without it, only the judges run")
    parser.add_argument("--only", default="", metavar="REGEX",
                        help="cases whose name, such as 'ESP[DES,MD5] tunnel-v4-in-v4 out', fits")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    arguments = parser.parse_args()
    results, broken, failed = {}, set(), 0
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        jobs = [("judges", pool.submit(guarded, run_judges, arguments.only))]
        if arguments.pcap_run:
            jobs += [(column_name(*column),
                      pool.submit(guarded, run_column, arguments.pcap_run, *column, arguments.only))
                     for column in COLUMNS]
            jobs.append(("extras",
                         pool.submit(guarded, run_extras, arguments.pcap_run, arguments.only)))
        for name, job in jobs:
            column_results, problem = job.result()
            failed += report(column_results)
            results.update(column_results)
            if problem:
                failed += report([(("all of", name), [problem])])
                broken.add(name)
    if not tshark.available():
        print("SKIP tshark is not installed")
    if arguments.pcap_run:
        print_matrix(results, broken)
    print(f"{len(results) - failed + len(broken)} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
