"""Processes: how long they take, and the most memory that each of them held.

The peak is `VmHWM` of /proc, read every few milliseconds while the process runs: what `wait4` tells would count the
harness's own memory too, since a child begins as a copy of it.
"""

import os
import random
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field


class Failed(Exception):
    """A command did not do its work."""


@dataclass
class Sample:
    """One timed run: seconds, how much work was done, and KiB at the most by process."""

    seconds: float
    work: float = 1.0
    peaks: dict = field(default_factory=dict)


def peak_of(pid):
    """KiB that this process held at the most so far; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as comm:
            return comm.read().strip()
    except OSError:
        return ""


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return [int(child) for child in children.read().split()]
    except (OSError, ValueError):
        return []


class Watch:
    """Reads the peaks of processes, and of what they start, until it is stopped."""

    def __init__(self, labels, every=0.01):
        """`labels` gives the name to report for each process id; what these start is reported by its own name."""
        self.labels, self.every = dict(labels), every
        self.found = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.is_set():
            self._look()
            self.over.wait(self.every)

    def _look(self):
        left = list(self.labels)
        while left:
            pid = left.pop()
            left += children_of(pid)
            peak, name = peak_of(pid), self.labels.get(pid) or name_of(pid)
            # Between fork and exec a child is still a copy of the harness.
            if peak and name and not name.startswith("python"):
                self.found[name] = max(self.found.get(name, 0), peak)

    def stop(self):
        """KiB at the most by name."""
        self._look()
        self.over.set()
        self.thread.join()
        return dict(self.found)


def labels_of(commands):
    """A name for each command of a pipe; two of one name are numbered."""
    names = [os.path.basename(str(command[0])) for command in commands]
    return [name if names.count(name) == 1 else f"{name}#{number + 1}" for number, name in enumerate(names)]


def timed(*commands, work=1.0, stdin=None, stdout=None, cwd=None, env=None):
    """Runs the commands joined by pipes and waits for all of them. Their words are shown only when one fails."""
    processes = []
    errors = [open(os.path.join(_scratch(), f"stderr-{number}"), "w+b") for number in range(len(commands))]
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    target = open(stdout, "wb") if stdout else subprocess.DEVNULL
    started = time.monotonic()
    for number, command in enumerate(commands):
        last = number == len(commands) - 1
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=source,
            stdout=target if last else subprocess.PIPE,
            stderr=errors[number],
            cwd=cwd,
            env=env,
        )
        if source is not subprocess.DEVNULL:
            source.close()
        source = process.stdout
        processes.append(process)
    watch = Watch(dict(zip((process.pid for process in processes), labels_of(commands))))
    codes = [process.wait() for process in processes]
    seconds = time.monotonic() - started
    peaks = watch.stop()
    if target is not subprocess.DEVNULL:
        target.close()
    # The last one that failed is to blame: those before it only lost their reader.
    for command, code, error in reversed(list(zip(commands, codes, errors))):
        error.seek(0)
        text = error.read().decode(errors="replace").strip()
        if code != 0:
            words = " ".join(str(word) for word in command)[:300]
            raise Failed(f"{text[-1500:]} (`{words}` ended with {code})")
    return Sample(seconds, work, peaks)


def quietly(*command, cwd=None, env=None, stdin=None):
    """Runs one command outside any timed window and answers what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=env,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        words = " ".join(str(word) for word in command)[:300]
        text = done.stderr.decode(errors="replace").strip()[-1500:]
        raise Failed(f"{text} (`{words}` ended with {done.returncode})")
    return done.stdout.decode(errors="replace")


class Server:
    """A process that serves while the block runs; asked to stop at its end."""

    def __init__(self, *command, log, ready, env=None, seconds=30):
        self.command, self.log, self.ready, self.env, self.seconds = command, log, ready, env, seconds

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
            )
        until = time.monotonic() + self.seconds
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > until:
                with open(self.log, "rb") as log:
                    words = log.read()[-1500:].decode(errors="replace")
                self.__exit__()
                raise Failed(f"`{self.command[0]}` did not start: {words}")
            time.sleep(0.02)
        return self

    @property
    def pid(self):
        return self.process.pid

    def peaks(self):
        """KiB at the most so far, by name, of it and what it started."""
        watch = Watch({self.pid: os.path.basename(str(self.command[0]))}, every=10)
        return watch.stop()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def listening(port):
    """A test that a port of this machine takes connections."""
    def ready():
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ready


def free_port():
    """Below the ports that the system gives to whoever connects: thousands of connections of an earlier row leave those behind for a minute."""
    for _ in range(100):
        port = random.randrange(10_240, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failed("no free port")


_SCRATCH = None


def _scratch():
    global _SCRATCH
    if _SCRATCH is None:
        import tempfile

        _SCRATCH = tempfile.mkdtemp(prefix="kx-bench-err-")
        import atexit
        import shutil

        atexit.register(shutil.rmtree, _SCRATCH, True)
    return _SCRATCH
