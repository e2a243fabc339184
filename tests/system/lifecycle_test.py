#!/usr/bin/python3
"""Start, stop and refusal of the daemon, with ports that need no wire."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import sys
import tempfile

import support
from support import case

PORTS = [
    {"name": "a", "device": "net_null0", "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
     "host_path": False},
    {"name": "b", "device": "net_null1", "addresses": ["10.2.0.1/24"], "host_path": False},
]


@contextlib.contextmanager
def box(toml=None):
    """A directory with a configured, not yet started daemon."""
    directory = tempfile.mkdtemp(prefix="portcullis-")
    prefix = f"pclife{os.getpid() % 100000}"
    daemon = support.Daemon(None, directory,
                            toml or support.gateway_toml(directory, prefix, PORTS, memory_mb=64, mbufs=2048))
    try:
        yield daemon
    finally:
        daemon.close()
        shutil.rmtree(directory, True)
        shutil.rmtree(f"/var/run/dpdk/{prefix}", True)


def check_file(toml):
    with box(toml) as daemon:
        return support.run(support.PROGRAMS / "portcullisd", "--check", "--config", daemon.config,
                           check=False)


@case
def check_accepts_the_example_file():
    result = support.run(support.PROGRAMS / "portcullisd", "--check", "--config",
                         support.ROOT / "docs" / "gateway.example.toml", check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@case
def check_names_line_and_key_of_every_error():
    with box() as daemon:
        text = daemon.config.read_text()
    text = text.replace('name = "b"', 'name = "b"\nmtu = 12\ncolour = "red"')
    text = text.replace('"10.1.0.1/24"', '"10.1.0.300/24"')
    lines = text.splitlines()
    result = check_file(text)
    output = result.stdout + result.stderr
    assert result.returncode != 0
    for key, fragment in (("mtu", "mtu = 12"), ("colour", 'colour = "red"'),
                          ("addresses", "10.1.0.300")):
        number = next(i for i, line in enumerate(lines, 1) if fragment in line)
        assert any(f":{number}:" in line and key in line for line in output.splitlines()), (
            f"no error for line {number}, key {key}:\n{output}")


@case
def check_refuses_what_is_not_toml():
    result = check_file("[[port]\nname = \n")
    assert result.returncode != 0
    assert "gateway.toml:1" in result.stdout + result.stderr


@case
def a_missing_file_is_one_clear_line():
    result = support.run(support.PROGRAMS / "portcullisd", "--config", "/nonexistent/gateway.toml",
                         check=False)
    output = (result.stdout + result.stderr).strip()
    assert result.returncode != 0
    assert "/nonexistent/gateway.toml" in output and len(output.splitlines()) == 1, output


@case
def a_device_that_does_not_exist_is_named():
    with box() as daemon:
        daemon.config.write_text(daemon.config.read_text().replace("net_null1", "net_nosuch1"))
        result = support.run(support.PROGRAMS / "portcullisd", "--config", daemon.config,
                             check=False)
        assert result.returncode != 0
        assert "net_nosuch1" in result.stdout + result.stderr


@case
def sigterm_stops_cleanly_and_leaves_nothing_behind():
    with box() as daemon:
        before = set(os.listdir("/dev/hugepages")) if os.path.isdir("/dev/hugepages") else set()
        daemon.start()
        assert daemon.socket_path.exists()
        daemon.netsh("ipsec", "static", "add", "filterlist", "name=kept")
        assert daemon.stop() == 0, daemon.log()
        assert not daemon.socket_path.exists()
        after = set(os.listdir("/dev/hugepages")) if os.path.isdir("/dev/hugepages") else set()
        assert after <= before
        daemon.start()
        assert "kept" in daemon.netsh("ipsec", "static", "show", "filterlist", "all").stdout
        assert daemon.stop() == 0, daemon.log()


@case
def a_second_daemon_on_the_same_socket_is_refused_and_the_first_goes_on():
    with box() as daemon:
        daemon.start()
        second = support.run(support.PROGRAMS / "portcullisd", "--config", daemon.config,
                             check=False)
        assert second.returncode != 0, second.stdout + second.stderr
        daemon.netsh("ipsec", "static", "show", "store")


@case
def the_socket_is_closed_to_strangers():
    with box() as daemon:
        daemon.start()
        mode = daemon.socket_path.stat().st_mode & 0o777
        assert mode & 0o007 == 0, oct(mode)


@case
def netsh_without_a_daemon_says_so_and_exits_1():
    result = support.run(support.PROGRAMS / "netsh", "--socket", "/nonexistent/control.sock",
                         "ipsec", "static", "show", "all", check=False)
    assert result.returncode == 1
    assert "/nonexistent/control.sock" in result.stdout + result.stderr


def store_files(daemon):
    state = daemon.directory / "state"
    return sorted(path for path in state.rglob("*") if path.is_file())


def store_file(daemon):
    """The SQLite database itself."""
    for path in store_files(daemon):
        if path.read_bytes()[:15] == b"SQLite format 3":
            return path
    raise AssertionError(f"no database among {store_files(daemon)}")


def made_store(daemon):
    daemon.start()
    daemon.netsh("ipsec", "static", "add", "filterlist", "name=precious")
    assert daemon.stop() == 0
    return store_file(daemon)


def refused(daemon):
    before = store_file(daemon).read_bytes() if daemon_has_database(daemon) else None
    result = support.run(support.PROGRAMS / "portcullisd", "--config", daemon.config, check=False,
                         timeout=60)
    output = result.stdout + result.stderr
    assert result.returncode != 0, "the daemon started on a store it cannot trust"
    assert "store" in output.lower(), output
    if before is not None:
        assert store_file(daemon).read_bytes() == before, "the refused store was changed"
    return output


def daemon_has_database(daemon):
    return any(path.read_bytes()[:15] == b"SQLite format 3" for path in store_files(daemon))


@case
def a_damaged_store_is_refused_and_left_as_it_is():
    with box() as daemon:
        path = made_store(daemon)
        data = bytearray(path.read_bytes())
        for offset in range(4096, len(data)):  # every page but the first
            data[offset] ^= 0x5A
        path.write_bytes(data)
        for extra in pathlib.Path(path.parent).glob(path.name + "-*"):
            extra.unlink()
        refused(daemon)


@case
def a_file_that_is_no_database_is_refused():
    with box() as daemon:
        path = made_store(daemon)
        path.write_bytes(b"this was a shopping list, not a policy store\n" * 100)
        result = support.run(support.PROGRAMS / "portcullisd", "--config", daemon.config,
                             check=False)
        assert result.returncode != 0
        assert path.read_bytes().startswith(b"this was a shopping list")


@case
def a_store_of_a_newer_version_is_refused():
    with box() as daemon:
        path = made_store(daemon)
        with contextlib.closing(sqlite3.connect(path)) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            assert version > 0
            database.execute(f"PRAGMA user_version = {version + 1}")
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert "newer" in refused(daemon).lower()


if __name__ == "__main__":
    sys.exit(support.main())
