#!/usr/bin/python3
"""Fails on an include against the direction of dependency, on a DPDK header outside the packet path,
on an include that is not written from the root, and on a product file that has grown too long."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Each folder and what it may include, itself apart.
ALLOWED = {
    "config": set(),
    "crypto": {"config"},
    "dataplane": {"config", "crypto"},
    "control": {"config", "crypto", "dataplane"},
    "tools": {"config", "crypto", "dataplane", "control", "tests"},
    "tests": {"config", "crypto", "dataplane", "control", "tools"},
}
# The client speaks the socket protocol and knows nothing of packets.
CLIENT = re.compile(r"^tools/netsh")
DPDK_FOLDERS = {"dataplane", "tools", "tests"}
MAX_LINES = 500
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def sources():
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.h", "*.cpp"],
        cwd=ROOT, capture_output=True, text=True, check=True)
    return [pathlib.PurePosixPath(line) for line in listing.stdout.splitlines()
            if (ROOT / line).exists()]


def problems_of_include(path, bracket, target):
    folder = path.parts[0]
    top = target.split("/")[0]
    if target.startswith("rte_") or target.startswith("rte/"):
        if folder not in DPDK_FOLDERS or CLIENT.match(str(path)):
            yield f"DPDK header {target}: only dataplane, its tests and its tools know DPDK"
        if bracket == '"':
            yield f"{target} is a system header and belongs in angle brackets"
        return
    if bracket == "<":
        if top in ALLOWED and "/" in target:
            yield f"{target} is ours and belongs in quotes"
        return
    if top not in ALLOWED or "/" not in target:
        yield f'"{target}" is not written from the root, as in "config/types.h"'
        return
    if not (ROOT / target).exists():
        yield f'there is no file "{target}"'
    if top != folder and top not in ALLOWED[folder]:
        yield f"{folder} must not include {target} (config <- crypto <- dataplane <- control)"
    if CLIENT.match(str(path)) and top == "dataplane":
        yield f"the client must not include {target}"


def main():
    count = 0
    found = []
    for path in sources():
        if path.parts[0] not in ALLOWED:
            found.append(f"{path}: no source belongs in folder {path.parts[0]}")
            continue
        lines = (ROOT / path).read_text().splitlines()
        count += 1
        if path.suffix == ".h" and "#pragma once" not in lines:
            found.append(f"{path}:1: no #pragma once")
        if path.parts[0] != "tests" and len(lines) >= MAX_LINES:
            found.append(f"{path}:{len(lines)}: {len(lines)} lines; product files stay below "
                         f"{MAX_LINES}")
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if match:
                found += [f"{path}:{number}: {text}"
                          for text in problems_of_include(path, *match.groups())]
    for line in found:
        print(line)
    print(f"{count} files, {len(found)} problems")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
