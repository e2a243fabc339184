"""Hosts, gateway and packets for tests/system and tools/demo.

A Lab is two hosts in network namespaces with the gateway's namespace between them:

    A 10.1.0.2, fd00:1::2  --- port a [gateway] port b ---  B 10.2.0.2, fd00:2::2
                               10.1.0.1    10.2.0.1
                               fd00:1::1   fd00:2::1

Everything a Lab makes (namespaces, processes, files, DPDK's run-time directory) is gone when it is
closed, also after an exception or a signal.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAMS = pathlib.Path(os.environ.get("PORTCULLIS_PROGRAMS", ROOT / "build"))
START_SECONDS = 30
STOP_SECONDS = 20

A4, B4, GW_A4, GW_B4 = "10.1.0.2", "10.2.0.2", "10.1.0.1", "10.2.0.1"
A6, B6, GW_A6, GW_B6 = "fd00:1::2", "fd00:2::2", "fd00:1::1", "fd00:2::1"
MAC = {"a": "02:00:00:00:0a:02", "b": "02:00:00:00:0b:02",
       "gwa": "02:00:00:00:0a:01", "gwb": "02:00:00:00:0b:01"}


# http.server as a module would ask the DNS for the name of its own address, and nobody answers here.
WEB_SERVER = """
import functools, http.server, socket, socketserver, sys
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[3])
Server((sys.argv[1], int(sys.argv[2])), handler).serve_forever()
"""


def run(*words, check=True, timeout=60, **keywords):
    """A command with its output captured; an error shows the output."""
    result = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=timeout, check=False,
                            **keywords)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))} failed with {result.returncode}:\n"
                             f"{result.stdout}{result.stderr}")
    return result


def wait_until(condition, what, seconds=10.0):
    """Polls `condition` until it is true; the deadline only ends a test that has failed anyway."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


class Namespace:
    """A network namespace; programs run in it with run() and start()."""

    def __init__(self, name):
        self.name = name
        self.processes = []
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *words, **keywords):
        return run("ip", "netns", "exec", self.name, *words, **keywords)

    def start(self, *words, **keywords):
        """A background process; close() ends it."""
        keywords.setdefault("stdin", subprocess.DEVNULL)
        keywords.setdefault("stdout", subprocess.DEVNULL)
        keywords.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, words)],
                                   start_new_session=True, **keywords)
        self.processes.append(process)
        return process

    def sysctl(self, key, value):
        self.run("sysctl", "-qw", f"{key}={value}")

    @contextlib.contextmanager
    def entered(self):
        """The calling thread works in this namespace; a socket made here stays in it."""
        with open("/proc/self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.name}", "rb") as target:
            if _libc.setns(target.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {self.name}")
            try:
                yield
            finally:
                _libc.setns(home.fileno(), _CLONE_NEWNET)

    def close(self):
        for process in self.processes:
            end_process(process)
        run("ip", "netns", "del", self.name, check=False)


def end_process(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


class Wire:
    """Raw frames on one interface of a namespace."""

    def __init__(self, namespace, interface):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.bind((interface, 0))

    def send(self, frame):
        self.socket.send(bytes(frame))

    def drain(self):
        """Throws away what has arrived."""
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(65536)

    def frames(self, seconds):
        """Frames that others sent, until `seconds` have passed."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return
            data, address = self.socket.recvfrom(65536)
            if address[2] != socket.PACKET_OUTGOING:
                yield data

    def find(self, matches, seconds=3.0):
        """The first frame, as a scapy packet, for which `matches` is true; None after `seconds`."""
        from scapy.layers.l2 import Ether
        for data in self.frames(seconds):
            packet = Ether(data)
            if matches(packet):
                return packet
        return None

    def close(self):
        self.socket.close()


class Daemon:
    """portcullisd with its own state directory, socket and DPDK run-time name."""

    def __init__(self, namespace, directory, toml):
        self.namespace = namespace
        self.directory = pathlib.Path(directory)
        self.config = self.directory / "gateway.toml"
        self.socket_path = self.directory / "control.sock"
        self.log_path = self.directory / "portcullisd.log"
        self.config.write_text(toml)
        self.process = None

    def start(self):
        """Returns when the daemon has notified that it is ready, as systemd would wait for it."""
        notify = self.directory / "notify.sock"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, \
                self.log_path.open("ab") as log:
            listener.bind(str(notify))
            listener.settimeout(0.1)
            words = [str(PROGRAMS / "portcullisd"), "--config", str(self.config)]
            if self.namespace is not None:
                words = ["ip", "netns", "exec", self.namespace.name, *words]
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "NOTIFY_SOCKET": str(notify)})
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                try:
                    if b"READY=1" in listener.recv(4096):
                        return self
                except socket.timeout:
                    pass
                if self.process.poll() is not None:
                    raise AssertionError(
                        f"the daemon ended with {self.process.returncode}:\n{self.log()}")
        raise AssertionError(f"the daemon did not get ready:\n{self.log()}")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def netsh(self, *words, check=True, timeout=60):
        return run(PROGRAMS / "netsh", "--socket", self.socket_path, *words, check=check,
                   timeout=timeout)

    def static(self, line):
        """One command of the static context, as typed at a shell."""
        return self.netsh("ipsec", "static", *shell_words(line))

    def dynamic(self, line):
        return self.netsh("ipsec", "dynamic", *shell_words(line))

    def json(self, line):
        return json.loads(self.netsh("--json", "ipsec", *shell_words(line)).stdout)

    def gateway(self):
        """The gateway's part of show stats."""
        return self.json("dynamic show stats")["gateway"][0]

    def drops(self):
        """Packets dropped, by reason."""
        return {row["reason"]: row["packets"]
                for row in self.json("dynamic show drops")["drops"]}

    def hits(self):
        """Packets that the filters in force have decided, summed by their description."""
        sums = {}
        for row in self.json("dynamic show qmfilter all")["qm_filters"]:
            sums[row["description"]] = sums.get(row["description"], 0) + row["packets"]
        return sums

    def balance(self):
        """What came in and what became of it; equal sums unless packets are on their way."""
        gateway, ports = self.gateway(), self.json("dynamic show ports")["ports"]
        came = {"received": sum(port["rx_packets"] for port in ports),
                "injected": gateway["injected"]}
        went = {"transmitted": sum(port["tx_packets"] for port in ports),
                "dropped": gateway["dropped"], "to control": gateway["to_control"],
                "held": gateway["held"], "merged": gateway["merged"]}
        return came, went

    def conserved(self):
        came, went = self.balance()
        return sum(came.values()) == sum(went.values())

    def stop(self):
        """SIGTERM, as systemd stops it. Returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"the daemon did not stop within {STOP_SECONDS} s:\n{self.log()}") from None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
                try:
                    self.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self.process.kill()
            self.process.wait()


def shell_words(line):
    import shlex
    return shlex.split(line)


class Connection:
    """The control socket itself, for tests that must know which command was acknowledged."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.buffer = b""
        self.sent = 0

    def send(self, line, **members):
        self.sent += 1
        body = json.dumps({"id": self.sent, "line": line, **members}).encode()
        self.socket.sendall(struct.pack(">I", len(body)) + body)
        return self.sent

    def receive(self):
        """The next response; None when the daemon is gone."""
        while True:
            if len(self.buffer) >= 4:
                length = struct.unpack(">I", self.buffer[:4])[0]
                if len(self.buffer) >= 4 + length:
                    body = self.buffer[4:4 + length]
                    self.buffer = self.buffer[4 + length:]
                    return json.loads(body)
            try:
                data = self.socket.recv(65536)
            except OSError:
                return None
            if not data:
                return None
            self.buffer += data

    def close(self):
        self.socket.close()


def toml_list(values):
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def toml_pair(key, value):
    if isinstance(value, bool):
        return f"{key} = {'true' if value else 'false'}"
    if isinstance(value, int):
        return f"{key} = {value}"
    if isinstance(value, (list, tuple)):
        return f"{key} = {toml_list(value)}"
    return f'{key} = "{value}"'


def gateway_toml(directory, prefix, ports, routes=(), memory_mb=512, mbufs=16384, ike=None):
    """`ports`: dictionaries of the keys of [[port]]; `ike`: of those of [ike]."""
    lines = [
        "[gateway]",
        f'control_socket = "{directory}/control.sock"',
        'control_group = ""',
        f'state_directory = "{directory}/state"',
        "",
        "[eal]",
        f"memory_mb = {memory_mb}",
        f"mbufs = {mbufs}",
        "hugepages = false",
        f'file_prefix = "{prefix}"',
        "",
    ]
    for port in ports:
        lines.append("[[port]]")
        lines += [toml_pair(key, value) for key, value in port.items()]
        lines.append("")
    if ike is not None:
        lines += ["[ike]", *[toml_pair(key, value) for key, value in ike.items()], ""]
    for destination, via in routes:
        lines += ["[[route]]", f'destination = "{destination}"', f'via = "{via}"', ""]
    return "\n".join(lines)


def af_xdp(number, interface):
    # The kernel's af_packet fan-out, which DPDK always asks for, reassembles IPv4 fragments before
    # anybody sees them. AF_XDP does not.
    return f"net_af_xdp{number},iface={interface},force_copy=1"


def af_packet(number, interface):
    # A long ring: a busy machine that does not schedule the worker for a while must not lose frames.
    return f"net_af_packet{number},iface={interface},framecnt=4096,qdisc_bypass=1"


def connect(left, inner, right, outer):
    """A cable between two namespaces; MAC names both ends."""
    run("ip", "-n", left.name, "link", "add", "name", inner, "address", MAC[inner], "type", "veth",
        "peer", "name", outer, "address", MAC[outer], "netns", right.name)
    for space, interface in ((left, inner), (right, outer)):
        # A veth pair never computes checksums and passes 64 KB segments unless told not to.
        space.run("ethtool", "-K", interface, "tx", "off", "rx", "off", "tso", "off",
                  "gso", "off", "gro", "off", "sg", "off")


class Lab:
    """Hosts A and B, the gateway between them and its daemon. Use it in a with statement."""

    def __init__(self, names=("a", "gw", "b"), prefix=None, routed=True, ports=None,
                 device=af_packet):
        self.tag = prefix or f"pc{os.getpid() % 100000}"
        self.stack = contextlib.ExitStack()
        self.names = [f"{self.tag}-{name}" for name in names]
        self.file_prefix = f"{self.tag}-{random.randrange(1 << 30):x}"
        self.routed = routed
        self.port_options = ports or {}
        self.device = device
        self.daemon = None

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *exception):
        self.stack.close()

    def _build(self):
        self.stack.callback(shutil.rmtree, f"/var/run/dpdk/{self.file_prefix}", True)
        self.directory = tempfile.mkdtemp(prefix="portcullis-")
        self.stack.callback(shutil.rmtree, self.directory, True)
        spaces = self._namespaces()
        self.a, self.gateway, self.b = spaces
        self._gateway_settings()
        self._link(self.a, "a", "gwa", A4, A6, GW_A4, GW_A6)
        self._link(self.b, "b", "gwb", B4, B6, GW_B4, GW_B6)
        self.daemon = Daemon(self.gateway, self.directory, self.toml())
        self.stack.callback(self.daemon.close)

    def _namespaces(self):
        for name in self.names:  # left by a run that was killed with SIGKILL
            run("ip", "netns", "del", name, check=False)
        spaces = []
        for name in self.names:
            space = Namespace(name)
            self.stack.callback(space.close)
            spaces.append(space)
        return spaces

    def _gateway_settings(self):
        # The kernel of this namespace must not forward beside the daemon. Everything else that keeps
        # it away from the ports' frames is the daemon's own doing and under test.
        self.gateway.sysctl("net.ipv4.conf.all.forwarding", 0)
        self.gateway.sysctl("net.ipv6.conf.default.accept_dad", 0)

    def _link(self, host, inner, outer, address4, address6, gateway4, gateway6):
        connect(host, inner, self.gateway, outer)
        run("ip", "-n", self.gateway.name, "link", "set", "dev", outer, "up")
        if not self.routed:  # both hosts in one network
            last = 2 if inner == "a" else 3
            address4, address6 = f"10.1.0.{last}", f"fd00:1::{last}"
        run("ip", "-n", host.name, "addr", "add", f"{address4}/24", "dev", inner)
        run("ip", "-n", host.name, "addr", "add", f"{address6}/64", "dev", inner, "nodad")
        mtu = self.port_options.get(inner, {}).get("mtu", 1500)
        run("ip", "-n", host.name, "link", "set", "dev", inner, "mtu", mtu, "up")
        if self.routed:
            run("ip", "-n", host.name, "route", "add", "default", "via", gateway4)
            run("ip", "-n", host.name, "-6", "route", "add", "default", "via", gateway6)

    def toml(self):
        ports = [
            {"name": "a", "device": self.device(0, "gwa"),
             "addresses": [f"{GW_A4}/24", f"{GW_A6}/64"]},
            {"name": "b", "device": self.device(1, "gwb"),
             "addresses": [f"{GW_B4}/24", f"{GW_B6}/64"]},
        ]
        if not self.routed:
            for port, other in ((ports[0], "b"), (ports[1], "a")):
                del port["addresses"]
                port["pair"] = other
        for port in ports:
            port.update(self.port_options.get(port["name"], {}))
        return gateway_toml(self.directory, self.file_prefix, ports)

    def ping(self, address, count=3, namespace=None, *words):
        """How many of `count` echo requests were answered. `words`: more for ping."""
        result = (namespace or self.a).run("ping", "-n", "-i", "0.05", "-W", "1", "-c", count,
                                           *words, address, check=False)
        for line in result.stdout.splitlines():
            if "received" in line:
                return int(line.split(" received")[0].split()[-1])
        return 0

    def web_server(self, namespace, address, port=8000):
        """Serves one page; returns when it accepts connections."""
        page = pathlib.Path(self.directory) / "www"
        page.mkdir(exist_ok=True)
        (page / "index.html").write_text("portcullis demo page\n")
        namespace.start("/usr/bin/python3", "-c", WEB_SERVER, address, port, page)
        host = f"[{address}]" if ":" in address else address
        wait_until(lambda: namespace.run("curl", "-s", "-m", "2", f"http://{host}:{port}/",
                                         check=False).returncode == 0, "the web server answers")

    def curl(self, address, port=8000, namespace=None, seconds=2):
        """True if the page came."""
        host = f"[{address}]" if ":" in address else address
        result = (namespace or self.a).run("curl", "-s", "-m", seconds, f"http://{host}:{port}/",
                                           check=False)
        return result.returncode == 0 and "portcullis" in result.stdout

    def block_policy(self, *filters, action="block"):
        """Assigns a policy named p that blocks what the filters (arguments of add filter) say. To
        negotiate it has a pre-shared key."""
        self.daemon.static("delete all")
        self.daemon.static("add filterlist name=l")
        for words in filters:
            self.daemon.static(f"add filter filterlist=l {words}")
        self.daemon.static(f"add filteraction name=act action={action}")
        self.daemon.static("add policy name=p assign=yes")
        key = "psk=secret" if action == "negotiate" else ""
        self.daemon.static(f"add rule name=r policy=p filterlist=l filteraction=act {key}")


CASES = []


def case(function):
    """A test case; its name is the function's with blanks."""
    CASES.append(function)
    return function


def figure(text):
    """A measured number that the closing summary repeats."""
    print(f"figure: {text}", flush=True)


def main(*fixtures):
    """Runs the cases, or those whose name contains a word of the command line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    words = sys.argv[1:]
    failed = 0
    for function in CASES:
        name = function.__name__.replace("_", " ")
        if words and not any(word in name for word in words):
            continue
        started = time.monotonic()
        try:
            function(*fixtures)
            print(f"PASS {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {name}", flush=True)
            traceback.print_exc(file=sys.stdout)
        print(f"     {time.monotonic() - started:.1f} s", flush=True)
    return 1 if failed else 0
