# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""A third opinion: tshark decrypts ESP and checks its ICV. Wireshark 4.0 knows no extended sequence
numbers, no ChaCha20-Poly1305 and no AES-GMAC in ESP, does not check AES-XCBC, and takes no keys for
AH."""
import pathlib
import shutil
import subprocess
import tempfile

import pcap_gateway


def available():
    return shutil.which("tshark") is not None


def uat(family, source, destination, spi, method, keys):
    """The row of the table esp_sa. There, too, the salt of AES-CTR and AES-GCM follows the key."""
    def key(data):
        return "0x" + data.hex() if data else ""
    cipher, integrity = method.cipher, method.hash
    fields = [f"IPv{family}", source, destination, f"0x{spi:08x}",
              cipher.tshark, key(keys.cipher), integrity.tshark, key(keys.auth)]
    return ",".join(f'"{field}"' for field in fields)


def decode(frames, rows):
    """Of each frame the decrypted UDP payload, b"" if there is none, and whether tshark calls the
    ICV good (True), wrong (False) or does not check it (None)."""
    with tempfile.TemporaryDirectory(prefix="portcullis-tshark-") as directory:
        pcap = pathlib.Path(directory) / "esp.pcap"
        pcap_gateway.write_pcap(pcap, list(enumerate(frames)))
        # A file instead of -o uat:..., of which a command line would not hold enough.
        (pathlib.Path(directory) / "esp_sa").write_text("\n".join(rows) + "\n")
        done = subprocess.run(
            ["tshark", "-r", str(pcap), "-o", "esp.enable_encryption_decode:TRUE",
             "-o", "esp.enable_authentication_check:TRUE", "-T", "fields", "-E", "separator=;",
             "-e", "esp.icv_good", "-e", "esp.icv_bad", "-e", "udp.payload"],
            capture_output=True, text=True, timeout=120, check=False,
            env={"PATH": "/usr/bin:/bin", "WIRESHARK_CONFIG_DIR": directory, "HOME": directory})
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != len(frames) or "esp_sa" in done.stderr:
        raise RuntimeError(f"tshark exits with {done.returncode} after {len(lines)} of "
                           f"{len(frames)} frames: {done.stderr[-2000:]}")
    for line in lines:
        good, bad, payload = line.split(";")
        innermost = payload.rpartition(",")[2]  # of ESP in UDP tshark lists both payloads
        yield bytes.fromhex(innermost), True if good == "1" else False if bad == "1" else None
