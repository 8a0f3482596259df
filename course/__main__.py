"""The commands of the course: `python3 -m course lab`, `python3 -m course test` and the others below.

Every command runs inside `.venv`, which is made on first use. This file must parse under any Python since
2.7, so that one which is too old is told so in one line: no annotations, no f-strings, and nothing
imported at the top that an old Python lacks.
"""

from __future__ import print_function

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "py" if os.name == "nt" else "python3"

# name, what --help says about it, "module:function"; the function takes a list of arguments and returns
# the exit status: 0 done, 1 something failed, 2 wrong usage, 3 the environment cannot be made.
COMMANDS = [
    ("lab", "open the lessons in JupyterLab", "course.lab:main"),
    ("test", "run every test, every notebook and every exercise check", "course.authoring.suite:main"),
    ("check", "show that every solution passes and every blank fails", "course.authoring.verify:main"),
    ("build", "make exercises/ from solutions/ and run the notebooks again", "course.authoring.build:main"),
    ("grade", "grade a class: verdicts, feedback pages, reports", "course.grading.command:main"),
    ("bench", "measure: speed as ratios, verdicts as counts", "course.bench.command:main"),
    ("parity", "hold every rule beside torch's class and print the largest difference", "course.authoring.parity:main"),
    ("mutants", "change every token of the rules and schedules, and show that the tests see it", "course.authoring.mutants:main"),
    ("progress", "print which exercises are solved", "course.progress:main"),
    ("site", "write every lesson as HTML that works offline from a folder", "course.authoring.site:main"),
    ("slides", "write a lesson as slides for a browser, offline too", "course.authoring.slides:main"),
    ("export", "write what a class is given, or a course folder for nbgrader", "course.grading.export:main"),
]


def here(target):
    """Whether this copy has the module of a "module:function": a copy made for a class lacks what needs solutions."""
    path = os.path.join(ROOT, *target.split(":")[0].split("."))
    return os.path.exists(path + ".py") or os.path.exists(os.path.join(path, "__init__.py"))


def usage():
    """The text of --help: one line per command."""
    lines = ["usage: {0} -m course COMMAND [OPTIONS]".format(PYTHON), ""]
    lines += ["  {0:10}{1}".format(name, what) for name, what, target in COMMANDS if here(target)]
    lines += [
        "",
        "The first command makes .venv and installs what the course needs.",
        "Options of one command: {0} -m course COMMAND --help".format(PYTHON),
        "From another folder:    {0} {1} COMMAND".format(PYTHON, os.path.join(ROOT, "course")),
    ]
    return "\n".join(lines)


def refuse(message, status):
    """Print one line on stderr and return the exit status."""
    print("course: " + message, file=sys.stderr)
    return status


def find(name):
    """The "module:function" of a command, or None."""
    return dict((command, target) for command, _, target in COMMANDS).get(name)


def unknown(name):
    """One line about a command that does not exist."""
    import difflib

    names = [command for command, _, target in COMMANDS if here(target)]
    near = difflib.get_close_matches(name, names, n=1)
    hint = "did you mean {0!r}?".format(near[0]) if near else "the commands are " + ", ".join(names) + "."
    return "there is no command {0!r}; {1}".format(name, hint)


def only_in_full(name):
    """One line about a command that this copy lacks."""
    names = ", ".join(command for command, _, target in COMMANDS if here(target))
    return ("{0} belongs to the full repository, which has the solutions; this is the copy for a class, and its "
            "commands are {1}.".format(name, names))


def call(target, arguments):
    """Import "module:function" and call it with the arguments: the exit status, an int."""
    import importlib

    module, function = target.split(":")
    return getattr(importlib.import_module(module), function)(arguments) or 0


def call_for_help(target, arguments):
    """Print a command's own --help without .venv, or return None where it cannot be imported without."""
    try:
        return call(target, arguments)
    except ImportError:
        return None


def main(argv=None):
    """Run one command: the exit status, an int."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.version_info < (3, 11):
        seen = "{0}.{1}.{2}".format(*sys.version_info[:3])
        return refuse("Python 3.11 or newer is needed, and this is {0} ({1}); start the course with a newer "
                      "one, for example python3.12 -m course.".format(seen, sys.executable), 3)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    target = find(arguments[0])
    if target is None:
        return refuse(unknown(arguments[0]), 2)

    from course import environment

    if not environment.is_checkout(ROOT):
        return refuse("the copy in {0} has no notebooks beside it; this needs a checkout: git clone the "
                      "course and run it there.".format(ROOT), 3)
    if not here(target):
        return refuse(only_in_full(arguments[0]), 2)
    try:
        if "--help" in arguments or "-h" in arguments:
            status = call_for_help(target, arguments[1:])
            if status is None:  # its module needs .venv, and help must not make that
                what = dict((name, what) for name, what, _ in COMMANDS)[arguments[0]]
                print("usage: {0} -m course {1}\n\n{2}.".format(PYTHON, arguments[0], what[0].upper() + what[1:]))
                status = 0
            return status
        environment.ready(ROOT)
        if not environment.is_inside(ROOT):
            return environment.run_inside(ROOT, arguments)
        return call(target, arguments[1:])
    except environment.NotReady as error:
        return refuse(str(error), 3)
    except KeyboardInterrupt:
        return refuse("interrupted.", 130)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        sys.stdout = None
        return 0


if __name__ == "__main__":
    # Started as `python3 FOLDER/course`, the first place that is searched would be course/ itself.
    if not __package__:
        sys.path[0] = ROOT
    sys.exit(main())
