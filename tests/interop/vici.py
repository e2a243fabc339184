# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""strongSwan's control protocol VICI: commands, and events to wait for."""
import contextlib
import select
import socket
import struct
import time

CMD_REQUEST, CMD_RESPONSE, EVENT_REGISTER, EVENT_UNREGISTER, EVENT_CONFIRM, EVENT = 0, 1, 3, 4, 5, 7
SECTION_START, SECTION_END, KEY_VALUE, LIST_START, LIST_ITEM, LIST_END = range(1, 7)


class ViciError(Exception):
    """charon refused a command."""


def _short(text):
    data = text.encode()
    return bytes([len(data)]) + data


def _long(value):
    data = value if isinstance(value, bytes) else str(value).encode()
    return struct.pack("!H", len(data)) + data


def encode(message):
    """A dictionary of strings, numbers, bytes, lists and dictionaries."""
    out = b""
    for key, value in message.items():
        if isinstance(value, dict):
            out += bytes([SECTION_START]) + _short(key) + encode(value) + bytes([SECTION_END])
        elif isinstance(value, (list, tuple)):
            items = b"".join(bytes([LIST_ITEM]) + _long(item) for item in value)
            out += bytes([LIST_START]) + _short(key) + items + bytes([LIST_END])
        else:
            out += bytes([KEY_VALUE]) + _short(key) + _long(value)
    return out


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at].decode(errors="replace")

    def short(self):
        return self.take(self.byte())

    def long(self):
        length = struct.unpack_from("!H", self.data, self.at)[0]
        self.at += 2
        return self.take(length)

    def section(self):
        result = {}
        while self.at < len(self.data):
            kind = self.byte()
            if kind == SECTION_END:
                break
            key = self.short()
            if kind == SECTION_START:
                result[key] = self.section()
            elif kind == KEY_VALUE:
                result[key] = self.long()
            elif kind == LIST_START:
                result[key] = items = []
                while self.byte() == LIST_ITEM:
                    items.append(self.long())
            else:
                raise ViciError(f"element of type {kind}")
        return result


def decode(data):
    return _Reader(data).section()


class Connection:
    """One connection; it sees the events it has registered for, in order. `address`: a path, or an
    IPv4 address with a port."""

    def __init__(self, address, events=()):
        remote = isinstance(address, tuple)
        self.socket = socket.socket(socket.AF_INET if remote else socket.AF_UNIX,
                                    socket.SOCK_STREAM)
        self.socket.connect(address if remote else str(address))
        self.socket.settimeout(30)
        self.seen = []  # (name, message) of each event not yet taken
        for name in events:
            self._send(bytes([EVENT_REGISTER]) + _short(name))
            kind, _ = self._receive()
            if kind != EVENT_CONFIRM:
                raise ViciError(f"there is no event {name}")

    def _send(self, packet):
        self.socket.sendall(struct.pack("!L", len(packet)) + packet)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ViciError("charon has closed the connection")
            data += piece
        return data

    def _receive(self):
        """The next packet that is not an event."""
        while True:
            packet = self._exactly(struct.unpack("!L", self._exactly(4))[0])
            if packet[0] != EVENT:
                return packet[0], packet[1:]
            self._keep(packet)

    def _keep(self, packet):
        length = packet[1]
        self.seen.append((packet[2:2 + length].decode(), decode(packet[2 + length:])))

    def request(self, command, message=None):
        self._send(bytes([CMD_REQUEST]) + _short(command) + encode(message or {}))
        kind, body = self._receive()
        if kind != CMD_RESPONSE:
            raise ViciError(f"charon does not know {command}")
        answer = decode(body)
        if answer.get("success", "yes") != "yes":
            raise ViciError(f"{command}: {answer.get('errmsg', answer)}")
        return answer

    def stream(self, command, event, message=None):
        """What a listing command says by events."""
        self._send(bytes([EVENT_REGISTER]) + _short(event))
        self._receive()
        self.seen = []
        self.request(command, message)
        self._send(bytes([EVENT_UNREGISTER]) + _short(event))
        self._receive()
        return [content for name, content in self.seen if name == event]

    def wait(self, matches, what, seconds=20.0):
        """The first event kept or coming for which matches(name, message) is true."""
        deadline = time.monotonic() + seconds
        while True:
            while self.seen:
                name, message = self.seen.pop(0)
                if matches(name, message):
                    return message
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise AssertionError(f"charon: {what}: not within {seconds} s")
            self._keep(self._exactly(struct.unpack("!L", self._exactly(4))[0]))

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()
