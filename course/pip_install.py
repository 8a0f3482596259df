"""Runs pip in `.venv`, shows what it is doing, and says in one line why it failed. Standard library only."""

import errno
import os
import platform
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

# PyTorch's own builds without CUDA: 190 MB, where the default build for Linux brings 3 GB.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

DISK_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
LARGE_MB = 10  # a download of this size is announced on a line of its own
UNITS = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}

# The first pattern that is found in pip's output decides what is said. The order matters: an index that
# does not answer also ends in "No matching distribution found".
CAUSES = [
    (r"Errno 28\]|No space left|not enough space|Errno 122\]|[Dd]isk quota",
     "the disk is full: make room for 2 GB here and in the temp folder, then run this again."),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
     "the certificate of the package index was refused: tell pip the certificates of your network "
     "(pip config set global.cert FILE), then run this again."),
    (r"NewConnectionError|Failed to establish a new connection|Name or service not known|getaddrinfo failed|"
     r"name resolution|Connection refused|Network is unreachable|ConnectTimeoutError|ReadTimeoutError|"
     r"ProxyError|Read timed out|Connection reset|RemoteDisconnected|IncompleteRead",
     "no network: the package index does not answer. Connect, or set pip's index or proxy (pip config), "
     "then run this again."),
]


class Failed(Exception):
    """pip did not succeed; the message is one line."""


def clean_environ():
    """The environment variables, less those that would let another Python's packages into `.venv`."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def install(python, root, log, lock=None):
    """Install the course and what it needs with the pip of `python`: MB downloaded, a float.

    The user's own pip configuration and environment are in force throughout. Everything that pip prints
    goes to the file `log`; `lock` is an open file that pip keeps open as long as it runs. Raises Failed.
    """
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-user",
               *_index_options(python), *_progress_options(python),
               "-e", ".[test]", "-c", "constraints.txt"]
    lines, status = _watch(command, root, log, lock)
    if status:
        raise Failed(explain(lines))
    return sum(megabytes(line) for line in lines)


def explain(lines):
    """One line about why pip, or the operating system, gave up, and what to do about it."""
    text = "\n".join(lines)
    for pattern, message in CAUSES:
        if re.search(pattern, text):
            return message
    missing = re.search(r"No matching distribution found for (\S+)", text)
    if missing:
        here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return (f"the package index has no {missing[1]} for {here}: take another Python (64 bits, 3.11 to 3.14), "
                "or, if pip is set to an index of your own (pip config list), look there.")
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or [line for line in lines if line.strip()] or ["it ended without a word"])[-1].strip()


def megabytes(line):
    """How much a "Downloading NAME (12.3 MB)" line of pip's announces, in MB; 0 for any other line."""
    found = re.match(r"\s*Downloading \S+ \(([\d.]+) (bytes|kB|MB|GB)\)", line)
    return float(found[1]) * UNITS[found[2]] if found else 0.0


def index_is_set(python):
    """Whether the user's pip configuration or environment says where packages come from."""
    seen = _ask(python, "config", "list").stdout
    return re.search(r"^\S*\.(index-url|extra-index-url|find-links|no-index)=", seen, re.M) is not None


def has_nvidia():
    """Whether an NVIDIA driver is installed (Linux)."""
    return shutil.which("nvidia-smi") is not None or os.path.exists("/proc/driver/nvidia/version")


def _index_options(python):
    """PyTorch's CPU index, where the user set no index, there is no NVIDIA driver, and it answers."""
    if not sys.platform.startswith("linux") or has_nvidia() or index_is_set(python):
        return []
    url = os.environ.get("COURSE_TORCH_INDEX", TORCH_CPU_INDEX)
    probe = ["index", "versions", "torch", "--index-url", url, "--timeout", "10", "--retries", "0"]
    if _ask(python, *probe).returncode:
        print(f"{url} does not answer: torch comes with CUDA, and the download is about 3 GB.", flush=True)
        return []
    return ["--extra-index-url", url]


def _progress_options(python):
    """Ask for progress that a program can read, which pip offers since 24.1."""
    found = re.match(r"pip (\d+)\.(\d+)", _ask(python, "--version").stdout)
    return ["--progress-bar", "raw"] if found and (int(found[1]), int(found[2])) >= (24, 1) else []


def _ask(python, *arguments):
    """Run pip for its answer: a CompletedProcess with text."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, text=True, errors="replace",
                          env=clean_environ())


def _watch(command, root, log, lock):
    """Run pip in `root`, copy what it prints to the file `log`, and show it: (its lines, its exit status)."""
    kept = {} if lock is None or os.name == "nt" else {"pass_fds": (lock.fileno(),)}
    process = subprocess.Popen(command, cwd=root, env=clean_environ(), stdin=subprocess.DEVNULL, text=True,
                               errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kept)
    printed = queue.Queue()
    threading.Thread(target=_collect, args=(process.stdout, printed), daemon=True).start()
    lines, show = [], Display()
    try:
        while (line := _next(printed, show)) is not None:
            if not show.is_progress(line):
                lines.append(line)
                _append(log, line)
                show.line(line)
        return lines, process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C has reached pip too
        raise
    finally:
        show.close()


def _collect(stream, printed):
    for line in stream:
        printed.put(line.rstrip("\n"))
    printed.put(None)


def _next(printed, show):
    """The next line of pip's, with the display kept moving while there is none; None at the end."""
    while True:
        try:
            return printed.get(timeout=1)
        except queue.Empty:
            show.tick()


def _append(log, line):
    try:
        with open(log, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError:  # a full disk must not hide pip's own message about it
        pass


class Display:
    """One line that changes on a terminal; a line per large download anywhere else."""

    def __init__(self):
        self.live, self.started = sys.stdout.isatty(), time.monotonic()
        self.doing, self.percent = "starting pip", ""

    def is_progress(self, line):
        """Take in a "Progress 123 of 456" line; whether it was one."""
        found = re.match(r"Progress (\d+) of (\d+)", line)
        if found:
            self.percent = f" {100 * int(found[1]) // max(int(found[2]), 1)} %"
            self.tick()
        return found is not None

    def line(self, line):
        """Show what pip has just said it is doing."""
        word, _, rest = line.strip().partition(" ")
        unpacking = rest.startswith("collected packages:")
        if unpacking:
            self.doing, self.percent = f"installing {rest.count(',') + 1} package(s)", ""
        elif word in ("Collecting", "Downloading", "Processing", "Building", "Obtaining"):
            self.doing, self.percent = f"{word.lower()} {rest.split('/')[-1]}", ""
        elif "Retrying (" in line:
            self.doing, self.percent = "the package index does not answer, trying again", ""
        if not self.live and (megabytes(line) >= LARGE_MB or unpacking):
            print(f"  {self.doing}", flush=True)
        self.tick()

    def tick(self):
        """Draw the live line again, with the time passed."""
        if self.live:
            seconds = int(time.monotonic() - self.started)
            width = shutil.get_terminal_size().columns - 1
            text = f"  {seconds // 60}:{seconds % 60:02d}  {self.doing[:width - 16]}{self.percent}"
            print(f"\r{text:{width}.{width}}", end="", flush=True)

    def close(self):
        """Clear the live line."""
        if self.live:
            print("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r", end="", flush=True)
