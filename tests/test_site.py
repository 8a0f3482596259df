"""`course site` and `course slides`: nothing is loaded from elsewhere, every link leads somewhere, nothing is lost."""

import hashlib
import html
import importlib.machinery
import importlib.util
import os
import posixpath
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from course import exercises
from course.authoring import folder, mathjax, notebook, page, site, slides

STEMS = notebook.stems("notebooks")
LOADS = {"src", "srcset", "poster", "data", "background"}  # attributes from which a browser loads at once


class Seen(HTMLParser):
    """What a page loads, where it leads, and the texts of its pictures and headings."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.ids, self.alts, self.headings, self.styles = [], [], [], [], [], []
        self._open = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.loads += [value for name, value in attributes if name in LOADS]
        self.styles.append(given.get("style") or "")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif "href" in given:
            self.loads.append(given["href"])
        if tag == "img":
            self.alts.append(given.get("alt"))
        if tag in ("h1", "h2", "style", "script"):
            self._open = tag
            if tag.startswith("h"):
                self.headings.append("")

    def handle_endtag(self, tag):
        self._open = None if tag == self._open else self._open

    def handle_data(self, data):
        if self._open == "style":
            self.styles.append(data)
        elif self._open in ("h1", "h2"):
            self.headings[-1] += data


@pytest.fixture(scope="module")
def files():
    return site.files()


@pytest.fixture(scope="module")
def deck():
    return slides.files("08_adam")


@pytest.fixture(scope="module")
def pages(files):
    return {name: Seen(data.decode()) for name, data in files.items() if name.endswith(".html")}


def loaded_from(seen):
    """Every address from which a page loads something."""
    return seen.loads + re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", "\n".join(seen.styles))


def foreign(address):
    """Whether a browser would ask a network, or this machine by an absolute path, for an address."""
    return bool(re.match(r"(?!data:)(\w+:|//|/)", address))


def test_there_is_a_page_for_every_lesson_and_exercise(pages):
    lessons = {f"{stem}.html" for stem in STEMS} | {f"exercises/{stem}.html" for stem in exercises.lessons()}
    assert set(pages) == lessons | {"index.html", "convention_atlas.html"}


def test_no_page_loads_anything_from_elsewhere(files, pages):
    for name, seen in pages.items():
        for address in loaded_from(seen):
            assert not foreign(address), (name, address[:80])
            near = posixpath.normpath(posixpath.join(posixpath.dirname(name), address))
            assert address.startswith("data:") or near in files, (name, address[:80])


def test_neither_style_nor_script_loads_anything_from_elsewhere(files, deck):
    for name, data in {**files, **deck}.items():
        text = data.decode(errors="replace")
        if name.endswith(".css"):
            assert re.search(r"url\((?!data:)|@import", text) is None, name
        if name.endswith(".js"):  # a font's address is data: as soon as a name has been put in
            assert re.findall(r"\b(?:fetch|importScripts|XMLHttpRequest|import)\s*\(", text) == [], name
            bare = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL) if name in slides.REVEAL else text  # names its authors
            told = {"https://github.com", "https://marked.js.org"} if name == "notes.js" else set()  # where to report errors
            assert set(re.findall(r"https?://[\w.-]+", bare)) <= {"http://www.w3.org"} | told, name


def test_every_link_leads_somewhere(files, pages):
    for name, seen in pages.items():
        for link in seen.links:
            target, _, anchor = link.partition("#")
            if re.match(r"https:", link):
                continue
            assert not foreign(link), (name, link)
            where = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
            assert where in files, (name, link)
            assert not anchor or anchor in pages[where].ids, (name, link)


def test_headings_can_be_linked_to_and_no_name_is_given_twice(pages):
    assert "1-one-step" in pages["01_gradient_descent.html"].ids
    assert "nesterovs-momentum" in pages["convention_atlas.html"].ids
    for name, seen in pages.items():
        assert len(set(seen.ids)) == len(seen.ids), name


@pytest.mark.parametrize("stem", STEMS)
def test_a_lesson_keeps_its_pictures_texts_headings_and_outputs(files, pages, stem):
    book, seen, text = page.lesson(stem), pages[f"{stem}.html"], html.unescape(files[f"{stem}.html"].decode())
    outputs = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
    shown = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    alts = [alt for output in shown for alt in Seen(output).alts]
    assert seen.alts == alts and all(len(alt) > 20 for alt in alts)
    assert len(alts) > 2 or stem == "00_start_here"
    prose = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    headings = [re.sub(r"[`*]", "", line) for line in re.findall(r"^##? (.+)$", prose, re.MULTILINE)]
    assert [re.sub(r"[`*]", "", heading) for heading in seen.headings] == headings
    for out in outputs:
        if out.output_type == "stream":
            assert out.text.strip() in re.sub(r"</?span[^>]*>", "", text)


def test_scripts_of_a_figure_come_through_whole():
    figure = ('<figure><img alt="A path." src="data:image/png;base64,AA=="><script>if (1 < 2 && "a") '
              "{ draw('<b>'); }</script></figure>")
    cell = notebook.nbformat.v4.new_code_cell("show()", id="a")
    cell.outputs = [notebook.nbformat.v4.new_output("display_data", {"text/html": figure, "text/plain": "A path."})]
    book = notebook.nbformat.v4.new_notebook(cells=[cell])
    for template in ("lesson", "slides"):
        text = page.render(slides.arrange(book), template, {"title": "t", "root": "", "way": []})
        assert "<script>if (1 < 2 && \"a\") { draw('<b>'); }</script>" in text and 'alt="A path."' in text


def test_the_index_asks_every_question_and_counts_the_minutes(files, pages):
    text = html.unescape(files["index.html"].decode())
    readme = (notebook.ROOT / "README.md").read_text("utf-8")
    for stem in STEMS:
        head = page.head(stem)
        assert head.question.endswith("?") and not head.question.startswith("The question")
        assert head.question in text and f"{head.minutes[0]} + {head.minutes[1]}" in text
        assert re.search(rf"\(notebooks/{stem}\.ipynb\).*\| {head.minutes[0]} \+ {head.minutes[1]} \|", readme)
    assert pages["index.html"].alts[0] in readme


def test_the_pages_form_one_chain(files):
    def other(name, kind):
        found = re.search(rf'rel="{kind}"[^>]*href="([^"]+)"|href="([^"]+)"[^>]*rel="{kind}"', files[name].decode())
        return found and (found[1] or found[2])

    names = [f"{stem}.html" for stem in STEMS]
    assert [other(name, "next") for name in names] == [*names[1:], None]
    assert [other(name, "prev") for name in names] == [None, *names[:-1]]


def test_no_page_holds_an_answer_or_what_only_colab_needs(files):
    for name, data in files.items():
        text = data.decode(errors="replace")
        assert "colab" not in text.lower(), name
        if name.startswith("exercises/"):
            assert "is not written yet" in text and "BEGIN SOLUTION" not in text


def test_the_same_notebook_gives_the_same_bytes(deck):
    # In another process, with another order of sets; one lesson stands for all.
    code = ("import hashlib; from course.authoring import slides;"
            "print(hashlib.sha256(b''.join(slides.files('08_adam').values())).hexdigest())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=notebook.ROOT,
                          env={**os.environ, "PYTHONHASHSEED": "7"})
    assert done.stdout.strip() == hashlib.sha256(b"".join(deck.values())).hexdigest()


def test_mathjax_is_whole(files):
    text = files["mathjax.js"].decode()
    modules = mathjax.read_modules(mathjax.static())
    entry = mathjax._exporter("CHTML", modules)
    needed = mathjax.closure([entry], modules)
    assert len(needed) > 50 and all(body in text for body in needed.values())
    assert b"Apache License" in files["mathjax-LICENSE.txt"] and "Apache-2.0" in text[:400]


def test_another_jupyterlab_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mathjax, "static", lambda: tmp_path)
    assert slides.main(["00", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "names no mathjax-full" in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_slides_begin_where_headings_do(deck):
    text = deck["index.html"].decode()
    prose = [cell.source for cell in page.lesson("08_adam").cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^##? (.+)$", "\n".join(prose), re.MULTILINE)
    outer = re.split(r"(?=<section[^>]*>\s*<section)", text)[1:]
    assert len(outer) == len(headings)
    for part, heading in zip(outer, headings, strict=True):
        assert re.search(r"<h[12][^>]*>(.*?)</h", part)[1].startswith(html.escape(heading, quote=False)[:20])
    seen = Seen(text)
    assert [address for address in loaded_from(seen) if foreign(address)] == []
    assert {address for address in seen.loads if not address.startswith("data:")} <= set(deck)
    assert text.count("<section") == text.count("</section")


def test_reveal_js_is_copied_with_its_licence_and_without_its_map(deck):
    text = deck["index.html"].decode()
    assert b"reveal.js 5." in deck["reveal.js"][:40] and b"sourceMappingURL" not in deck["reveal.js"]
    assert b"Hakim El Hattab" in deck["reveal-LICENSE.txt"] and b"free of charge" in deck["reveal-LICENSE.txt"]
    assert all(f'"{name}"' in text for name in slides.REVEAL if not name.endswith(".txt"))


@pytest.mark.parametrize("state", ["not installed", "another version"])
def test_without_reveal_js_one_line_says_what_to_install(tmp_path, monkeypatch, capsys, state):
    other = importlib.machinery.ModuleSpec("sphinx_revealjs", None, is_package=True)
    other.submodule_search_locations.append(str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if state == "not installed" else other)
    assert slides.main(["00", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert 'pip install -e ".[slides]" -c constraints.txt' in said and said.count("\n") == 1
    assert ("is not installed" in said) if state == "not installed" else ("holds no dist/reveal.js" in said)
    assert not (tmp_path / "out").exists()


def test_sphinx_is_not_imported_for_the_slides():
    code = "import sys; from course.authoring import slides; slides.reveal(); print('sphinx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=notebook.ROOT)
    assert done.stdout.strip() == "False"


def test_long_prose_is_split_between_paragraphs_and_nothing_is_lost():
    words = " ".join(["word"] * 60)
    text = f"## Title\n\n{words}\n\n{words}\n\n$$x = 1$$\n\n### Part\n\n{words}"
    parts = slides.split(text)
    assert "\n\n".join(parts) == text and parts[1].startswith(f"{words}\n\n$$x = 1$$")
    assert len(parts) == 3 and parts[0].startswith("## Title\n\nword")
    assert len(slides.split(f"## Title\n\n{words} {words}")) == 1  # a heading never stands alone
    assert slides.split("a\n\n<details>\n\nb\n\n</details>") == ["a\n\n<details>\n\nb\n\n</details>"]


def test_a_folder_that_is_not_ours_is_refused(tmp_path, capsys):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("")
    places = [theirs, tmp_path / "file", tmp_path / "no" / "parent", notebook.ROOT, notebook.ROOT / "notebooks" / "x"]
    for place in places:
        assert site.main([str(place)]) == 2
        said = capsys.readouterr().err
        assert str(place) in said and said.count("\n") == 1
    assert [path.name for path in theirs.iterdir()] == ["thesis.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "theirs"]


def test_a_folder_of_ours_is_replaced_whole_and_kept_when_writing_fails(tmp_path, monkeypatch):
    target = folder.free(tmp_path / "out", "site")
    folder.write(target, {"a.html": b"1", "deep/b.html": b"2"}, "site")
    folder.write(folder.free(target, "site"), {"a.html": b"3"}, "site")
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"a.html": b"3", folder.MARK: b"site\n"}
    with pytest.raises(folder.Refused, match="did not write it"):
        folder.free(target, "slides")

    real = folder.os.rename

    def full(a, b):
        if str(a).endswith(".tmp"):
            raise OSError(28, "No space left on device")
        real(a, b)

    monkeypatch.setattr(folder.os, "rename", full)
    with pytest.raises(OSError, match="No space"):
        folder.write(target, {"a.html": b"4"}, "site")
    assert (target / "a.html").read_bytes() == b"3" and [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["8", "08", "08_adam", "08_adam.ipynb"])
def test_a_lesson_is_found(name):
    assert slides.find(name) == "08_adam"


def test_an_unknown_lesson_is_answered_with_the_lessons(tmp_path, capsys):
    assert slides.main(["77", str(tmp_path / "out")]) == 2
    assert "'77'" in capsys.readouterr().err and not (tmp_path / "out").exists()
