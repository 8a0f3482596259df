"""`.venv` is made, resumed, brought up to date and, after a failure, removed. pip itself is replaced."""

import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from course import environment, pip_install

ROOT = Path(__file__).resolve().parent.parent
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def tree(tmp_path):
    """A folder that counts as a checkout, with a space in its name."""
    root = tmp_path / "my course"
    root.mkdir()
    for name in ("pyproject.toml", "constraints.txt"):
        (root / name).write_text("# first\n")
    return root


@pytest.fixture
def pip(monkeypatch):
    """Stands for pip: `pip.calls` counts, and what is in `pip.raises` is raised, once each."""

    class Pip:
        calls, raises = 0, []

        def __call__(self, root, lock):
            self.calls += 1
            (root / ".venv" / "install.log").write_text("all that pip said\n")
            if self.raises:
                raise self.raises.pop()
            return 12.0

    fake = Pip()
    fake.raises = []
    monkeypatch.setattr(environment, "_pip", fake)
    return fake


@pytest.fixture
def quick_venv(monkeypatch):
    """Make `.venv` without pip, and believe that it has one: 0.1 s in place of 5 s."""
    real = environment._call
    monkeypatch.setattr(environment, "_call", lambda command: None if "ensurepip" in command else real(command))
    monkeypatch.setattr(environment, "_probe", lambda root: environment._version())


def marker(root):
    return root / ".venv" / "course-making"


def test_first_use_makes_an_environment_with_pip_and_stamps_it(tree, pip, capsys):
    environment.ready(tree)
    said = subprocess.run([environment.python_of(tree), "-m", "pip", "--version"], capture_output=True, text=True)
    assert str(tree / ".venv") in said.stdout
    assert environment.is_ready(tree) and not marker(tree).exists()
    assert "12 MB downloaded" in capsys.readouterr().out
    environment.ready(tree)
    assert pip.calls == 1


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_installs_again_into_the_same_environment(tree, pip, quick_venv, name):
    environment.ready(tree)
    (tree / ".venv" / "mine").touch()
    (tree / name).write_text("# second\n")
    assert not environment.is_ready(tree)
    environment.ready(tree)
    assert pip.calls == 2 and environment.is_ready(tree) and (tree / ".venv" / "mine").exists()


def test_a_moved_checkout_is_not_ready(tree, pip, quick_venv):
    environment.ready(tree)
    moved = tree.rename(tree.with_name("elsewhere"))
    assert not environment.is_ready(moved)


def test_a_failed_first_install_leaves_nothing_but_its_log(tree, pip, quick_venv):
    before = set(tree.iterdir())
    pip.raises = [pip_install.Failed("no network: connect.")]
    with pytest.raises(environment.NotReady, match="no network: connect") as caught:
        environment.ready(tree)
    assert set(tree.iterdir()) == before
    log = Path(str(caught.value).split("The whole log: ")[1])
    assert log.read_text() == "all that pip said\n"
    log.unlink()


def test_a_failed_update_leaves_the_environment_as_it_was(tree, pip, quick_venv):
    environment.ready(tree)
    (tree / "pyproject.toml").write_text("# second\n")
    pip.raises = [pip_install.Failed("no network")]
    with pytest.raises(environment.NotReady):
        environment.ready(tree)
    (tree / "pyproject.toml").write_text("# first\n")
    assert environment.is_ready(tree)


def test_an_interrupted_update_is_not_ready_even_if_the_change_is_undone(tree, pip, quick_venv):
    environment.ready(tree)
    (tree / "pyproject.toml").write_text("# second\n")
    pip.raises = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        environment.ready(tree)
    (tree / "pyproject.toml").write_text("# first\n")
    assert not environment.is_ready(tree)
    environment.ready(tree)
    assert pip.calls == 3 and environment.is_ready(tree)


def test_an_interrupted_install_is_taken_up_again(tree, pip, quick_venv):
    pip.raises = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        environment.ready(tree)
    assert marker(tree).read_text() == "packages" and not environment.is_ready(tree)
    packages = next((tree / ".venv").glob("lib/python*/site-packages"), tree / ".venv" / "Lib" / "site-packages")
    for name in ("whole-1.0.dist-info", "cut_off-1.0.dist-info"):
        (packages / name).mkdir()
        (packages / name / "INSTALLER").write_text("pip\n")
    (packages / "whole-1.0.dist-info" / "RECORD").touch()
    environment.ready(tree)
    assert environment.is_ready(tree)
    assert (packages / "whole-1.0.dist-info").exists() and not (packages / "cut_off-1.0.dist-info").exists()


def test_an_interrupted_install_that_then_fails_leaves_nothing(tree, pip, quick_venv):
    pip.raises = [pip_install.Failed("no network"), KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        environment.ready(tree)
    with pytest.raises(environment.NotReady):
        environment.ready(tree)
    assert not (tree / ".venv").exists()


@pytest.mark.parametrize("why", ["interrupted while pip was put in", "another version"])
def test_an_unusable_environment_is_made_anew(tree, pip, quick_venv, monkeypatch, why):
    environment.ready(tree)
    (tree / ".venv" / "course-ready").unlink()
    (tree / ".venv" / "old").touch()
    if why == "another version":
        monkeypatch.setattr(environment, "_probe", lambda root: "3.9")
    else:
        marker(tree).write_text("venv")
    environment.ready(tree)
    assert environment.is_ready(tree) and not (tree / ".venv" / "old").exists()


def test_an_environment_made_by_hand_is_left_alone(tree, pip, monkeypatch):
    (tree / ".venv").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tree / ".venv"))
    environment.ready(tree)
    assert pip.calls == 0 and list((tree / ".venv").iterdir()) == []


def test_python_without_venv_is_told_what_to_install(tree, pip, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(environment.NotReady, match=r"comes without venv.*install"):
        environment.ready(tree)
    assert not (tree / ".venv").exists()


def test_too_little_room_is_noticed_before_anything_is_made(tree, pip, monkeypatch):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: Disk(10**10, 9 * 10**9, 10**9))
    with pytest.raises(environment.NotReady, match=r"takes 2 GB .* 1\.0 GB are free"):
        environment.ready(tree)
    assert not (tree / ".venv").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write to")
def test_a_folder_that_cannot_be_written_to():
    with pytest.raises(environment.NotReady, match=r"/proc/self cannot be written to .* folder of your own"):
        environment.check_machine("/proc/self")


def test_a_full_disk_while_the_environment_is_made(tree, pip, monkeypatch):
    def full(command):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment, "_call", full)
    with pytest.raises(environment.NotReady, match="the disk is full: make room"):
        environment.ready(tree)
    assert not (tree / ".venv").exists()


def test_the_lock_is_held_until_its_holder_ends_and_freed_when_it_is_killed(tree):
    code = (f"import time; from course import environment as e\n"
            f"with e._lock({str(tree)!r}): print(1, flush=True); time.sleep(60)")
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    holder.stdout.readline()
    with environment._lock_file(tree) as file:
        assert not environment._try_lock(file)
        holder.kill()
        holder.wait()
        assert environment._try_lock(file)


def test_what_needs_another_python_is_kept_from_this_one(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/old/packages")
    monkeypatch.setenv("PIP_INDEX_URL", "kept")
    environ = pip_install.clean_environ()
    assert "PYTHONPATH" not in environ and environ["PIP_INDEX_URL"] == "kept"


NO_INDEX = ["WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'",
            "ERROR: Could not find a version that satisfies the requirement flit_core (from versions: none)",
            "ERROR: No matching distribution found for flit_core"]


@pytest.mark.parametrize("lines, expected", [
    (NO_INDEX, "no network"),
    (NO_INDEX[1:], "has no flit_core for Python"),
    (["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"], "disk is full"),
    (["Could not fetch URL: SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))"], "certificate"),
    (["Collecting x", "ERROR: Cannot install a and b because they conflict", ""], "Cannot install a and b"),
    ([], "without a word"),
])
def test_one_line_says_why_pip_failed(lines, expected):
    message = pip_install.explain(lines)
    assert expected in message and "\n" not in message


@pytest.mark.parametrize("line, mb", [
    ("  Downloading torch-2.whl (191.8 MB)", 191.8),
    ("Downloading a.whl (99 kB)", 0.099),
    ("Downloading b.whl (1.2 GB)", 1200),
    ("Using cached a.whl (12 MB)", 0),
])
def test_downloads_are_counted(line, mb):
    assert pip_install.megabytes(line) == pytest.approx(mb)


CPU_INDEX = ["--extra-index-url", pip_install.TORCH_CPU_INDEX]


@pytest.mark.parametrize("platform, nvidia, config, answers, expected", [
    pytest.param("linux", False, "global.cert='x'\n", True, CPU_INDEX, id="nothing set"),
    pytest.param("linux", True, "", True, [], id="nvidia"),
    pytest.param("darwin", False, "", True, [], id="mac"),
    pytest.param("linux", False, "global.index-url='x'\n", True, [], id="own index"),
    pytest.param("linux", False, ":env:.find-links='x'\n", True, [], id="own wheels"),
    pytest.param("linux", False, "", False, [], id="unreachable"),
])
def test_torch_comes_from_the_cpu_index_only_where_it_should(
    monkeypatch, platform, nvidia, config, answers, expected
):
    def ask(python, *arguments):
        status = 0 if answers or arguments[0] != "index" else 1
        return subprocess.CompletedProcess(arguments, status, stdout=config, stderr="")

    monkeypatch.delenv("COURSE_TORCH_INDEX", raising=False)
    monkeypatch.setattr(pip_install.sys, "platform", platform)
    monkeypatch.setattr(pip_install, "has_nvidia", lambda: nvidia)
    monkeypatch.setattr(pip_install, "_ask", ask)
    assert pip_install._index_options("python") == expected


def test_an_own_index_is_seen_by_pip_itself(monkeypatch):
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    assert not pip_install.index_is_set(sys.executable)
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    assert pip_install.index_is_set(sys.executable)
