"""Jupyter kernels that are forked from a process which has imported torch already.

The entry point `course-fork` of jupyter_client's kernel provisioners. A kernel is ready some three seconds of CPU
time sooner. Chosen for all Python kernels of a program by

    JUPYTER_DEFAULT_PROVISIONER_NAME=course-fork

and OMP_NUM_THREADS, OPENBLAS_NUM_THREADS and MKL_NUM_THREADS at 1: a fork loses all threads but one. Otherwise, where
a process cannot be forked, and for another interpreter or command, a kernel is started in the ordinary way.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from jupyter_client.provisioning import LocalProvisioner

import course
from course.grading import wire
from course.grading.kernels import THREADS

NAME = "course-fork"
READY_SECONDS = 120


class ForkProvisioner(LocalProvisioner):
    """Starts kernels as forks of one server for each process that uses it."""

    async def launch_kernel(self, cmd, **kwargs):
        """The connection to a new kernel."""
        env = kwargs.get("env") or dict(os.environ)
        arguments = forkable(cmd)
        server = arguments is not None and server_for(env)
        if not server:
            return await super().launch_kernel(cmd, **kwargs)
        cwd = str(kwargs.get("cwd") or Path.cwd())
        self.process = Forked(server, server.ask({"op": "fork", "argv": arguments, "cwd": cwd, "env": env})["pid"])
        self.pid = self.pgid = self.process.pid
        self.cwd = cwd
        return self.connection_info


def forkable(cmd):
    """The arguments behind `python -m ipykernel_launcher`, or None where it is another command or interpreter."""
    if len(cmd) < 3 or list(cmd[1:3]) != ["-m", "ipykernel_launcher"] or not hasattr(os, "fork"):
        return None
    if sys.platform == "darwin" or os.path.realpath(cmd[0]) != os.path.realpath(sys.executable):
        return None
    return list(cmd[3:])


_servers, _lock = {}, threading.Lock()


def server_for(env):
    """The server of this process for an environment, started on first use; None where it cannot be."""
    if any(env.get(name) != "1" for name in THREADS):
        return None
    key = os.getpid(), tuple(env.get(name) for name in ("PYTHONPATH", "VIRTUAL_ENV"))
    with _lock:
        if key not in _servers:
            try:
                _servers[key] = Server(env)
            except (OSError, EOFError, subprocess.SubprocessError):
                _servers[key] = None
        return _servers[key]


class Server:
    """The process that forks, and the socket to it."""

    def __init__(self, env):
        ours, theirs = socket.socketpair()
        place = str(Path(course.__file__).resolve().parent.parent)
        paths = [place, env["PYTHONPATH"]] if env.get("PYTHONPATH") else [place]
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "course.grading.kernels", str(theirs.fileno())],
                env=env | {"PYTHONPATH": os.pathsep.join(paths)}, stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )  # fmt: skip
        self.socket, self.lock = ours, threading.Lock()
        ours.settimeout(READY_SECONDS)
        atexit.register(self.close)
        hello = wire.read(ours.recv)
        if hello != {"threads": 1}:  # a fork would lose the others
            self.close()
            raise EOFError("the server for kernels did not come up with one thread")

    def ask(self, message):
        with self.lock:
            self.socket.sendall(wire.dumps(message))
            answer = wire.read(self.socket.recv)
        if answer is None:
            raise OSError("the server for kernels is gone")
        return answer

    def close(self):
        self.socket.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Forked:
    """A forked kernel, as much of a subprocess.Popen as jupyter_client asks for."""

    stdin = stdout = stderr = None

    def __init__(self, server, pid):
        self.server, self.pid, self.returncode = server, pid, None

    def poll(self):
        if self.returncode is None:
            try:
                self.returncode = self.server.ask({"op": "status", "pid": self.pid})["status"]
            except OSError:  # the server is gone, and its kernels with it
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self, timeout=None):
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("ipykernel_launcher", timeout)
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)
