"""`course lab`: the lesson, the port, and a real server that a hostile configuration cannot open."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from course import lab

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = "c.ServerApp.ip = '0.0.0.0'\nc.IdentityProvider.token = ''\nc.ServerApp.token = ''\n"


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A checkout of three notebooks."""
    for name in ("notebooks/00_start_here", "notebooks/08_adam", "exercises/08_adam"):
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    monkeypatch.setattr(lab, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def busy_port():
    """A port that another program listens on."""
    with socket.socket() as server:
        server.bind((lab.HOST, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize("name", ["8", "08", "adam", "08_adam", "08_adam.ipynb", "notebooks/08_adam.ipynb"])
def test_a_lesson_is_found_by_number_name_or_path(lessons, name):
    assert lab.find_lesson(name) == "notebooks/08_adam.ipynb"


def test_an_exercise_is_found_by_its_path(lessons):
    assert lab.find_lesson("exercises/08_adam.ipynb") == "exercises/08_adam.ipynb"


def test_an_unknown_lesson_is_answered_with_the_lessons(lessons, capsys):
    assert lab.main(["77"]) == 2
    assert "'77'; the lessons are 00_start_here, 08_adam" in capsys.readouterr().err


def test_a_port_in_use_is_said_in_one_line(lessons, busy_port, capsys):
    assert lab.main(["--port", str(busy_port)]) == 2
    said = capsys.readouterr().err
    assert f"port {busy_port} cannot be used" in said and "--port" in said and said.count("\n") == 1


def test_without_a_port_the_next_free_one_is_taken(busy_port, monkeypatch):
    monkeypatch.setattr(lab, "FIRST_PORT", busy_port)
    monkeypatch.setattr(lab, "LAST_PORT", busy_port + 50)
    assert busy_port < lab.choose_port() <= busy_port + 50


def test_no_setting_of_another_jupyter_comes_through(monkeypatch):
    for name in ("JUPYTER_TOKEN", "JUPYTER_CONFIG_PATH", "JUPYTERLAB_DIR", "IPYTHONDIR", "MPLBACKEND"):
        monkeypatch.setenv(name, "foreign")
    environ = lab.jupyter_environ()
    assert "foreign" not in environ.values()
    assert Path(environ["JUPYTER_CONFIG_DIR"]).is_relative_to(sys.prefix)


def test_the_news_are_off():
    lab.write_settings("secret")
    overrides = Path(sys.prefix) / "share/jupyter/lab/settings/overrides.json"
    assert '"fetchNews": "false"' in overrides.read_text()
    token_file = Path(sys.prefix) / "course-jupyter/config/jupyter_server_config.json"
    assert os.name == "nt" or token_file.stat().st_mode & 0o077 == 0


def status(url):
    try:
        return urllib.request.urlopen(url, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent to a process group")
def test_the_server_keeps_its_token_and_ends_at_ctrl_c(lessons, tmp_path):
    home = tmp_path / "home"
    (home / ".jupyter").mkdir(parents=True)
    (home / ".jupyter" / "jupyter_server_config.py").write_text(HOSTILE)
    code = ("import sys; from pathlib import Path; from course import lab; lab.ROOT = Path(sys.argv[1]); "
            "sys.exit(lab.main(['--no-browser']))")
    hostile = {"HOME": str(home), "JUPYTER_TOKEN": "", "JUPYTER_CONFIG_PATH": str(home / ".jupyter")}
    server = subprocess.Popen([sys.executable, "-c", code, str(lessons)], cwd=ROOT, env=os.environ | hostile,
                              stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        url = server.stdout.readline().removeprefix("Open ").strip()
        base, token = url.split("/lab/tree/notebooks/00_start_here.ipynb?token=")
        assert len(token) == 48
        assert status(f"{base}/api/contents") == 403
        assert status(f"{base}/api/contents?token=") == 403
        assert status(f"{base}/api/contents/exercises?token={token}") == 200
        if sys.platform.startswith("linux"):  # only a server that listens everywhere answers here
            assert socket.socket().connect_ex(("127.0.0.2", int(base.split(":")[-1]))) != 0
    finally:
        os.killpg(server.pid, signal.SIGINT)
    assert server.wait(timeout=20) == 0
    assert list((home / ".jupyter").iterdir()) == [home / ".jupyter" / "jupyter_server_config.py"]
