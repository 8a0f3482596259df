"""python3 -m course slides LESSON OUT: a lesson as slides in a browser, without a network.

A heading of the lesson begins a slide; the cells below it follow, each on a slide of its own. The marks are
those that nbconvert makes for reveal.js (`slideshow` in a cell's metadata, which an author may set by hand),
and so are the nested sections; slides.js of this folder shows them, since no package brings reveal.js itself.
"""

import argparse
import ast
import copy
import re
import sys

from nbformat.v4 import new_markdown_cell

from course.authoring import mathjax, notebook, page, site
from course.inputs import unknown

KIND = "slides"
WORDS = 90  # on one slide: about what is read aloud in half a minute
FEW = 25  # words that are not worth a slide of their own
LINES = 3  # of code that printed nothing: it stays on the slide before, as `my_guess = 0.3` does


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
    keys = "Open {} in a browser. Arrow keys turn the slides, o shows them all, printing gives one to a page."
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
    found = {site.INDEX: text.encode(), "style.css": site.style().encode()} | mathjax.files()
    for name in ("slides.css", "slides.js"):
        found[name] = (page.PAGES / name).read_bytes()
    found["LICENSE.txt"] = (notebook.ROOT / "LICENSE").read_bytes()
    return dict(sorted(found.items()))


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
