"""A VPN between two network namespaces: a TUN device in each, and this program between them.

    line.py NAMESPACE NAMESPACE DEVICE [DELAY_MS [DROP_EVERY]]

Each packet comes out at the other end DELAY_MS later; of those with content every DROP_EVERY-th does not. Both devices are
gone when this ends. Says "ready" when both are there.
"""

import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def device(namespace, name, temporary):
    """A TUN device of this process, in that namespace."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", temporary.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", temporary, "netns", namespace, "name", name], check=True)
    return end


def main():
    first, second, name = sys.argv[1:4]
    delay = float(sys.argv[4]) / 1000 if len(sys.argv) > 4 else 0.0
    every = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    ends = [device(namespace, name, f"kxt{os.getpid() % 100000}{side}") for namespace, side in ((first, "a"), (second, "b"))]
    print("ready", flush=True)
    waiting, number = [], 0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, packet = heapq.heappop(waiting)
            try:
                os.write(to, packet)
            except OSError:
                pass  # Nobody there now: a packet is lost, as on any line.
        pause = max(0.0, waiting[0][0] - now) if waiting else None
        for end in select.select(ends, [], [], pause)[0]:
            try:
                packet = os.read(end, 65536)
            except OSError:
                # The device is down.
                time.sleep(0.01)
                continue
            if len(packet) > 200:
                number += 1
                if every and number % every == 0:
                    continue
            to = ends[1] if end == ends[0] else ends[0]
            heapq.heappush(waiting, (time.monotonic() + delay, number, to, packet))


main()
