"""A learner's notebook in an interpreter of its own, on any system: `python -m course.grading.lone`.

Standard input brings {"setup": [cell, ...]} and then the job; the frames go to standard output. There is no sandbox.
"""

import contextlib
import os
import sys

from course.grading import child, wire


def main():
    into, out = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        for fd in (into, out):
            msvcrt.setmode(fd, os.O_BINARY)
    child.quiet()
    child.stub_check()
    shell = child.make_shell()
    receive = lambda n: os.read(into, n)  # noqa: E731
    setup = wire.read(receive)
    module = child.prepare(shell, setup["setup"])
    send(out, b"!")  # ready
    job = wire.read(receive)
    with contextlib.suppress(ImportError):
        from course.grading import confine

        if sys.platform != "win32":
            confine.limit("CORE", 0)
    child.enter(shell, module)
    child.serve(lambda data: send(out, data), shell, job)
    os._exit(0)


def send(fd, data):
    while data:
        data = data[os.write(fd, data) :]


if __name__ == "__main__":
    main()
