"""python3 -m course slides LESSON OUT: a lesson as slides in a browser, without a network.

A heading of the lesson begins a slide; the cells below it follow, each on a slide of its own. The marks are
those that nbconvert makes for reveal.js (`slideshow` in a cell's metadata, which an author may set by hand),
and so are the nested sections. reveal.js itself comes from the package sphinx-revealjs, whose files are copied.
"""

import argparse
import ast
import copy
import importlib.util
import re
import sys
from pathlib import Path

from nbformat.v4 import new_markdown_cell

from course.authoring import mathjax, notebook, page, site
from course.inputs import unknown

KIND = "slides"
WORDS = 90  # on one slide: about what is read aloud in half a minute
FEW = 25  # words that are not worth a slide of their own
LINES = 3  # of code that printed nothing: it stays on the slide before, as `my_guess = 0.3` does
REVEAL = {  # files of reveal.js 5 (MIT) in sphinx_revealjs/_static/revealjs, by their names beside the page
    "reveal.js": "dist/reveal.js",
    "reveal.css": "dist/reveal.css",
    "notes.js": "plugin/notes/notes.js",  # s: the speaker's view
    "zoom.js": "plugin/zoom/zoom.js",  # Alt and a click: a closer look
    "reveal-LICENSE.txt": "LICENSE",
}


def main(argv):
    """Write the slides of one lesson: 0; 1 where they could not be written, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python3 -m course slides", description="Write a lesson as slides.")
    parser.add_argument("lesson", metavar="LESSON", help="such as 08_adam or 08")
    parser.add_argument("out", metavar="OUT", help="a folder that is new, empty, or was written by this command")
    options = parser.parse_args(argv)
    try:
        stem = find(options.lesson)
    except ValueError as error:
        print(f"course: {error}", file=sys.stderr)
        return 2
    keys = ("Open {} in a browser. Arrow keys turn the slides, o shows them all, ? lists the keys; "
            "to print one to a page, add ?print-pdf to the address.")
    return site.save(KIND, options.out, lambda: files(stem), keys)


def find(name):
    """The stem of a lesson from "08", "8" or "08_adam". Raises ValueError where there is none."""
    stems = notebook.stems("notebooks")
    for stem in stems:
        if name in (stem, f"{stem}.ipynb") or stem.partition("_")[0] == name.zfill(2):
            return stem
    raise unknown("lesson", name, stems)


def files(stem):
    """The slides of a lesson: {name: bytes}, sorted; the same bytes for the same notebook."""
    book = arrange(page.prepare(page.lesson(stem), "notebooks", site.INDEX, set()))
    text = page.render(book, "slides", {"title": page.head(stem).title})
    found = {site.INDEX: text.encode(), "style.css": site.style().encode()} | mathjax.files() | reveal()
    for name in ("slides.css", "slides.js"):
        found[name] = (page.PAGES / name).read_bytes()
    found["LICENSE.txt"] = (notebook.ROOT / "LICENSE").read_bytes()
    return dict(sorted(found.items()))


def reveal():
    """reveal.js for the folder of the slides: {name: bytes}. Raises RuntimeError where it is not installed."""
    how = 'slides need reveal.js from the package sphinx-revealjs: pip install -e ".[slides]" -c constraints.txt'
    spec = importlib.util.find_spec("sphinx_revealjs")  # which is not run: it imports all of Sphinx
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"sphinx_revealjs is not installed, and {how}")
    folder = Path(spec.submodule_search_locations[0]) / "_static" / "revealjs"
    missing = [path for path in REVEAL.values() if not (folder / path).is_file()]
    if missing:
        raise RuntimeError(f"{folder} holds no {missing[0]}, and {how}")
    found = {name: (folder / path).read_bytes() for name, path in REVEAL.items()}
    found["reveal.js"] = re.sub(rb"\n//# sourceMappingURL=\S+", b"", found["reveal.js"])  # no map is copied
    return found


def arrange(book):
    """A copy whose cells say where slides begin; long prose is several cells, code under a picture is folded."""
    book = copy.deepcopy(book)
    cells = []
    for cell in book.cells:
        given = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if cell.cell_type == "code":
            cell.metadata.folded = any("<img" in out.get("data", {}).get("text/html", "") for out in cell.outputs)
            cells.append(_mark(cell, given, _code_kind(cell)))
        elif given != "-":
            cells.append(cell)
        else:
            for number, part in enumerate(split(cell.source)):
                kind = "slide" if re.match(r"##? ", part) else "subslide"
                cells.append(_mark(new_markdown_cell(part, id=f"{cell.id}-{number}"[-64:]), "-", kind))
    book.cells = cells
    return book


def _code_kind(cell):
    """How a code cell begins: imports alone are left out, a short one without output stays where it is."""
    try:
        only_imports = all(isinstance(line, ast.Import | ast.ImportFrom) for line in ast.parse(cell.source).body)
    except SyntaxError:  # IPython's own commands
        only_imports = False
    if cell.outputs:
        return "subslide"
    return "skip" if only_imports else "-" if cell.source.count("\n") < LINES else "subslide"


def split(text, words=WORDS):
    """Markdown in parts of about so many words, between paragraphs; a heading stays with what it heads."""
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    if "<details" in text or "```" in text:
        return [text]
    parts, size = [], 0
    for block in blocks:
        length, heading = len(block.split()), block.startswith("#")
        small = size + length <= words or length < FEW
        fits = block.startswith("$$") or (small and not re.match(r"##? ", block))
        if parts and (fits or _is_heading(parts[-1])):
            parts[-1] += f"\n\n{block}"
            size += length
        else:
            parts.append(block)
            size = 0 if heading else length
    return parts


def _is_heading(part):
    return part.startswith("#") and "\n" not in part


def _mark(cell, given, derived):
    cell.metadata["slideshow"] = {"slide_type": derived if given == "-" else given}
    return cell
