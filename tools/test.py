#!/usr/bin/python3
"""Runs the test suites and counts every test case.

usage: tools/test [--list] [--build NAME] [SUITE [SECONDS | --slow]]...

Without a suite: the set that CI runs. The last line is "N passed, N failed"; the exit code is not 0
when anything failed or nothing ran. Logs go to build/logs.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
PYTHON = "/usr/bin/python3"
JOBS = os.cpu_count() or 2

# Build directories below build/: compilers and meson options. gcc and clang both build everything
# with warnings as errors; ThreadSanitizer is clang's because gcc's does not know DPDK's fences.
GCC = {"CC": "gcc", "CXX": "g++"}
CLANG = {"CC": "clang", "CXX": "clang++"}
BUILDS = {
    "release": (GCC, ["--buildtype=release"]),
    "debug": (GCC, ["--buildtype=debugoptimized"]),
    "clang": (CLANG, ["--buildtype=debugoptimized"]),
    # Unoptimised and with line tables only: a third of the build time, and readable stack traces.
    "asan": (CLANG, ["--buildtype=debug", "-Dcpp_args=-g1", "-Db_sanitize=address,undefined",
                     "-Db_lundef=false"]),
    "tsan": (CLANG, ["--buildtype=debug", "-Dcpp_args=-g1", "-Db_sanitize=thread",
                     "-Db_lundef=false"]),
    "fuzz": (CLANG, ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined",
                     "-Db_lundef=false", "-Dfuzz=true"]),
}
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=0:halt_on_error=1:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
# meson suites that are not part of `unit`.
SPECIAL = ["eal", "transcripts", "slow", "system"]


class Tally:
    """Counts of the whole run."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures = []

    def add(self, suite, name, outcome):
        if outcome == "passed":
            self.passed += 1
        elif outcome == "skipped":
            self.skipped += 1
        else:
            self.failed += 1
            self.failures.append(f"{suite}: {name}")


TALLY = Tally()
OPTIONS = {"build": None, "fuzz": 10, "rekey-load": 600, "with-slow": False}


def say(text):
    print(text, flush=True)


def tail(path, lines=60):
    text = path.read_text(errors="replace").splitlines()
    say(f"--- last lines of {path.relative_to(ROOT)}")
    for line in text[-lines:]:
        say("    " + line)


def run_logged(suite, name, command, extra_environment=None, timeout=1800):
    """True if the command exits 0. Its output goes to a log; the tail is shown when it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{suite}-{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}.log"
    environment = {**os.environ, **(extra_environment or {})}
    with log.open("wb") as sink:
        try:
            code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink,
                                  stderr=subprocess.STDOUT, env=environment, timeout=timeout,
                                  check=False).returncode
        except subprocess.TimeoutExpired:
            sink.write(f"\nstopped after {timeout} s\n".encode())
            code = 124
    return code == 0, log


def check(suite, name, command, **keywords):
    """One command that counts as one test case."""
    good, log = run_logged(suite, name, command, **keywords)
    TALLY.add(suite, name, "passed" if good else "failed")
    say(f"  {'PASS' if good else 'FAIL'} {name}")
    if not good:
        tail(log)
    return good


BUILT = {}


def build(suite, name, targets=()):
    """Configures and builds build/<name>; a failure counts as one failed test case."""
    key = (name, tuple(targets))
    if key in BUILT:
        return BUILT[key]
    compilers, options = BUILDS[name]
    directory = ROOT / "build" / name
    good = True
    if not (directory / "build.ninja").exists():
        shutil.rmtree(directory, ignore_errors=True)
        good, log = run_logged(suite, f"setup-{name}", ["meson", "setup", str(directory), *options],
                               extra_environment=compilers)
    if good:
        started = time.monotonic()
        good, log = run_logged(suite, f"build-{name}", ["ninja", "-C", str(directory), *targets])
        say(f"  built build/{name} in {time.monotonic() - started:.0f} s")
    if not good:
        say(f"  FAIL build of build/{name}")
        tail(log)
        TALLY.add(suite, f"build of build/{name}", "failed")
    BUILT[key] = good
    return good


def count_junit(suite, path):
    """Adds the test cases of meson's JUnit file, where each gtest case is one."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            outcome = "failed"
            say(f"  FAIL {case.get('classname', '')}.{case.get('name')}")
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            outcome = "skipped"
        else:
            outcome = "passed"
        counts[outcome] += 1
        TALLY.add(suite, f"{case.get('classname', '')}.{case.get('name')}", outcome)
    return counts


def meson_listing(name):
    """Of each meson test its suites and its program, relative to the build directory."""
    directory = ROOT / "build" / name
    listing = subprocess.run(["meson", "introspect", "--tests", str(directory)],
                             capture_output=True, text=True, check=True).stdout
    return [({entry.split(":")[-1] for entry in test["suite"]},
             os.path.relpath(test["cmd"][0], directory)) for test in json.loads(listing)]


def programs(name, wanted, unwanted):
    """The test programs that belong to all of `wanted` and to none of `unwanted`."""
    return sorted({program for suites, program in meson_listing(name)
                   if suites >= set(wanted) and not suites & set(unwanted)})


def meson_tests(suite, build_name, wanted=(), unwanted=(), timeout_multiplier=1):
    """Builds and runs the meson tests that are in the suites `wanted` and not in `unwanted`."""
    if not build(suite, build_name, ["build.ninja"]):
        return
    targets = programs(build_name, wanted, unwanted)
    if not targets:
        say(f"  FAIL no meson test belongs to {suite}")
        TALLY.add(suite, "no tests", "failed")
        return
    if not build(suite, build_name, targets):
        return
    selection = [word for name in wanted for word in ("--suite", name)]
    selection += [word for name in unwanted for word in ("--no-suite", name)]
    logbase = f"{suite}-{'-'.join(selection).replace('--', '')}"[:80]
    directory = ROOT / "build" / build_name
    junit = directory / "meson-logs" / f"{logbase}.junit.xml"
    junit.unlink(missing_ok=True)
    started = time.monotonic()
    good, log = run_logged(
        suite, f"meson-{logbase}",
        ["meson", "test", "-C", str(directory), "--no-rebuild", "--print-errorlogs",
         "--logbase", logbase, "-t", str(timeout_multiplier), *selection],
        extra_environment=SANITIZER_ENVIRONMENT)
    if not junit.exists():
        if not good:
            tail(log)
            TALLY.add(suite, "meson test", "failed")
        return
    counts = count_junit(suite, junit)
    say(f"  build/{build_name} {' '.join(selection)}: {counts['passed']} passed, "
        f"{counts['failed']} failed in {time.monotonic() - started:.0f} s")
    if not good:
        tail(log)
        if counts["failed"] == 0:
            TALLY.add(suite, "meson test", "failed")


def default_build():
    return OPTIONS["build"] or "release"


def suite_unit():
    meson_tests("unit", default_build(), unwanted=SPECIAL)


def suite_named(name):
    def run():
        meson_tests(name, default_build(), wanted=[name])
    return run


def suite_asan():
    meson_tests("asan", "asan", unwanted=["slow", "system"], timeout_multiplier=4)


def suite_tsan():
    # Not `eal`: packets change threads inside DPDK's own libraries, which are not instrumented, so
    # that every buffer would be reported. The same code runs on plain memory in the other tests.
    meson_tests("tsan", "tsan", unwanted=["slow", "system", "eal", "single-threaded"],
                timeout_multiplier=6)


def suite_clang():
    if build("clang", "clang"):
        TALLY.add("clang", "build", "passed")
        meson_tests("clang", "clang", unwanted=["slow", "system"])


def suite_release():
    """tools/build, as a person runs it."""
    check("release", "tools/build", [str(ROOT / "tools" / "build")])


def run_case_script(suite, name, command, timeout=900):
    """A script that prints one line "PASS name", "FAIL name" or "SKIP name" per case."""
    started = time.monotonic()
    good, log = run_logged(suite, name, command, timeout=timeout)
    text = log.read_text(errors="replace")
    cases = re.findall(r"^(PASS|FAIL|SKIP) (.+)$", text, re.M)
    for outcome, case in cases:
        TALLY.add(suite, f"{name}.{case}",
                  {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}[outcome])
        if outcome != "PASS":
            say(f"  {outcome} {name}: {case}")
    passed = sum(1 for outcome, _ in cases if outcome == "PASS")
    say(f"  {name}: {passed} of {len(cases)} passed in {time.monotonic() - started:.0f} s")
    for line in re.findall(r"^figure: .+$", text, re.M):
        say(f"    {line}")
    if not good or not cases:
        tail(log)
        if all(outcome == "PASS" for outcome, _ in cases):
            TALLY.add(suite, f"{name} ended early", "failed")


def suite_cases():
    if build("cases", default_build(), ["tools/pcap_run"]):
        run_case_script("cases", "run_cases",
                        [PYTHON, "tests/cases/run_cases.py", "--pcap-run",
                         f"build/{default_build()}/tools/pcap_run"])


def suite_interop_esp():
    if build("interop-esp", default_build(), ["tools/pcap_run"]):
        run_case_script("interop-esp", "esp_interop",
                        [PYTHON, "tests/interop/esp_interop.py", "--pcap-run",
                         f"build/{default_build()}/tools/pcap_run"])


def suite_interop_ike():
    shim = "tests/interop/xfrm_shim.so"
    if ready_for_namespaces("interop-ike") and build("interop-ike", "release", [shim]):
        run_case_script("interop-ike", "ike_interop",
                        [PYTHON, "tests/interop/ike_interop.py", "--shim", f"build/release/{shim}",
                         *(["--slow"] if OPTIONS["with-slow"] else [])])


def suite_interop_linux():
    run_system_scripts("interop-linux", [ROOT / "tests" / "interop" / "linux_interop.py"],
                       timeout=3600)


def ready_for_namespaces(suite):
    """Builds the programs. False where that or the test cannot be done."""
    if not check(suite, "tools/build", [str(ROOT / "tools" / "build")]):
        return False
    if os.geteuid() != 0:
        say("  SKIP network namespaces need root")
        TALLY.add(suite, "needs root", "skipped")
        return False
    return True


def run_system_scripts(suite, scripts, timeout=900):
    if not ready_for_namespaces(suite):
        return
    for script in scripts:
        run_case_script(suite, script.stem, [PYTHON, str(script)], timeout)


def suite_system():
    scripts = sorted((ROOT / "tests" / "system").glob("*_test.py"))
    run_system_scripts("system", [s for s in scripts if s.stem != "kill_test"])


def suite_kill():
    run_system_scripts("kill", [ROOT / "tests" / "system" / "kill_test.py"])


def suite_demo():
    check("demo", "tools/demo", [str(ROOT / "tools" / "demo")], timeout=600)


def tracked(*patterns):
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                              *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if (ROOT / line).exists()]


def suite_format():
    check("format", "clang-format",
          ["clang-format", "--dry-run", "-Werror", *tracked("*.h", "*.cpp")])


def suite_includes():
    check("includes", "dependency arrow and includes", [PYTHON, "tools/check_includes.py"])
    if build("includes", default_build(), ["build.ninja"]):
        check("includes", "each header compiles alone",
              [PYTHON, "tools/check_headers.py", f"build/{default_build()}"])


def suite_docs():
    if build("docs", default_build(), ["tools/docgen"]):
        check("docs", "generated pages are up to date",
              [f"build/{default_build()}/tools/docgen", "--check", "docs"])


def suite_tidy():
    if build("tidy", "clang", ["build.ninja"]):
        check("tidy", "clang-tidy", [PYTHON, "tools/check_tidy.py", "build/clang"], timeout=3600)


def suite_bench_smoke():
    if check("bench-smoke", "tools/build", [str(ROOT / "tools" / "build")]):
        bench = str(ROOT / "tools" / "bench")
        check("bench-smoke", "tools/bench --smoke", [bench, "--smoke"])
        check("bench-smoke", "tools/bench esp --smoke", [bench, "esp", "--smoke"])
        check("bench-smoke", "tools/bench ike --smoke", [bench, "ike", "--smoke"])


def fuzz_one(target, seconds):
    corpus = ROOT / "build" / "fuzz-corpus" / target.name
    findings = ROOT / "build" / "fuzz-findings" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "tests" / "fuzz" / "seeds" / target.name
    command = [str(target), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=4096",
               "-print_final_stats=1", f"-artifact_prefix={findings}/", str(corpus)]
    if seeds.is_dir():
        command.append(str(seeds))
    good, log = run_logged("fuzz", target.name, command, timeout=seconds + 300)
    runs = re.search(r"number_of_executed_units: (\d+)", log.read_text(errors="replace"))
    return target.name, good, int(runs.group(1)) if runs else 0, log


def suite_fuzz():
    seconds = OPTIONS["fuzz"]
    if not build("fuzz", "fuzz", ["fuzzers"]):
        return
    targets = [path for path in sorted((ROOT / "build" / "fuzz" / "tests" / "fuzz").glob("*_fuzz"))
               if os.access(path, os.X_OK) and path.is_file()]
    if not targets:
        TALLY.add("fuzz", "no targets", "failed")
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for name, good, runs, log in pool.map(lambda t: fuzz_one(t, seconds), targets):
            good = good and runs > 0
            TALLY.add("fuzz", name, "passed" if good else "failed")
            say(f"  {'PASS' if good else 'FAIL'} {name}: {runs} inputs in {seconds} s")
            if not good:
                tail(log)


def suite_rekey_load():
    seconds = OPTIONS["rekey-load"]
    if build("rekey-load", default_build(), ["tests/soak/rekey_soak"]):
        program = ROOT / "build" / default_build() / "tests" / "soak" / "rekey_soak"
        check("rekey-load", "rekey_soak", [str(program), str(seconds)], timeout=seconds + 300)
        say((LOGS / "rekey-load-rekey_soak.log").read_text(errors="replace").rstrip())


# Name: what it does, function. `default` is what CI runs, in this order: cheap checks first.
SUITES = {
    "includes": ("dependency arrow, include style, each header alone, file length", suite_includes),
    "format": ("clang-format", suite_format),
    "docs": ("generated pages are up to date", suite_docs),
    "unit": ("unit tests of all folders, release build", suite_unit),
    "transcripts": ("netsh sessions against expected output", suite_named("transcripts")),
    "cases": ("pcap in, pcap out through the pipeline", suite_cases),
    "interop-esp": ("scapy and tshark judge ESP and AH, each method and mode", suite_interop_esp),
    "interop-ike": ("strongSwan negotiates with the gateway and carries its traffic (root)",
                    suite_interop_ike),
    "interop-linux": ("ESP, AH and IKE against Linux in a virtual machine (root; fetches packages)",
                      suite_interop_linux),
    "eal": ("tests that start DPDK: rte_acl against the ordered scan, worker", suite_named("eal")),
    "slow": ("long-running meson tests", suite_named("slow")),
    "asan": ("all meson tests but the slow ones under AddressSanitizer, UBSan (clang)", suite_asan),
    "tsan": ("the threaded tests that need no EAL, under ThreadSanitizer (clang)", suite_tsan),
    "clang": ("plain clang build, warnings as errors, and its tests", suite_clang),
    "system": ("real daemon between network namespaces (root)", suite_system),
    "kill": ("kill -9 in a stream of commands; nothing acknowledged is lost (root)", suite_kill),
    "bench-smoke": ("the benchmarks run and print their tables", suite_bench_smoke),
    "tidy": ("clang-tidy on the product code", suite_tidy),
    "fuzz": ("libFuzzer targets, SECONDS each (default 10)", suite_fuzz),
    "rekey-load": ("traffic at full rate while IKE replaces its SAs, SECONDS (default 600)",
                   suite_rekey_load),
    "demo": ("tools/demo (root)", suite_demo),
}
# `unit` and `transcripts` are not in it because `asan` runs the same tests.
DEFAULT = ["includes", "format", "docs", "cases", "interop-esp", "interop-ike", "eal", "asan",
           "tsan", "system", "kill", "bench-smoke"]


def parse(arguments):
    suites = []
    while arguments:
        word = arguments.pop(0)
        if word == "--list":
            for name, (text, _) in SUITES.items():
                say(f"{name:13} {'*' if name in DEFAULT else ' '} {text}")
            say("* = part of `default`, which runs when no suite is named")
            sys.exit(0)
        elif word in ("-h", "--help"):
            say(__doc__.strip())
            sys.exit(0)
        elif word == "--build" and arguments and arguments[0] in BUILDS:
            OPTIONS["build"] = arguments.pop(0)
        elif word == "default":
            suites += DEFAULT
        elif word in SUITES:
            suites.append(word)
            if word in OPTIONS and arguments and arguments[0].isdigit():
                OPTIONS[word] = int(arguments.pop(0))
            elif word == "interop-ike" and arguments and arguments[0] == "--slow":
                OPTIONS["with-slow"] = bool(arguments.pop(0))
        else:
            say(f"tools/test: there is no suite or option '{word}'; tools/test --list names them")
            sys.exit(2)
    return suites or DEFAULT


def main():
    suites = parse(sys.argv[1:])
    os.chdir(ROOT)
    begun = time.monotonic()
    for name in suites:
        say(f"== {name}: {SUITES[name][0]}")
        started = time.monotonic()
        try:
            SUITES[name][1]()
        except (OSError, subprocess.SubprocessError) as problem:
            say(f"  FAIL {problem}")
            TALLY.add(name, str(problem), "failed")
        say(f"   {time.monotonic() - started:.0f} s")
    if TALLY.failures:
        say("failed:")
        for line in TALLY.failures:
            say(f"  {line}")
    say(f"all suites took {time.monotonic() - begun:.0f} s")
    skipped = f", {TALLY.skipped} skipped" if TALLY.skipped else ""
    say(f"{TALLY.passed} passed, {TALLY.failed} failed{skipped}")
    sys.exit(0 if TALLY.failed == 0 and TALLY.passed > 0 else 1)


if __name__ == "__main__":
    main()
