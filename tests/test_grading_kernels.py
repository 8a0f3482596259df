"""Kernels that are forks of a process with torch: they behave as kernels do, and end as kernels end."""

import os
import sys
import time

import pytest
from jupyter_client.manager import start_new_kernel

from course.grading import provisioner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A function that starts a forked kernel: (manager, client). All are ended at the end."""
    from jupyter_client.provisioning import KernelProvisionerFactory

    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", provisioner.NAME)
    for name in provisioner.THREADS:
        monkeypatch.setenv(name, "1")
    KernelProvisionerFactory.clear_instance()  # it keeps the name that it was made with
    started = []

    def start():
        started.append(start_new_kernel(kernel_name="python3", cwd=str(tmp_path)))
        return started[-1]

    yield start
    for manager, client in started:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    KernelProvisionerFactory.clear_instance()


def run(client, code):
    """What the code prints, or the name of what it raises."""
    printed = []
    reply = client.execute_interactive(
        code, timeout=60, output_hook=lambda m: printed.append(m["content"].get("text", ""))
    )
    return reply["content"].get("ename") or "".join(printed).strip()


def test_a_forked_kernel_has_torch_and_shares_nothing(kernel, tmp_path):
    (one, first), (_, second) = kernel(), kernel()
    assert isinstance(one.provisioner.process, provisioner.Forked)
    assert run(first, "import sys; print('torch' in sys.modules)") == "True"
    assert run(first, "import os; x = 1; print(os.getcwd())") == str(tmp_path)
    assert run(second, "x") == "NameError"
    assert run(first, "import matplotlib.pyplot as plt; plt.plot([1, 2]); print(plt.get_backend())").endswith("inline")
    code = "import torch; a = torch.ones(300, 300) @ torch.ones(300, 300); a.requires_grad_().sum().backward(); print(a[0, 0].item())"
    assert run(first, code) == "300.0"


def test_it_can_be_interrupted_restarted_and_ended(kernel):
    manager, client = kernel()
    first = manager.provisioner.pid
    client.execute("while True: pass")
    time.sleep(0.5)
    manager.interrupt_kernel()
    client.wait_for_ready(timeout=30)
    assert run(client, "print(1)") == "1"
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=30)
    assert manager.provisioner.pid != first
    pid = manager.provisioner.pid
    manager.shutdown_kernel(now=True)
    for _ in range(100):
        if not os.path.isdir(f"/proc/{pid}"):
            break
        time.sleep(0.05)
    assert manager.is_alive() is False


def test_a_kernel_that_crashes_is_seen(kernel):
    manager, client = kernel()
    client.execute("import os; os._exit(3)")
    deadline = time.monotonic() + 20
    while manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not manager.is_alive()


@pytest.mark.parametrize("cmd", [
    ["/bin/sh", "-m", "ipykernel_launcher", "-f", "x"],
    [sys.executable, "-m", "other", "-f", "x"],
    [sys.executable],
])  # fmt: skip
def test_another_command_is_started_in_the_ordinary_way(cmd):
    assert provisioner.forkable(cmd) is None


def test_with_more_than_one_thread_a_kernel_is_not_forked():
    assert provisioner.server_for(dict.fromkeys(provisioner.THREADS, "2")) is None


def test_this_interpreter_is_forkable():
    assert provisioner.forkable([sys.executable, "-m", "ipykernel_launcher", "-f", "x"]) == ["-f", "x"]
