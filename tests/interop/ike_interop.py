#!/usr/bin/python3
# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""IKEv1 against strongSwan: the gateway and charon in namespaces of their own.

strongSwan has two data planes here: its own in user space (ESP in UDP tunnels), and scapy's behind
a kernel that is not there (xfrm_kernel.py), which does everything else with the keys that charon
installed. First two strongSwans prove the lab. Prints a line for each case and then tables.
"""
import argparse
import pathlib
import re
import signal
import sys
import time
import traceback

import ike_cases
import ike_lab
# Each adds its cases.
import ike_proof
import ike_negotiation  # noqa: F401
import ike_lives  # noqa: F401
import ike_refusals  # noqa: F401
import ike_certificates  # noqa: F401


def chosen(arguments):
    return [one for one in ike_cases.CASES
            if re.search(arguments.only, f"{one.group}: {one.name}")
            and (arguments.slow or not one.slow)]


def run_cases(cases, ours):
    """{case: whether it is good}"""
    if not cases:
        return {}
    results = {}
    try:
        with ike_lab.IkeLab(ours) as lab:
            if ours:
                lab.gateway.configure()
            else:
                lab.gateway.start()
            for one in cases:
                results[one] = ike_cases.run_case(one, lab)
    except Exception:  # noqa: BLE001: the other lab's cases are still worth seeing
        print(f"FAIL the lab of {cases[0].group}")
        traceback.print_exc(file=sys.stdout)
        results |= {one: False for one in cases if one not in results}
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="REGEX", help='cases such as "methods: 3DES"')
    parser.add_argument("--slow", action="store_true", help="also what waits for lifetimes to end")
    parser.add_argument("--list", action="store_true", help="names of the cases")
    parser.add_argument("--shim", default="build/release/tests/interop/xfrm_shim.so",
                        help="the built xfrm_shim.cpp")
    arguments = parser.parse_args()
    ike_lab.SHIM = pathlib.Path(arguments.shim).resolve()
    cases = chosen(arguments)
    if arguments.list:
        print("\n".join(f"{one.group}: {one.name}" for one in cases))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started = time.monotonic()
    proof = [one for one in cases if one.group == ike_proof.GROUP]
    results = run_cases(proof, ours=False)
    results |= run_cases([one for one in cases if one not in proof], ours=True)
    for group in dict.fromkeys(one.group for one in cases):
        ike_cases.print_table(group, results)
    good = sum(results.values())
    print(f"\n{good} passed, {len(results) - good} failed in {time.monotonic() - started:.0f} s")
    return 0 if results and good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
