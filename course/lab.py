"""`python3 -m course lab [LESSON]`: opens a lesson in JupyterLab. Standard library only.

JupyterLab listens on this machine alone, asks for a token, shows the whole checkout, and neither reads nor
changes the settings of any other Jupyter of the user's.
"""

import argparse
import json
import logging
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

from course.pip_install import clean_environ

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8888, 8988

# JupyterLab's own defaults, as its settings editor would show them: no news, no look for updates.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}


def main(argv):
    """Open a lesson and stay until Ctrl-C: the exit status."""
    options = _parse(argv)
    try:
        lesson = find_lesson(options.lesson)
        port = choose_port(options.port)
    except ValueError as error:
        print(f"course: {error}", file=sys.stderr)
        return 2
    token = secrets.token_hex(24)
    write_settings(token)
    command = [sys.executable, "-m", "jupyterlab", *server_options(port), *options.jupyter]
    server = subprocess.Popen(command, cwd=ROOT, env=jupyter_environ(), stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        return _serve(server, port, f"http://{HOST}:{port}/lab/tree/{lesson}?token={token}", options.browser)
    except KeyboardInterrupt:
        return _end(server)


def find_lesson(name):
    """The path of a notebook below the checkout, with slashes, from "08", "8", "08_adam" or a path.

    Raises ValueError where there is no such lesson.
    """
    if (ROOT / name).is_file() and name.endswith(".ipynb"):
        return Path(name).as_posix()
    stems = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    wanted = name.removesuffix(".ipynb")
    for stem in stems:
        number, _, title = stem.partition("_")
        if wanted in (stem, number, title) or (wanted.isdigit() and wanted.zfill(2) == number):
            return f"notebooks/{stem}.ipynb"
    raise ValueError(f"there is no lesson {name!r}; the lessons are {', '.join(stems) or 'missing'}.")


def choose_port(wanted=None):
    """`wanted` where it is free, or, without it, the first free port from 8888 on.

    Raises ValueError where there is none.
    """
    if wanted is not None:
        reason = _why_busy(wanted)
        if reason:
            raise ValueError(f"port {wanted} cannot be used ({reason}); choose another with --port, "
                             "or leave --port out and a free one is taken.")
        return wanted
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if not _why_busy(port):
            return port
    raise ValueError(f"every port from {FIRST_PORT} to {LAST_PORT} is in use; choose another with --port.")


def server_options(port):
    """Command-line options of the server. They outrank every configuration file of Jupyter's."""
    options = {
        "ip": HOST,
        "port": port,
        "port_retries": 0,
        "root_dir": ROOT,
        "open_browser": False,  # opened below, once the server answers
        "answer_yes": True,  # Ctrl-C ends it without a question
        "allow_remote_access": False,
        "disable_check_xsrf": False,
    }
    quiet = ["--Application.log_level=ERROR", "--LanguageServerManager.autodetect=False"]
    root_user = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [f"--ServerApp.{name}={value}" for name, value in options.items()] + quiet + root_user


def write_settings(token):
    """Write the token and the defaults of JupyterLab into `.venv`, the token for this user's eyes only.

    A file, because every user of a machine can read the command lines of the others.
    """
    folder = Path(sys.prefix) / "course-jupyter" / "config"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "jupyter_server_config.json"
    file.unlink(missing_ok=True)
    settings = {"IdentityProvider": {"token": token}}
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(settings, stream)
    quiet = Path(sys.prefix) / "course-jupyter" / "ipython" / "profile_default" / "ipython_kernel_config.json"
    quiet.parent.mkdir(parents=True, exist_ok=True)
    quiet.write_text(json.dumps({"IPKernelApp": {"log_level": logging.ERROR}}) + "\n")
    overrides = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(OVERRIDES, indent=2) + "\n")


def jupyter_environ():
    """Environment variables for Jupyter and its kernels: what they read and write is inside `.venv`."""
    foreign = re.compile(r"JUPYTER|IPYTHON|MPLBACKEND$")
    environ = {name: value for name, value in clean_environ().items() if not foreign.match(name)}
    folder = Path(sys.prefix) / "course-jupyter"
    environ |= {f"JUPYTER_{kind.upper()}_DIR": str(folder / kind) for kind in ("config", "data", "runtime")}
    environ["IPYTHONDIR"] = str(folder / "ipython")
    environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the debugger's warning about frozen modules
    return environ


def _parse(argv):
    parser = argparse.ArgumentParser(prog="python3 -m course lab", description="Open a lesson in JupyterLab.")
    parser.add_argument("lesson", nargs="?", default="00_start_here", help="08, 08_adam or a notebook's path")
    parser.add_argument("--port", type=_port, help=f"default: the first free one from {FIRST_PORT} on")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="print the address only")
    parser.epilog = "What follows -- goes to jupyter lab as it is."
    split = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_args(argv[:split])
    options.jupyter = argv[split + 1 :]
    return options


def _port(text):
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a port number from 1 to 65535")
    return int(text)


def _why_busy(port):
    """Why a server cannot listen on a port, or "" where it can."""
    with socket.socket() as probe:
        if os.name != "nt":  # as the server itself does; on Windows it would share a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror.lower()
    return ""


def _serve(server, port, address, browser):
    """Say where the lesson is once the server answers, and wait for its end: the exit status."""
    while server.poll() is None and not _answers(port):
        time.sleep(0.1)
    if server.poll() is None:
        print(f"Open {address}\nCtrl-C ends it.", flush=True)
        if browser:
            webbrowser.open(address)
    return 1 if server.wait() else 0


def _answers(port):
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


def _end(server):
    """Wait for the server, which Ctrl-C has reached too, to end itself and its kernels: 0.

    An idle server may sleep through Ctrl-C, since Jupyter asks its event loop to stop from a thread that
    does not wake it; a second signal does.
    """
    for seconds, insist in ((1, server.terminate), (10, server.kill)):
        try:
            server.wait(timeout=seconds)
            return 0
        except subprocess.TimeoutExpired:
            insist()
    return 0
