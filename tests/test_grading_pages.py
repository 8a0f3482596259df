"""The pages that grading writes, for learners and for the lecturer: what stands in them, and what must not."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import grading_samples as samples
import matplotlib
import pytest
from matplotlib.colors import to_hex

from course.grading.model import PASSED, STATUSES, UNWRITTEN
from course.grading.reports import file_name, pages, palette, table, write
from course.grading.reports.histogram import histogram
from course.grading.reports.summary import MOST_BARS, summarize
from course.grading.reports.text import marked, title

VOID = {"meta", "wbr", "line"}
TAGS = set(
    "html head meta title style body main header footer section article nav h1 h2 h3 p ul li a b i code bdi span div "
    "table thead tbody tr th td svg rect line text desc wbr".split()
)
ATTRIBUTES = set(
    "lang charset name content http-equiv class id style role scope href tabindex aria-label aria-labelledby aria-hidden title "
    "viewbox x y x1 x2 y1 y2 width height".split()
)


class Page(HTMLParser):
    """A page taken apart; a tag or attribute that the templates do not use, or one left open, is an error."""

    def __init__(self, data):
        super().__init__(convert_charrefs=True)
        self.text, self.open, self.headings, self.ids, self.links, self.labels, self.tags = "", [], [], [], [], [], []
        self.feed(data.decode("utf-8"))
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        assert tag in TAGS and set(given) <= ATTRIBUTES, (tag, given)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.labels += given.get("aria-labelledby", "").split()
        if given.get("role") == "img":
            assert given.get("aria-label") or given.get("aria-labelledby")
        if tag == "html":
            assert given["lang"] == "en"
        self.text += " " + (given.get("aria-label") or "") + (given.get("title") or "")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


def read(data):
    """The Page, after all that every page must be: well-formed, self-contained, with headings in order."""
    page, text = Page(data), data.decode()
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.ids) == len(set(page.ids)) and set(page.labels) <= set(page.ids)
    assert page.tags.count("style") == 1 and "default-src 'none'" in text
    assert not re.search(r"@import|url\(|https?:|//", text.partition("</style>")[0])
    for link in page.links:
        assert re.fullmatch(r"#[\w-]+|feedback/[\w.%-]+\.html|[\w-]+\.(csv|xml)", link), link
        assert not link.startswith("#") or link[1:] in page.ids
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", text)
    return page


def report(results, meaning=lambda blank, mistake: ""):
    return read(pages.report(summarize(results, meaning)))


@pytest.mark.parametrize("result", samples.few(), ids=lambda result: re.sub(r"\W+", "_", result.learner))
def test_feedback_is_a_page_and_keeps_what_is_not_the_learners(result):
    page = read(pages.feedback([result]))
    for secret in (*result.flags, "SECRET", "torch.optim", "bubblewrap", *(one.learner for one in samples.few())):
        assert secret == result.learner or secret in samples.HOSTILE or secret not in page.text
    assert f"{result.points} of {result.out_of} point" in page.text


def test_feedback_says_what_the_learner_needs():
    text = read(pages.feedback([samples.wrong()])).text
    for said in (
        samples.FIRST_WRONG,
        samples.NO_CORRECTION,
        "known mistake: no correction",
        "stood twice",
        "0 of 3 points",
    ):
        assert said in text
    for said in (
        "✗ not yet right",
        "✓ passed",
        "! stopped with an error",
        "○ not written yet",
        "Next hint. The means start",
    ):
        assert said in text
    text = read(pages.feedback([samples.stopped()])).text
    assert all(
        said in text for said in ("! crashed", "! ran out of time", "! ran out of memory", "? could not be read")
    )
    assert "expected JSON" in read(pages.feedback([samples.unread()])).text


def test_hostile_text_is_shown_and_not_obeyed():
    page = read(pages.feedback([samples.hostile()]))
    for said in (
        "</style><script>alert(1)</script>",
        "\\u202egnp.exe",
        "bell\\x07 null\\x00",
        "{{ 7*7 }} {% raw %}",
        "</title><script>",
    ):
        assert said in page.text
    assert "4,960 more lines left out" in page.text and "99,000 more characters left out" in page.text
    assert len(pages.feedback([samples.hostile()])) < 40_000
    page = report([samples.hostile()])
    assert "SECRET FLAG" in page.text and "Sandbox: <tier>" in page.text


def test_a_flag_cannot_pose_as_another():
    (entry,) = summarize([replace(samples.right(), flags=("one\ncrashed: adam",))]).attention
    assert entry.reasons == ("one\\ncrashed: adam",)


def test_every_status_has_its_words_and_colors():
    assert set(pages._WORDS) == set(palette.STATUS) == set(STATUSES)
    css = palette.variables()
    assert all(f"--{status}-fill:" in css for status in STATUSES)
    unheard_of = samples.result("a", marks=[samples.mark("08_adam.adam", "melted", 3)])
    read(pages.feedback([unheard_of]))
    report([unheard_of])


def test_one_page_holds_all_lessons_of_a_learner():
    own = [samples.right("A", "01_gradient_descent"), samples.right("A"), replace(samples.wrong("A"), source="2")]
    text = read(pages.feedback(own)).text
    assert "16 of 16 points" in text  # each lesson once, by its best submission
    assert text.count("more than once: this one counts") == 1 and text.count("this one does not count") == 1
    assert "01 Gradient descent" in text and title("08_adam") == "08 Adam"


def test_code_is_marked_between_two_backticks():
    assert marked("a `b<` c") == "a <code>b&lt;</code> c"
    assert marked("a `b` `c") == "a <code>b</code> `c"
    assert marked("`") == "`" and marked("") == ""


def test_the_report_counts():
    results = samples.group(300) + samples.few()
    found = summarize(results)
    (lesson,) = found.lessons
    of_adam = [mark for result in results for mark in result.marks if mark.blank == "08_adam.adam"]
    adam = lesson.blanks[0]
    assert adam.function == "adam" and adam.total == len(of_adam)
    assert adam.passed == sum(mark.status == PASSED for mark in of_adam)
    assert adam.counts[UNWRITTEN] == sum(mark.status == UNWRITTEN for mark in of_adam)
    assert sum(bar.learners for bar in found.bars()) == len(found.totals) == 306
    totals = [row.total for row in lesson.mistakes]
    assert totals == sorted(totals, reverse=True)
    named = sum(mark.mistake is not None for result in results for mark in result.marks)
    assert sum(totals) == named
    header, *rows = table.mistakes(found.lessons)
    assert sum(row[header.index("learners")] for row in rows) == named


def test_the_report_shows_the_counts():
    results = samples.group(300)
    text = report(results, lambda blank, mistake: f"meaning of {mistake}").text
    (lesson,) = summarize(results).lessons
    for blank in lesson.blanks:
        assert f"{blank.function}: passed: {blank.passed:,}, wrong: {blank.counts['failed']:,}" in text
    places = [text.index(f"{row.name.replace('_', ' ')} meaning of {row.name}") for row in lesson.mistakes]
    assert places == sorted(places) and len(places) > 10
    assert "300 learners: median" in text and "Sandbox: bubblewrap (300 submissions)" in text


def test_a_person_is_shown_what_needs_one():
    twin = replace(samples.right("Twin"), digest=samples.right().digest)
    results = [*samples.few(), twin, *samples.group(20, seed=5)]
    text = report(results).text
    for said in (
        "adam uses torch.optim",
        "expected JSON",
        "The file is empty.",
        "crashed: adam",
        "ran out of time: eps_for_keras",
        "ran out of memory: correction_over",
        "ran without a sandbox",
        "the same file, byte for byte, as 1 other: Twin",
        "Not sandboxed: 1 submission ran",
    ):
        assert said in text
    entries = summarize(results).attention
    weights = [entry.weight for entry in entries]
    assert weights == sorted(weights, reverse=True) and weights[0] == 4
    assert "Ada Right" in {entry.result.learner for entry in entries}
    assert not summarize([samples.right()]).attention


def test_copies_without_points_are_no_copies():
    empty = samples.result("a", marks=[samples.mark("08_adam.adam", UNWRITTEN)])
    assert not summarize([empty, replace(empty, learner="b")]).attention


@pytest.mark.parametrize("size", [1, 2, 15])
def test_small_classes_have_a_report(size):
    page = report(samples.group(size, tuple(samples.LESSONS)))
    assert f"{size} learner" in page.text and page.tags.count("svg") == 1
    assert len([link for link in page.links if link.startswith("feedback/")]) >= size


def test_the_report_is_of_bounded_size():
    few, many = (summarize([replace(result, sandbox="none") for result in samples.group(n)]) for n in (400, 4000))
    small, large = pages.report(few), pages.report(many)
    assert len(large) < 1.1 * len(small) < 150_000
    text = read(large).text
    assert "3,940 more submissions: all of them" in text and "3,800 more learners: all of them" in text
    assert len(list(table.attention(many.attention))) == 4001
    blanks = [samples.mark(f"08_adam.b{i}", "failed", 1, (), f"m{k}") for k in range(40) for i in range(3)]
    lessons = [samples.result("a", f"{k:02}_lesson", blanks) for k in range(60)]
    assert len(pages.report(summarize(lessons))) < 400_000
    assert "30 more lessons left out" in report(lessons).text


def test_the_links_of_the_report_lead_to_pages(tmp_path):
    results = [samples.right(name) for name in samples.NAMES]
    write(results, tmp_path)
    page = read((tmp_path / "report.html").read_bytes())
    from urllib.parse import unquote

    linked = {unquote(link) for link in page.links if link.startswith("feedback/")}
    assert linked == {f"feedback/{file_name(name)}.html" for name in samples.NAMES}
    assert all((tmp_path / link).exists() for link in page.links if not link.startswith(("#", "feedback/")))


@pytest.mark.parametrize("out_of", [1, 5, 20, 21, 55, 119, 1000])
def test_bars_cover_all_points_once(out_of):
    marks = [samples.mark("08_adam.adam", "failed", out_of)]
    results = [samples.result(str(k), marks=[replace(marks[0], points=k)]) for k in range(out_of + 1)]
    bars = summarize(results).bars()
    assert len(bars) <= MOST_BARS + 1 and sum(bar.learners for bar in bars) == out_of + 1
    assert [bar.low for bar in bars[1:]] == [bar.high + 1 for bar in bars[:-1]]
    assert (bars[0].low, bars[-1].high) == (0, out_of)
    assert all(bar.learners == bar.high - bar.low + 1 for bar in bars)
    assert f"median {out_of / 2:g}" in histogram(summarize(results)).svg


def test_no_share_is_rounded_to_all_or_none():
    assert [pages._share(*x) for x in ((9999, 10000), (1, 10000), (0, 5), (5, 5), (1, 3), (0, 0))] == [
        *("99.9", "0.1", "0", "100", "33.3", "0")
    ]


def test_the_colors_are_those_of_the_figures():
    from course import plots

    known = {color.upper() for color in plots.COLORS.values()}
    assert {fill.upper() for fill, *_ in palette.STATUS.values()} <= known
    assert "svg .bar{fill:#0072B2}" in (pages._FOLDER / "report.css").read_text() and "#0072B2" in known
    ramp = matplotlib.colormaps["cividis"]
    for k, color in enumerate(palette.HEAT):
        wanted = matplotlib.colors.to_rgb(to_hex(ramp(k / (len(palette.HEAT) - 1))))
        assert max(abs(a - b) for a, b in zip(wanted, matplotlib.colors.to_rgb(color), strict=True)) < 0.02


def test_every_text_can_be_read_on_its_ground():
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    for i, (page, panel, ink, quiet, line, link) in enumerate((palette.LIGHT, palette.DARK)):
        texts = [ink, quiet, link, *(shades[2 + i] for shades in palette.STATUS.values())]
        for ground in (page, panel):
            assert min(palette.contrast(text, ground) for text in texts) >= 4.5, (i, ground)
        assert palette.contrast(line, page) > 1.25
    for fill, on_fill, *_ in palette.STATUS.values():
        assert palette.contrast(fill, on_fill) >= 4.5, fill
    light, dark = palette.variables().split("@media")
    for scheme in (light, dark):
        colors = dict(re.findall(r"--(heat\d(?:-on)?):(#\w+)", scheme))
        assert len(colors) == 2 * len(palette.HEAT)
        for k in range(1, len(palette.HEAT) + 1):
            assert palette.contrast(colors[f"heat{k}"], colors[f"heat{k}-on"]) >= 4.5, (k, scheme)


def test_both_schemes_and_paper_are_served():
    css = palette.variables() + (pages._FOLDER / "base.css").read_text()
    assert "prefers-color-scheme:dark" in css and "color-scheme:light dark" in css and "@media print" in css
    names = set(re.findall(r"var\((--[\w-]+)\)", css + "".join(path.read_text() for path in pages._FOLDER.iterdir())))
    assert names and names <= set(re.findall(r"(--[\w-]+):", css))
