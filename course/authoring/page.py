"""A notebook as a page that is read from a folder: nbconvert's HTML, its links leading to other pages."""

import copy
import functools
import html
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat.v4 import new_markdown_cell, new_notebook

from course.authoring import derive, notebook

PAGES = Path(__file__).with_name("pages")
ATLAS = "notebooks/convention_atlas.md"
LINK = re.compile(r"\[([^\]\n]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.DOTALL)
MINUTES = re.compile(r"Minutes: (\d+) for the lesson, (\d+) for the exercise")
# What a browser can show without a kernel, best first; a widget's picture or text stands in for it.
TYPES = ["text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg", "text/plain"]


@dataclass(frozen=True)
class Head:
    """What a lesson says of itself in its first cell; minutes: for lesson and exercise."""

    title: str
    promise: str
    question: str
    minutes: tuple[int, int]


def lesson(stem):
    """A lesson as the build wrote it."""
    return notebook.read(notebook.ROOT / "notebooks" / f"{stem}.ipynb")


def exercise(stem):
    """The exercise of a lesson, made from its solution: the file in exercises/ may hold somebody's answers."""
    book = notebook.read(notebook.ROOT / "solutions" / f"{stem}.ipynb")
    return derive.exercise(derive.mark(notebook.normalize(book, f"solutions/{stem}")))


def atlas():
    """The convention atlas as a notebook of one cell."""
    return new_notebook(cells=[new_markdown_cell((notebook.ROOT / ATLAS).read_text("utf-8"), id="atlas")])


def head(stem):
    """The Head of a lesson. Raises ValueError where its first cell is not as the README says."""
    source = notebook.BADGE.sub("\n", lesson(stem).cells[0].source)
    parts = [part.strip() for part in source.split("\n\n") if part.strip()]
    minutes = MINUTES.search(source)
    asked = [part for part in parts[1:] if part.startswith("**")]
    if not parts[0].startswith("# ") or not minutes or not asked:
        raise ValueError(f"notebooks/{stem}.ipynb: the first cell lacks a title, the minutes or a question in bold")
    question = re.sub(r"^The question[.:]\s*", "", asked[0].replace("**", ""))
    return Head(parts[0][2:], parts[1], question[0].upper() + question[1:], (int(minutes[1]), int(minutes[2])))


def page_of(name):
    """The page of a file of the checkout, such as notebooks/08_adam.ipynb, or None where there is none."""
    folder, stem = posixpath.split(name)
    if name == ATLAS:
        return "convention_atlas.html"
    if stem.endswith(".ipynb") and folder in ("notebooks", "exercises"):
        page = stem.removesuffix(".ipynb") + ".html"
        return page if folder == "notebooks" else f"exercises/{page}"
    return None


def relink(text, folder, page, pages):
    """Markdown of a notebook in `folder`, its links leading from `page` to other pages.

    A link to a file that has no page becomes its own words.
    """

    def lead(link):
        words, name, anchor = link[1], posixpath.normpath(posixpath.join(folder, link[2])), link[3] or ""
        target = page_of(name)
        if target not in pages:
            return words
        return f"[{words}]({posixpath.relpath(target, posixpath.dirname(page) or '.')}{anchor})"

    return LINK.sub(lead, text)


def prepare(book, folder, page, pages):
    """A copy for a page: without what only Colab needs, its links leading to pages."""
    book = copy.deepcopy(book)
    book.cells = [cell for cell in book.cells if not _for_colab(cell)]
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = relink(notebook.BADGE.sub("\n", cell.source), folder, page, pages)
    return book


def _for_colab(cell):
    return cell.cell_type == "code" and "google.colab" in cell.source


def render(book, template, page):
    """The HTML of a prepared notebook, as text with one end of line.

    page: what the template reads: title, root (the way to the folder of the pages), way (links to others).
    """
    math = any("$" in cell.source for cell in book.cells if cell.cell_type == "markdown")
    text, _ = _exporter(template).from_notebook_node(book, {"page": {**page, "math": math}})
    return anchors(text).strip("\n") + "\n"


@functools.cache
def _exporter(template):
    from nbconvert.exporters import HTMLExporter
    from traitlets.config import Config

    return HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": TYPES}}),
        template_name=template,
        extra_template_basedirs=[str(PAGES)],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )


def anchors(text):
    """HTML whose headings can be linked to as on GitHub: "Nesterov's momentum" as #nesterovs-momentum.

    A heading stays as it is where its name is taken, by another heading or by an anchor that an author wrote.
    """
    taken = set(re.findall(r' id="([^"]*)"', text))

    def heading(match):
        words = html.unescape(re.sub(r"<[^>]+>", "", match[2])).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        if not name or name in taken:
            return match[0]
        taken.add(name)
        return f'<h{match[1]} id="{name}">{match[2]}</h{match[1]}>'

    return HEADING.sub(heading, text)
