# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""A small Linux under qemu, made of Debian packages alone: a peer whose kernel does ESP and AH.

The packages are downloaded and unpacked, never installed; what of them the guest needs becomes its
initramfs. Its network cards are TAPs, and run() has commands executed over a virtio port. qemu
emulates the processor, which works on every machine; KVM within a virtual machine often does not.
"""
import base64
import os
import pathlib
import select
import shutil
import socket
import stat
import subprocess
import time

BOOT_SECONDS = 180  # emulated, on a busy machine
KERNEL = "linux-image-cloud-amd64"
# Libraries are those that the programs before them need.
PACKAGES = [
    "busybox-static",  # init, the shell and the server of the transfers
    "iproute2", "libbpf1", "libelf1", "libmnl0", "libbsd0", "libmd0", "libcap2", "zlib1g", "libc6",
    "strongswan-charon", "strongswan-libcharon", "strongswan-swanctl", "libstrongswan",
    "libstrongswan-standard-plugins", "libssl3", "libgmp10", "libsystemd0", "liblzma5", "libzstd1",
    "liblz4-1", "libgcrypt20", "libgpg-error0",
]
# Modules of the kernel package, loaded with what they depend on. Without the drivers for this
# processor's instructions (from aesni-intel on) it works, too, but slower.
MODULES = [
    "virtio_pci", "virtio_net", "virtio_console", "dummy", "af_packet",
    "xfrm_user", "esp4", "esp6", "ah4", "ah6", "tunnel4", "tunnel6", "xfrm4_tunnel", "xfrm6_tunnel",
    "authenc", "authencesn", "gcm", "ccm", "ctr", "cbc", "ecb", "seqiv", "echainiv", "crypto_null",
    "des_generic", "md5", "sha512_generic", "xcbc", "cmac", "chacha20poly1305", "ghash-generic",
    "drbg",  # seqiv and echainiv begin at a random number
    "aesni-intel", "sha1-ssse3", "sha256-ssse3", "sha512-ssse3", "ghash-clmulni-intel",
    "chacha-x86_64", "poly1305-x86_64", "des3_ede-x86_64",
]
UNWANTED = ("usr/share", "usr/lib/x86_64-linux-gnu/gconv", "boot", "lib/modules", "var", "etc",
            "usr/lib/systemd", "lib/systemd", "usr/bin/perl")

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /var/run /www /etc
/bin/busybox --install -s /bin 2>/dev/null
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done < /modules/order
ip link set lo up
exec 3<>"$(echo /dev/vport*)"
# A request is a script in base64 on one line; the reply its exit code, its output and a full stop.
while read -r line <&3; do
    echo "$line" | base64 -d > /tmp/request
    sh /tmp/request > /tmp/reply 2>&1 < /dev/null 3<&-
    { echo $?; base64 /tmp/reply; echo .; } >&3
done
poweroff -f
"""


def tool(*words, **keywords):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True,
                          **keywords).stdout


def apt_get(*words, **keywords):
    tool("apt-get", "-qq", *words, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
         **keywords)


def install_qemu():
    if shutil.which("qemu-system-x86_64"):
        return
    apt_get("update")
    apt_get("install", "-y", "--no-install-recommends", "qemu-system-x86")


def kernel_package():
    """The package that holds the kernel; KERNEL only names the current one."""
    words = tool("apt-cache", "depends", KERNEL).split()
    return words[words.index("Depends:") + 1]


# --- The initramfs


class Archive:
    """An initramfs in cpio's "newc" format."""

    def __init__(self, path):
        self.file = path.open("wb")
        self.entries = 0
        self.parents = set()

    def add(self, name, mode, data=b""):
        for parent in reversed(pathlib.PurePosixPath(name).parents):
            if str(parent) not in (".", *self.parents):
                self.parents.add(str(parent))
                self._entry(str(parent), stat.S_IFDIR | 0o755, b"")
        if stat.S_ISDIR(mode):
            if name in self.parents:
                return
            self.parents.add(name)
        self._entry(name, mode, data)

    def _entry(self, name, mode, data):
        self.entries += 1
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (self.entries, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        self._padded(b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode()
                     + b"\0")
        self._padded(data)

    def _padded(self, data):
        self.file.write(data + bytes(-len(data) % 4))

    def close(self):
        self._entry("TRAILER!!!", 0, b"")
        self.file.close()


def unpack(cache):
    """The directory with the unpacked packages, downloaded unless they are there."""
    root, stamp = cache / "root", cache / "packages.txt"
    wanted = "\n".join([KERNEL, *PACKAGES])
    if stamp.exists() and stamp.read_text() == wanted:
        return root
    shutil.rmtree(cache, ignore_errors=True)
    (cache / "packages").mkdir(parents=True)
    root.mkdir()
    apt_get("update")
    apt_get("download", kernel_package(), *PACKAGES, cwd=cache / "packages")
    for package in sorted((cache / "packages").glob("*.deb")):
        tool("dpkg", "-x", package, root)
    stamp.write_text(wanted)
    return root


def module_files(root):
    """The files of MODULES and of what they need, in the order in which they load."""
    normal = {path.stem.replace("-", "_"): path for path in root.glob("lib/modules/*/**/*.ko")}
    builtin = {pathlib.PurePath(line).stem.replace("-", "_")
               for path in root.glob("lib/modules/*/modules.builtin")
               for line in path.read_text().split()}
    order = []

    def visit(name):
        if name in builtin and name not in normal:
            return
        # The module's section .modinfo holds strings that end with a zero byte.
        fields = normal[name].read_bytes().split(b"\0depends=")[1].split(b"\0")[0].decode()
        for needed in filter(None, fields.split(",")):
            visit(needed.replace("-", "_"))
        if normal[name] not in order:
            order.append(normal[name])

    for module in MODULES:
        visit(module.replace("-", "_"))
    return order


def build_initramfs(root, path):
    archive = Archive(path)
    archive.add("init", stat.S_IFREG | 0o755, INIT.encode())
    modules = module_files(root)
    for module in modules:
        archive.add(f"modules/{module.name}", stat.S_IFREG | 0o644, module.read_bytes())
    archive.add("modules/order", stat.S_IFREG | 0o644,
                "".join(f"{module.name}\n" for module in modules).encode())
    for entry in sorted(root.rglob("*")):
        name = str(entry.relative_to(root))
        if any(name == prefix or name.startswith(f"{prefix}/") for prefix in UNWANTED):
            continue
        mode = entry.lstat().st_mode
        if stat.S_ISLNK(mode):
            archive.add(name, mode, os.readlink(entry).encode())
        elif stat.S_ISREG(mode):
            archive.add(name, mode, entry.read_bytes())
        else:
            archive.add(name, stat.S_IFDIR | 0o755)
    archive.close()


# --- The machine


class LinuxGuest:
    """`taps`: interfaces in the namespace `space`, the guest's eth0 and so on, with the guest's
    addresses. close() ends the machine."""

    def __init__(self, space, taps, cache, directory):
        self.space = space
        self.taps = taps
        self.cache = pathlib.Path(cache)
        self.console_path = pathlib.Path(directory) / "guest-console.log"
        self.initramfs = pathlib.Path(directory) / "guest-initramfs"
        self.process = self.port = None
        self.buffer = b""

    def start(self):
        """Returns the seconds that the guest took to boot."""
        install_qemu()
        root = unpack(self.cache)
        build_initramfs(root, self.initramfs)
        kernel = next((root / "boot").glob("vmlinuz-*"))
        self.port, theirs = socket.socketpair()
        begun = time.monotonic()
        words = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot",
            "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "512",
            "-display", "none", "-serial", f"file:{self.console_path}",
            "-kernel", kernel, "-initrd", self.initramfs,
            "-append", "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=c,fd={theirs.fileno()}",
            "-device", "virtserialport,chardev=c,name=commands"]
        for tap, mac in self.taps.items():
            words += ["-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no,vnet_hdr=off",
                      "-device", f"virtio-net-pci,netdev={tap},mac={mac},romfile="]
        with theirs:
            self.process = self.space.start(*words, pass_fds=[theirs.fileno()],
                                            stderr=subprocess.PIPE)
        self.run("true", timeout=BOOT_SECONDS)
        return time.monotonic() - begun

    def run(self, script, check=True, timeout=60):
        """The output of a shell script in the guest; with check=False also its exit code."""
        self.port.sendall(base64.b64encode(script.encode()) + b"\n")
        deadline = time.monotonic() + timeout
        while not self.buffer.endswith(b"\n.\n"):
            left = deadline - time.monotonic()
            readable = left > 0 and select.select([self.port], [], [], left)[0]
            data = self.port.recv(65536) if readable else b""
            if not data:
                raise AssertionError(f"the guest did not answer '{script}' within {timeout} s:\n"
                                     f"{self.console()}")
            self.buffer += data
        code, _, output = self.buffer.partition(b"\n")
        self.buffer = b""
        text = base64.b64decode(output[:-2]).decode(errors="replace")
        if not check:
            return int(code), text
        if int(code) != 0:
            raise AssertionError(f"in the guest '{script}' failed with {int(code)}:\n{text}")
        return text

    def write(self, path, text):
        """A file in the guest."""
        encoded = base64.b64encode(text.encode()).decode()
        self.run(f"mkdir -p $(dirname {path}); echo {encoded} | base64 -d > {path}")

    def console(self):
        problem = ""
        if self.process.poll() is not None:
            problem = self.process.stderr.read().decode(errors="replace")
        text = self.console_path.read_text(errors="replace") if self.console_path.exists() else ""
        return problem + text[-4000:]

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stderr.close()
            self.process = None
        if self.port is not None:
            self.port.close()
