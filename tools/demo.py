"""The demo that tools/demo runs: two hosts and the gateway between them, then two gateways with a
tunnel between them (demo_tunnel.py), in network namespaces, driven through netsh only. Prints a
table of what was tried; exits 0 if every row passed."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "system"))
import demo_tunnel  # noqa: E402  (imports what is found through the line above)
import support  # noqa: E402
from demo_report import ROWS, balance_row, heading, netsh, row, say  # noqa: E402
from support import A4, B4, B6, GW_A4  # noqa: E402


def brief(text):
    """Of a listing in blocks: what the demo speaks of."""
    return re.match(r"(Description|Protocol|Destination Port|Rule Name|Outbound Action|Packets|Port"
                    r"|Device|Missed by Device)\b", text)


class Flow:
    """An iperf3 TCP connection from A to B that lasts for the whole demo."""

    def __init__(self, lab):
        self.log = pathlib.Path(lab.directory) / "iperf3.log"
        lab.b.start("iperf3", "-s", "-1", "-B", B4)
        support.wait_until(lambda: ":5201" in lab.b.run("ss", "-ltn").stdout, "iperf3 listens")
        with self.log.open("wb") as sink:
            self.process = lab.a.start("iperf3", "-c", B4, "-t", "120", "-b", "40M", "-i", "0.5",
                                       "--forceflush", stdout=sink, stderr=subprocess.STDOUT)

    def intervals(self):
        """Mbit/s of each half second so far."""
        text = self.log.read_text(errors="replace")
        rates = re.findall(r"sec\s+[\d.]+ [KMG]?Bytes\s+([\d.]+) ([KMG]?)bits/sec", text)
        return [float(value) * {"": 1e-6, "K": 1e-3, "M": 1, "G": 1e3}[unit]
                for value, unit in rates]

    def wait_for(self, count):
        seen = len(self.intervals())
        support.wait_until(lambda: len(self.intervals()) >= seen + count or self.ended(),
                           "iperf3 reports", 20)

    def ended(self):
        return self.process.poll() is not None


def start_listener(lab):
    """A listener on TCP 22 in the gateway's namespace: sshd if it is installed."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
    if sshd:
        key = pathlib.Path(lab.directory) / "host_key"
        support.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        lab.gateway.start(sshd, "-D", "-e", "-f", "/dev/null", "-h", key, "-p", "22",
                          "-o", f"PidFile={lab.directory}/sshd.pid")
        name = "sshd"
    else:
        program = ("import socket\n"
                   "server = socket.create_server(('0.0.0.0', 22))\n"
                   "while True:\n"
                   "    peer, _ = server.accept()\n"
                   "    peer.sendall(b'SSH-2.0-stand-in\\r\\n')\n"
                   "    peer.close()\n")
        lab.gateway.start("/usr/bin/python3", "-c", program)
        name = "a Python TCP server on port 22 (sshd is not installed)"
    support.wait_until(lambda: re.search(r":22\s", lab.gateway.run("ss", "-ltn").stdout),
                       "the listener on port 22")
    return name


def ssh_answers(lab):
    program = ("import socket,sys\n"
               f"s = socket.create_connection(('{GW_A4}', 22), 2)\n"
               "s.settimeout(2)\n"
               "sys.exit(0 if s.recv(100).startswith(b'SSH-') else 1)\n")
    return lab.a.run("/usr/bin/python3", "-c", program, check=False).returncode == 0


def transit(lab):
    heading("1. No policy is assigned: everything passes")
    row("curl A -> B, IPv4", lab.curl(B4))
    row("curl A -> B, IPv6", lab.curl(B6))
    row("ping A -> B, IPv4", (got := lab.ping(B4, 5)) == 5, f"{got} of 5")
    row("ping A -> B, IPv6", (got := lab.ping(B6, 5)) == 5, f"{got} of 5")
    flow = Flow(lab)
    flow.wait_for(3)
    row("iperf3 A -> B runs", not flow.ended(), f"{flow.intervals()[-1]:.0f} Mbit/s")

    heading("2. A policy blocks HTTP and ping while iperf3 runs")
    for line in ("ipsec static add filterlist name=web",
                 "ipsec static add filter filterlist=web srcaddr=any dstaddr=any protocol=tcp "
                 "dstport=8000 description=http",
                 "ipsec static add filter filterlist=web srcaddr=any dstaddr=any protocol=icmp "
                 "description=ping",
                 "ipsec static add filteraction name=deny action=block",
                 "ipsec static add policy name=demo",
                 "ipsec static add rule name=web policy=demo filterlist=web filteraction=deny",
                 "ipsec static set policy name=demo assign=yes"):
        netsh(lab, line)
    row("curl A -> B, IPv4, blocked", not lab.curl(B4))
    row("curl A -> B, IPv6, blocked", not lab.curl(B6))
    row("ping A -> B, IPv4, blocked", (got := lab.ping(B4, 3)) == 0, f"{got} of 3")
    row("ping A -> B, IPv6, blocked", (got := lab.ping(B6, 3)) == 0, f"{got} of 3")
    netsh(lab, "ipsec dynamic show qmfilter all", show=brief)
    filters = lab.daemon.hits()
    row("hit counters of the filters", all(filters.get(name, 0) > 0 for name in ("http", "ping")),
        ", ".join(f"{name} {count}" for name, count in filters.items()))

    heading("3. Fifty rule changes under the flow, then HTTP and ping permitted again")
    for number in range(25):
        line = (f"ipsec static {{}} filter filterlist=web srcaddr=any dstaddr=198.51.100.{number} "
                "protocol=udp dstport=9")
        lab.daemon.netsh(*support.shell_words(line.format("add")))
        lab.daemon.netsh(*support.shell_words(line.format("delete")))
    netsh(lab, "ipsec static delete rule name=web policy=demo")
    row("curl A -> B, IPv4, permitted again", lab.curl(B4))
    row("curl A -> B, IPv6, permitted again", lab.curl(B6))
    row("ping A -> B, IPv4, permitted again", (got := lab.ping(B4, 5)) == 5, f"{got} of 5")
    row("ping A -> B, IPv6, permitted again", (got := lab.ping(B6, 5)) == 5, f"{got} of 5")
    flow.wait_for(2)
    rates = flow.intervals()
    row("iperf3 never stopped", not flow.ended() and min(rates) > 0,
        f"{len(rates) / 2:.0f} s, lowest half second {min(rates):.1f} Mbit/s")
    support.end_process(flow.process)


def own_traffic(lab):
    heading("4. The gateway's own traffic goes through the same filters")
    name = start_listener(lab)
    say(f"    the listener is {name}")
    for line in ("ipsec static add filterlist name=me-in",
                 "ipsec static add filter filterlist=me-in srcaddr=any dstaddr=me "
                 "description=everything-to-me",
                 "ipsec static add filterlist name=ssh",
                 "ipsec static add filter filterlist=ssh srcaddr=any dstaddr=me protocol=tcp "
                 "dstport=22 description=ssh",
                 "ipsec static add filteraction name=allow action=permit",
                 "ipsec static add rule name=me-in policy=demo filterlist=me-in filteraction=deny",
                 "ipsec static add rule name=ssh policy=demo filterlist=ssh filteraction=allow"):
        netsh(lab, line)
    row("permit me tcp 22: it answers", ssh_answers(lab))
    row("the rest of me is blocked: ping to the gateway", (got := lab.ping(GW_A4, 2)) == 0,
        f"{got} of 2")
    netsh(lab, "ipsec static set rule name=ssh policy=demo filteraction=deny")
    row("block me tcp 22: it does not answer", not ssh_answers(lab))
    netsh(lab, "ipsec static set policy name=demo assign=no")
    row("policy unassigned: it answers", ssh_answers(lab))
    row("policy unassigned: ping to the gateway", (got := lab.ping(GW_A4, 3)) == 3, f"{got} of 3")


def counters(lab):
    heading("5. What the gateway saw")
    netsh(lab, "ipsec dynamic show ports", show=brief)
    netsh(lab, "ipsec dynamic show drops", show=lambda text: re.match(r"[1-9]", text))
    with contextlib.suppress(AssertionError):
        support.wait_until(lab.daemon.conserved, "both sides are equal", 3)
    balance_row("what came in = what became of it", lab.daemon)
    row("the daemon stops cleanly", lab.daemon.stop() == 0)


def main():
    if os.geteuid() != 0:
        sys.exit("tools/demo: network namespaces need root")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("tools/demo: interrupted"))
    started = time.monotonic()
    say(f"host A {A4} -- gateway -- host B {B4}, each in a network namespace, net_af_packet ports")
    lab = support.Lab(prefix="pc-demo")
    with lab:
        lab.daemon.start()
        lab.web_server(lab.b, B4)
        lab.web_server(lab.b, B6)
        try:
            for step in (transit, own_traffic, counters):
                step(lab)
        except Exception as problem:
            say(f"\n{problem}\n--- the daemon's log\n{lab.daemon.log()}")
            row("the demo ran to its end", False, type(problem).__name__)
    labs = (lab, demo_tunnel.run())
    left = [name for one in labs for name in one.names if pathlib.Path("/run/netns", name).exists()]
    left += [one.directory for one in labs if pathlib.Path(one.directory).exists()]
    row("nothing is left behind", not left, " ".join(left))
    say("\n" + "=" * 78)
    for what, good, seen in ROWS:
        say(f"{'PASS' if good else 'FAIL'}  {what:<52} {seen}")
    say("=" * 78)
    failed = sum(not good for _, good, _ in ROWS)
    say(f"{len(ROWS) - failed} of {len(ROWS)} rows passed in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
