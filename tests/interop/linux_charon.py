# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""strongSwan's daemon in the guest. Its ESP and AH are those of the guest's kernel."""
import charon
import vici
from ike_lab import support

PORT = 4502
SETTINGS = f"""
charon {{
    load = {charon.PLUGINS} kernel-netlink
    retransmit_timeout = 1.0
    retransmit_tries = 4
    retransmit_base = 1.5
    install_virtual_ip = no
    plugins {{
        vici {{
            socket = tcp://0.0.0.0:{PORT}
        }}
    }}
    filelog {{
        stderr {{
            default = 1
            ike = 2
            chd = 2
            flush_line = yes
        }}
    }}
}}
"""
LOG = "/tmp/charon.log"


class GuestCharon(charon.Charon):
    """`space`, `address`: from where the guest's second interface is reached, and where it is."""

    def __init__(self, guest, space, address):
        self.guest = guest
        self.space = space
        self.address = address
        self.kernel = self.process = self.commands = self.events = self.identity = None
        self.connections = {}

    def start(self):
        self.guest.write("/etc/strongswan.conf", SETTINGS)
        self.guest.run(f"/usr/lib/ipsec/charon > {LOG} 2>&1 & echo $! > /tmp/charon.pid")
        self.commands = support.wait_until(self._connected, "charon in the guest answers", 60)
        self.events = self._connected(charon.EVENTS)
        return self

    def _connected(self, events=()):
        try:
            with self.space.entered():
                return vici.Connection((self.address, PORT), events)
        except OSError:
            return None

    def kill(self):
        self.guest.run("kill -9 $(cat /tmp/charon.pid); rm -f /var/run/charon.*")

    def close(self):
        for one in (self.commands, self.events):
            if one:
                one.close()

    def log(self):
        return self.guest.run(f"cat {LOG}")
