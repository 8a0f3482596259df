"""MathJax for pages that are read without a network: the one that JupyterLab ships, as a single script.

JupyterLab's own build holds MathJax 3 (Apache-2.0) as numbered modules in its chunks, and the fonts
(SIL Open Font License) as files with hashed names. The modules that the entries below need are taken out by
what they export, whatever their numbers are; the fonts by the names inside them, as data: addresses, since
Firefox loads no font from a neighbouring file. Formulas of a page then look as they do in JupyterLab.
"""

import base64
import json
import re
from pathlib import Path

PAGES = Path(__file__).with_name("pages")
# What typeset.js takes from MathJax, each exported by one module.
ENTRIES = ("mathjax", "HTMLHandler", "AssistiveMmlHandler", "browserAdaptor", "TeX", "AllPackages", "CHTML", "TeXFont")
CHUNK = re.compile(r"\.push\(\[\[[^\]]*\],\{")
MODULE = re.compile(r"(?<=[{,])(\d+)\((?:\w+(?:,\w+)*)?\)\{")
REQUIRED = re.compile(r"\b\w\((\d+)\)")
NOTICE = """/*! MathJax {version}, copyright The MathJax Consortium, Apache-2.0: see mathjax-LICENSE.txt. The modules are
 those of JupyterLab's build, unchanged. Fonts: copyright Design Science, Inc. and The MathJax Consortium,
 SIL Open Font License 1.1. */
"""


def static():
    """The folder of JupyterLab's built files."""
    from jupyterlab.commands import get_app_dir

    return Path(get_app_dir()) / "static"


def files(folder=None):
    """{"mathjax.js", "mathjax-LICENSE.txt": bytes}; the same bytes for the same JupyterLab.

    folder: JupyterLab's built files; default: those that are installed.

    Raises RuntimeError where they do not hold MathJax in the form that is known.
    """
    folder = static() if folder is None else Path(folder)
    version, text = _licence(folder)
    modules = read_modules(folder)
    entries = {name: _exporter(name, modules) for name in ENTRIES}
    needed = closure(entries.values(), modules)
    script = (PAGES / "typeset.js").read_text("utf-8")
    parts = {
        "/*MODULES*/": ",\n".join(needed[number] for number in sorted(needed, key=int)),
        "/*ENTRIES*/": json.dumps({name: int(number) for name, number in entries.items()}),
        "/*FONTS*/": json.dumps(fonts(folder)),
    }
    for mark, part in parts.items():
        script = script.replace(mark, part)
    return {"mathjax.js": (NOTICE.format(version=version) + script).encode(), "mathjax-LICENSE.txt": text.encode()}


def read_modules(folder):
    """Every module of a build's chunks: {number: "number(module,exports,require){...}"}."""
    found = {}
    for path in sorted(folder.glob("*.js")):
        text = path.read_text("utf-8")
        head = CHUNK.search(text)
        if not head:
            continue
        starts = [(match.start(), match[1]) for match in MODULE.finditer(text, head.end() - 1)]
        ends = [*(start for start, _ in starts[1:]), text.rindex("}]")]  # the last brace closes the table
        for (start, number), end in zip(starts, ends, strict=False):
            found[number] = text[start : text.rindex("}", start, end) + 1]
    return found


def closure(numbers, modules):
    """The modules with these numbers and all that they require, directly or not: {number: text}."""
    todo, needed = list(numbers), {}
    while todo:
        number = todo.pop()
        if number in modules and number not in needed:
            needed[number] = modules[number]
            todo += REQUIRED.findall(modules[number])
    return needed


def fonts(folder):
    """MathJax's fonts by the names of their files, such as MathJax_Main-Regular: {name: base64 of the woff}."""
    from fontTools.ttLib import TTFont  # Matplotlib brings it

    found = {}
    for path in sorted(folder.glob("*.woff")):
        name = TTFont(path)["name"].getDebugName(6)
        if name.startswith("MathJax_"):
            found[name] = base64.b64encode(path.read_bytes()).decode()
    if "MathJax_Main-Regular" not in found:
        raise RuntimeError(f"{folder} holds no font MathJax_Main-Regular, and pages need MathJax's fonts; "
                           "install the JupyterLab that constraints.txt names")
    return found


def _exporter(name, modules):
    """The number of the one module that exports a name."""
    export = re.compile(rf"\.{name}=(?!=)")
    found = [number for number, text in modules.items() if export.search(text)]
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} modules of the installed JupyterLab export MathJax's {name}, expected 1; "
                           "install the JupyterLab that constraints.txt names")
    return found[0]


def _licence(folder):
    """The version of MathJax and the text of its licence."""
    path = folder / "third-party-licenses.json"
    packages = json.loads(path.read_text("utf-8"))["packages"] if path.exists() else []
    for package in packages:
        if package["name"] == "mathjax-full":
            return package["versionInfo"], package["extractedText"].strip("\n") + "\n"
    raise RuntimeError(f"{path} names no mathjax-full, and pages need MathJax; install the JupyterLab that "
                       "constraints.txt names")
