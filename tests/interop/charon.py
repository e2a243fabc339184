# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""strongSwan's daemon in a namespace, with files and sockets of its own, driven over VICI."""
import os
import pathlib
import socket
import subprocess
import time

import vici
import xfrm_kernel

PROGRAM = "/usr/sbin/charon-systemd"
START_SECONDS = 20
EVENTS = ("ike-updown", "child-updown", "ike-rekey", "child-rekey")

# What IKEv1 needs. kernel-netlink comes last: it does routes, and IPsec where nothing else does.
PLUGINS = ("random nonce openssl gcrypt pem pkcs1 pkcs8 x509 revocation constraints pubkey md5 sha1 "
           "sha2 hmac kdf aes gmp gcm socket-default vici")


def quoted(text):
    return '"' + str(text).replace('"', '\\"') + '"'


class Charon:
    """`data_plane`: "libipsec", its own in user space, or "netlink", which is xfrm_kernel.py's.
    `interface`, `addresses`: the wire of the namespace, for the latter."""

    def __init__(self, space, directory, *, data_plane="libipsec", interface=None, addresses=(),
                 shim=None, options=None, log_level=2):
        self.space = space
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data_plane = data_plane
        self.shim = shim
        self.kernel = None
        self.process = None
        self.commands = self.events = None
        self.connections = {}
        self.identity = None
        self.log_path = self.directory / "charon.log"
        self.socket_path = self.directory / "charon.vici"
        self._write_configuration(options or {}, log_level)
        if data_plane == "netlink":
            self.kernel = xfrm_kernel.XfrmKernel(self.directory / "xfrm.sock", space, interface,
                                                 addresses)

    def _write_configuration(self, options, log_level):
        plugins = PLUGINS + (" kernel-libipsec" if self.data_plane == "libipsec" else "")
        settings = {"retransmit_timeout": 1.0, "retransmit_tries": 3, "retransmit_base": 1.5,
                    "install_virtual_ip": "no", "threads": 16, **options}
        lines = [f"    {key} = {value}" for key, value in settings.items()]
        (self.directory / "strongswan.conf").write_text("\n".join([
            "charon-systemd {", f"    load = {plugins} kernel-netlink", *lines,
            "    plugins {", "        vici {",
            f"            socket = unix://{self.socket_path}", "        }", "    }",
            "    journal {", "        default = -1", "    }",
            "    filelog {", "        log {", f"            path = {quoted(self.log_path)}",
            f"            default = {min(log_level, 1)}", f"            ike = {log_level}",
            f"            chd = {log_level}",
            "            flush_line = yes", "        }", "    }", "}", ""]))

    def start(self):
        """Returns when charon has notified that it is ready."""
        notify = self.directory / "notify.sock"
        notify.unlink(missing_ok=True)
        environment = {**os.environ, "STRONGSWAN_CONF": str(self.directory / "strongswan.conf"),
                       "NOTIFY_SOCKET": str(notify)}
        words = ["ip", "netns", "exec", self.space.name]
        if self.kernel:
            words += ["env", f"LD_PRELOAD={self.shim}", f"PORTCULLIS_XFRM={self.kernel.path}"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, \
                (self.directory / "charon.out").open("ab") as output:
            listener.bind(str(notify))
            listener.settimeout(0.1)
            self.process = subprocess.Popen([*words, PROGRAM], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, env=environment,
                                            start_new_session=True)
            deadline = time.monotonic() + START_SECONDS
            while not self._ready(listener):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"charon does not start:\n{self.log()}")
        self.commands = vici.Connection(self.socket_path)
        self.events = vici.Connection(self.socket_path, EVENTS)
        return self

    @staticmethod
    def _ready(listener):
        try:
            return b"READY=1" in listener.recv(4096)
        except socket.timeout:
            return False

    def close(self):
        for one in (self.commands, self.events):
            if one:
                one.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.kernel:
            self.kernel.close()
            self.kernel = None

    def kill(self):
        """As a power failure would."""
        self.process.kill()
        self.process.wait()

    def log(self):
        return "".join(path.read_text(errors="replace")
                       for path in (self.directory / "charon.out", self.log_path) if path.exists())

    # --- Configuration

    def load_psk(self, secret):
        self.commands.request("load-shared", {"type": "IKE", "data": secret})

    def load_identity(self, identity, roots, intermediates=(), crls=()):
        """An RSA key with its certificate, and what a peer's certificate is judged by."""
        self.identity = identity
        self.commands.request("load-key", {"type": "rsa", "data": identity.key_pem})
        for kind, flag, certificates in (("X509", "NONE", [identity, *intermediates]),
                                         ("X509", "CA", roots)):
            for one in certificates:
                self.commands.request("load-cert", {"type": kind, "flag": flag, "data": one.pem})
        for crl in crls:
            self.commands.request("load-cert", {"type": "X509_CRL", "flag": "NONE", "data": crl})

    def forget(self):
        """All SAs, connections and secrets."""
        self.terminate_all()
        for name in self.connections:
            self.commands.request("unload-conn", {"name": name})
        self.connections = {}
        self.identity = None
        for command in ("clear-creds", "flush-certs"):
            self.commands.request(command)
        self.events.seen = []
        if self.kernel:
            self.kernel.errors.clear()

    def load(self, name, *, local, remote, children, proposals, **options):
        """One connection of IKEv1. `children`: by name."""
        connection = {"version": 1, "proposals": proposals, "keyingtries": 1, "rekey_time": 28800,
                      "unique": "replace", "local": local, "remote": remote, "children": children,
                      **options}
        self.commands.request("load-conn", {name: connection})
        self.connections[name] = connection

    # --- Actions and what came of them

    def initiate(self, child, seconds=20):
        """Main mode if there is none, and quick mode; an error says why it failed."""
        self.commands.request("initiate", {"child": child, "timeout": seconds * 1000})

    def initiate_main_mode(self, name, seconds=20):
        self.commands.request("initiate", {"ike": name, "timeout": seconds * 1000})

    def terminate(self, **what):
        """`ike`, `child`, `ike_id` or `child_id`."""
        self.commands.request("terminate", {key.replace("_", "-"): value
                                            for key, value in what.items()} | {"timeout": 10000})

    def terminate_all(self):
        for sa in self.sas():
            try:
                self.commands.request("terminate", {"ike-id": sa["uniqueid"], "force": "yes",
                                                    "timeout": 5000})
            except vici.ViciError:
                continue  # gone by itself meanwhile

    def rekey(self, **what):
        self.commands.request("rekey", {key.replace("_", "-"): value
                                        for key, value in what.items()})

    def sas(self):
        """Each main mode SA, with its quick mode SAs in child-sas."""
        return [content for message in self.commands.stream("list-sas", "list-sa")
                for content in message.values()]

    def children(self):
        return [child for sa in self.sas() for child in sa.get("child-sas", {}).values()]

    def wait(self, event, what, seconds=20.0, up=None):
        """The first event of that name, or of `up` and down."""
        return self.events.wait(
            lambda name, message: name == event and (up is None
                                                     or (message.get("up") == "yes") == up),
            what, seconds)
