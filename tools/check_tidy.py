#!/usr/bin/python3
"""Runs clang-tidy in parallel over the product's sources.

usage: check_tidy.py BUILD_DIRECTORY [REVISION | FILE...]

With a git revision only the sources that changed since then, or whose folder's headers did."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = {"config", "crypto", "dataplane", "control", "tools"}


def changed_since(revision):
    listing = subprocess.run(["git", "diff", "--name-only", revision], cwd=ROOT,
                             capture_output=True, text=True, check=True)
    return {pathlib.PurePosixPath(line) for line in listing.stdout.splitlines()}


def compiled_sources(build):
    sources = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(ROOT):
            relative = path.relative_to(ROOT)
            if relative.parts[0] in FOLDERS:
                sources.add(pathlib.PurePosixPath(relative))
    return sources


def select(sources, arguments):
    if not arguments:
        return sources
    if all((ROOT / word).exists() for word in arguments):
        wanted = {pathlib.PurePosixPath(word) for word in arguments}
        return {path for path in sources if path in wanted}
    changed = changed_since(arguments[0])
    folders = {path.parts[0] for path in changed if path.suffix == ".h"}
    return {path for path in sources if path in changed or path.parts[0] in folders}


def tidy(build, path):
    result = subprocess.run(
        ["clang-tidy", "--quiet", "-p", str(build), "--extra-arg=-Wno-unknown-warning-option",
         str(ROOT / path)], cwd=ROOT, capture_output=True, text=True, check=False)
    return path, result.returncode, result.stdout + result.stderr


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    build = pathlib.Path(sys.argv[1]).resolve()
    sources = sorted(select(compiled_sources(build), sys.argv[2:]))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, code, text in pool.map(lambda p: tidy(build, p), sources):
            if code != 0:
                failed += 1
                print(f"{path}:\n{text}")
    print(f"{len(sources)} sources, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
