#!/usr/bin/python3
"""kill -9 of the daemon at random moments in a stream of commands. After each restart every
acknowledged command is there, none is there in part, and none that was never sent.

usage: kill_test.py [ROUNDS]      default 200; the seed is printed, PORTCULLIS_SEED repeats a run"""

import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time

import support

ROUNDS = 200
# Each step has several rows behind it: a list and its filters, a policy and its default rule, a rule
# and its authentication methods. A half-done step would show.
PORTS = [{"name": "a", "device": "net_null0", "addresses": ["10.1.0.1/24"], "host_path": False}]


def commands(step):
    """The two commands of a step; the first also creates its filter list."""
    return (f"ipsec static add filter filterlist=list-{step:06} srcaddr=any dstaddr=10.9.0.1 "
            f"protocol=tcp dstport={1 + step % 60000} description=d{step}",
            f"ipsec static add policy name=policy-{step:06} description=d{step}")


def names_of(daemon):
    lists = {row["name"]: len(row["filters"])
             for row in rows_of(daemon, "filterlist all level=verbose", "filter_lists")}
    policies = {row["name"] for row in rows_of(daemon, "policy all", "policies")}
    return lists, policies


def rows_of(daemon, what, key):
    result = daemon.netsh("--json", "ipsec", "static", "show", *what.split(), check=False)
    # A store without such objects is an error by the rules of the language.
    if result.returncode == 1 and ("05067" in result.stdout or "05072" in result.stdout):
        return []
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)[key]


class Stream:
    """Sends commands and remembers which were acknowledged. Every second round one at a time, else
    as many as fit, so that the daemon commits them in groups."""

    def __init__(self, daemon, first, pipelined):
        self.connection = support.Connection(daemon.socket_path)
        self.next_step = first
        self.sent = []
        self.acknowledged = 0
        self.window = 64 if pipelined else 1
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            while True:
                while len(self.sent) - self.acknowledged < self.window:
                    for line in commands(self.next_step):
                        self.connection.send(line)
                        self.sent.append(line)
                    self.next_step += 1
                response = self.connection.receive()
                if response is None:
                    return
                if response["code"] != 0:
                    raise AssertionError(f"refused: {response}")
                if not response.get("more"):
                    self.acknowledged += 1
        except OSError:
            return

    def join(self):
        self.thread.join(30)
        # Acknowledgements that were already on their way when the daemon died count too.
        while (response := self.connection.receive()) is not None:
            if response["code"] == 0:
                self.acknowledged += 1
        self.connection.close()


def verify(daemon, stream):
    lists, policies = names_of(daemon)
    present = 0
    for index, line in enumerate(stream.sent):
        name = line.split("=")[1].split(" ")[0]
        there = name in lists if "filterlist=" in line else name in policies
        if there:
            assert index == present, f"'{line}' is there, an earlier command is not"
            present += 1
            if "filterlist=" in line:
                assert lists[name] == 1, f"{name} has {lists[name]} filters: half a command"
        else:
            assert index >= stream.acknowledged, f"'{line}' was acknowledged and is gone"
    known = {line.split("=")[1].split(" ")[0] for line in stream.sent}
    strangers = (set(lists) | policies) - known
    assert not strangers, f"never sent: {sorted(strangers)[:3]}"
    return present


def rounds_of(arguments):
    return int(arguments[0]) if arguments else int(os.environ.get("PORTCULLIS_KILL_ROUNDS", ROUNDS))


def main():
    rounds = rounds_of(sys.argv[1:])
    seed = int(os.environ.get("PORTCULLIS_SEED", random.randrange(1 << 30)))
    generator = random.Random(seed)
    print(f"seed {seed}, {rounds} rounds", flush=True)
    directory = tempfile.mkdtemp(prefix="portcullis-")
    prefix = f"pckill{os.getpid() % 100000}"
    daemon = support.Daemon(None, directory,
                            support.gateway_toml(directory, prefix, PORTS, memory_mb=64, mbufs=2048))
    acknowledged = extra = failed = step = 0
    started = time.monotonic()
    try:
        daemon.start()
        for number in range(rounds):
            daemon.netsh("ipsec", "static", "delete", "all")
            stream = Stream(daemon, step, pipelined=number % 2 == 1)
            time.sleep(generator.uniform(0.0, 0.15))
            daemon.kill()
            stream.join()
            step = stream.next_step
            daemon.start()
            try:
                present = verify(daemon, stream)
                acknowledged += stream.acknowledged
                extra += present - stream.acknowledged
                print(f"PASS kill {number}: {stream.acknowledged} acknowledged, {present} present, "
                      f"{len(stream.sent)} sent", flush=True)
            except AssertionError as problem:
                failed += 1
                print(f"FAIL kill {number}: {problem}", flush=True)
        support.figure(f"{rounds} kills in {time.monotonic() - started:.0f} s: {acknowledged} "
                       f"acknowledged commands, all there; {extra} done but not yet acknowledged; "
                       f"{failed} rounds failed")
    finally:
        daemon.close()
        shutil.rmtree(directory, True)
        shutil.rmtree(f"/var/run/dpdk/{prefix}", True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
