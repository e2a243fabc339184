#!/usr/bin/python3
"""Compiles headers alone, with the flags their folder's sources are compiled with.

A header that its own source file includes first is compiled alone by every build; this checks those
source files and compiles the other headers.

usage: check_headers.py BUILD_DIRECTORY"""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DROP_WITH_VALUE = {"-o", "-MF", "-MQ", "-MT"}
DROP = {"-c", "-MD", "-MMD"}


def flags_by_folder(build):
    """Compiler and flags of one source of each folder."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        try:
            folder = source.relative_to(ROOT).parts[0]
        except ValueError:
            continue
        words = shlex.split(entry["command"])
        if words[0].endswith("ccache"):
            words = words[1:]
        kept = []
        skip = False
        for word in words:
            if skip:
                skip = False
            elif word in DROP_WITH_VALUE:
                skip = True
            elif word not in DROP and word != entry["file"]:
                kept.append(word)
        # The source with the most flags depends on the most libraries.
        if len(kept) > len(flags.get(folder, ([], ""))[0]):
            flags[folder] = (kept, entry["directory"])
    return flags


def compile_alone(header, command, directory):
    # -Wno-unused-*: an inline constant or function of a header has no user when it stands alone.
    result = subprocess.run(
        [*command, "-fsyntax-only", "-O0", "-x", "c++", "-Wno-unused-const-variable", "-"],
        cwd=directory, input=f'#include "{header}"\n', capture_output=True, text=True, check=False)
    return header, result.returncode, result.stderr


def first_include(source):
    for line in source.read_text().splitlines():
        if line.startswith("#include"):
            return line.split()[1].strip('"<>')
    return None


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    flags = flags_by_folder(pathlib.Path(sys.argv[1]).resolve())
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.h"],
        cwd=ROOT, capture_output=True, text=True, check=True)
    headers = [line for line in listing.stdout.splitlines() if (ROOT / line).exists()]
    failed = 0
    alone = []
    for header in headers:
        source = (ROOT / header).with_suffix(".cpp")
        if not source.exists():
            alone.append(header)
        elif first_include(source) != header:
            failed += 1
            print(f"{source.relative_to(ROOT)} does not include {header} first")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = []
        for header in alone:
            folder = header.split("/")[0]
            # A folder without a source of its own borrows from the folder above it.
            command, directory = flags.get(folder) or flags["tests"]
            jobs.append(pool.submit(compile_alone, header, command, directory))
        for job in jobs:
            header, code, text = job.result()
            if code != 0:
                failed += 1
                print(f"{header} does not compile alone:\n{text}")
    print(f"{len(headers)} headers, {failed} failed")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
