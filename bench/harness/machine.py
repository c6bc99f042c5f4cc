"""What this machine can do, measured in the same run: the figures that ours are a part of."""

import json
import os
import platform

from .process import quietly


def limits(bench):
    """Primitives by the very OpenSSL that we ship, and durable files on the disk that pulls are measured on."""
    folder = bench.disk / "limits"
    folder.mkdir(parents=True, exist_ok=True)
    seconds = "0.3" if bench.quick else "1.0"
    found = json.loads(quietly(bench.tool(), "limits", "--seconds", seconds, folder))
    found["cores"] = os.cpu_count()
    found["processor"] = processor()
    found["memory_gib"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    found["system"] = f"{platform.system()} {platform.release()}"
    found["file_system"] = file_system(folder)
    return found


def processor():
    try:
        with open("/proc/cpuinfo") as text:
            for line in text:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "?"


def file_system(folder):
    return quietly("stat", "-f", "-c", "%T", folder).strip()


WORDS = {
    "sha256_mb_s": ("SHA-256, one core", "MB/s"),
    "aes_gcm_mb_s": ("AES-256-GCM, one core", "MB/s"),
    "p256_sign_s": ("ECDSA P-256 sign, one core", "/s"),
    "p256_verify_s": ("ECDSA P-256 verify, one core", "/s"),
    "p256_derive_s": ("ECDH P-256, one core", "/s"),
    "p256_seal_s": ("only the P-256 operations of sealing, all cores", "files/s"),
    "p256_open_s": ("only the P-256 operations of opening, all cores", "files/s"),
    "durable_one_s": ("create + 10 KB + fsync + rename + fsync of the folder, one after another", "files/s"),
    "durable_group_s": ("the same in groups of 128 with one syncfs", "files/s"),
    "write_mb_s": ("one file of 256 MiB, written and fsynced", "MB/s"),
}


def described(found):
    """The limits as words for the table."""
    lines = {
        "processor": f"{found['processor']}, {found['cores']} cores, {found['memory_gib']} GiB",
        "system": f"{found['system']}, disk {found['file_system']}",
    }
    for key, (words, unit) in WORDS.items():
        if key in found:
            lines[words] = f"{found[key]:,.0f} {unit}"
    return lines
