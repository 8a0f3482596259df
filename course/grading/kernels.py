"""A process that has imported torch once and forks Jupyter kernels: `python -m course.grading.kernels CONTROL`.

CONTROL is the number of an open UNIX socket. Messages are those of `wire.dumps`; each gets one answer.

{"op": "fork", "argv", "cwd", "env"}  start `ipykernel_launcher` with these arguments: {"pid"}
{"op": "status", "pid"}               {"status"}: its exit status, negative for a signal, null while it runs

When the socket closes, the process ends, and the kernels see that and end as well.
"""

import contextlib
import gc
import os
import signal
import socket
import sys

from course.grading import wire

THREADS = tuple(f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL"))


def main(control):
    """Serves until the control socket closes."""
    warm()
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    control.sendall(wire.dumps({"threads": threads}))
    ended = {}
    while True:
        message = wire.read(control.recv)
        if message is None:
            return
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended[found[0]] = os.waitstatus_to_exitcode(found[1])
        if message["op"] == "status":
            control.sendall(wire.dumps({"status": ended.get(message["pid"])}))
            continue
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            control.close()
            become(message["argv"], message["cwd"], message["env"])
        control.sendall(wire.dumps({"pid": pid}))


def warm():
    """Imports what every lesson needs, without a thread, a device, a shell or a drawing backend coming up."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as ipykernel sets it in a kernel
    import ipykernel.kernelapp  # noqa: F401
    import IPython.core.interactiveshell  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import torch
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parameter = torch.zeros(2, requires_grad=True)  # the first optimizer imports for a second
    optimizer = torch.optim.Adam([parameter])
    parameter.square().sum().backward()
    optimizer.step()
    figure = Figure()
    FigureCanvasAgg(figure)
    figure.add_subplot().plot([0, 1])
    figure.canvas.draw()
    for name in ("course.plots", "course.run", "course.torch_optim", "course.check", "course.data", "course.train"):
        __import__(name)
    gc.collect()
    gc.freeze()


def become(argv, cwd, env):
    """What a forked kernel does: the same as `python -m ipykernel_launcher`."""
    status = 1
    try:
        os.setsid()
        gc.unfreeze()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(env | {"JPY_PARENT_PID": str(os.getppid())})
        os.chdir(cwd)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        sys.argv = ["ipykernel_launcher", *argv]
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
