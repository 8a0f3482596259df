"""python3 -m course site OUT: every lesson and exercise as HTML that is read from a folder, without a network."""

import argparse
import html
import posixpath
import re
import sys

from course import exercises
from course.authoring import folder, mathjax, notebook, page, picture
from course.authoring.derive import in_words

KIND = "site"
INDEX = "index.html"
ATLAS = "convention_atlas.html"


def main(argv):
    """Write the site: 0; 1 where it could not be written, 2 where the folder is not ours to write."""
    parser = argparse.ArgumentParser(prog="python3 -m course site", description=__doc__.splitlines()[0])
    parser.add_argument("out", metavar="OUT", help="a folder that is new, empty, or was written by this command")
    options = parser.parse_args(argv)
    return save(KIND, options.out, files, "Open {} in a browser; the folder can be copied anywhere.")


def save(kind, out, make, done):
    """Write what `make` returns into the folder `out`: the exit status. Errors are said in one line each."""
    try:
        target = folder.free(out, kind)
    except folder.Refused as error:
        print(f"course: {error}", file=sys.stderr)
        return 2
    try:
        contents = make()
        folder.write(target, contents, kind)
    except OSError as error:
        print(f"course: {error.filename or out}: {error.strerror}; nothing was written.", file=sys.stderr)
        return 1
    except (ValueError, RuntimeError) as error:
        print(f"course: {in_words(error)}; nothing was written.", file=sys.stderr)
        return 1
    size = sum(map(len, contents.values())) / 1e6
    print(f"Wrote {len(contents)} files, {size:.1f} MB. {done.format(target / INDEX)}")
    return 0


def files():
    """The site: {path below its folder, with slashes: bytes}, sorted; the same bytes for the same notebooks."""
    stems = notebook.stems("notebooks")
    heads = {stem: page.head(stem) for stem in stems}
    pages = {INDEX, ATLAS, *(f"{stem}.html" for stem in stems), *(f"exercises/{stem}.html" for stem in stems)}
    found = {INDEX: _index(heads)}
    for place, stem in enumerate(stems):
        around = (stems[place - 1] if place else None, stems[place + 1] if place + 1 < len(stems) else None)
        found[f"{stem}.html"] = _page(page.lesson(stem), "notebooks", f"{stem}.html", heads, pages, around)
        found[f"exercises/{stem}.html"] = _page(
            page.exercise(stem), "exercises", f"exercises/{stem}.html", heads, pages, around
        )
    found[ATLAS] = _page(page.atlas(), "notebooks", ATLAS, heads, pages, (None, None))
    found = {name: text.encode() for name, text in found.items()} | mathjax.files()
    found["style.css"] = style().encode()
    found["five_rules.png"] = (notebook.ROOT / picture.PICTURE).read_bytes()
    found["LICENSE.txt"] = (notebook.ROOT / "LICENSE").read_bytes()
    return dict(sorted(found.items()))


def style():
    """The style sheet of the pages, with Pygments' colors for code on a light and on a dark ground."""
    from pygments.formatters import HtmlFormatter

    light, dark = (_code_colors(HtmlFormatter(style=name)) for name in ("default", "github-dark"))
    sheet = (page.PAGES / "style.css").read_text("utf-8")
    return f"{sheet}\n{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _code_colors(formatter):
    """Rules for the pieces of code; the ground and the plain text are the page's own."""
    return "\n".join(line for line in formatter.get_style_defs(".highlight").splitlines()
                     if re.match(r"\.highlight \.\w+ \{", line) and "border" not in line)


def _page(book, where, name, heads, pages, around):
    stem = posixpath.basename(name).removesuffix(".html")
    root = "../" * name.count("/")
    title = heads[stem].title if stem in heads else "The convention atlas"
    is_exercise = where == "exercises"
    way = [("index", "All lessons", f"{root}{INDEX}", "")]
    for kind, label, other in zip(("prev", "next"), ("Previous", "Next"), around, strict=True):
        if other:
            way.append((kind, label, f"{other}.html", heads[other].title))
    if is_exercise:
        way.insert(1, ("lesson", "Lesson", f"{root}{stem}.html", title))
    elif stem in exercises.lessons():
        way.insert(1, ("exercise", "Exercise", f"exercises/{stem}.html", ""))
    about = {"title": f"Exercise: {title}" if is_exercise else title, "root": root, "way": way}
    return page.render(page.prepare(book, where, name, pages), "lesson", about)


def _index(heads):
    """The first page: what the course is, and each lesson with its question and minutes."""
    readme = (notebook.ROOT / "README.md").read_text("utf-8")
    title = re.search(r"^# (.+)$", readme, re.MULTILINE)[1]
    promise = re.search(r"^\*\*The promise:\*\* (.+)$", readme, re.MULTILINE)[1]
    alt = re.search(rf"^!\[(.+)\]\({picture.PICTURE}\)$", readme, re.MULTILINE)[1]
    rows, blanks = [], exercises.lessons()
    for stem, head in heads.items():
        exercise = f'<a href="exercises/{stem}.html">{len(blanks[stem])} blanks</a>'
        rows.append(
            f'<tr><th scope="row"><a href="{stem}.html">{html.escape(head.title)}</a></th>'
            f"<td>{html.escape(head.question)}</td><td>{exercise}</td>"
            f'<td class="minutes">{head.minutes[0]} + {head.minutes[1]}</td></tr>'
        )
    hours = sum(sum(head.minutes) for head in heads.values()) / 60
    text = (page.PAGES / "index.html").read_text("utf-8")
    parts = {"title": html.escape(title), "promise": html.escape(promise[0].upper() + promise[1:]),
             "alt": html.escape(alt), "rows": "\n".join(rows), "lessons": str(len(heads)), "hours": f"{hours:.0f}"}
    for name, part in parts.items():
        text = text.replace(f"{{{{ {name} }}}}", part)
    return text
