"""Pages and slides in a real browser that has no network: mathematics is set, nothing is missing or overflows."""

import re

import pytest
from browser import needs_browser

from course.authoring import folder, notebook, page, site, slides

pytestmark = needs_browser

STEMS = notebook.stems("notebooks")
LESSON = "08_adam"
FORMULA = re.compile(r"\$\$.+?\$\$|(?<!\\)\$[^$\n]+?\$", re.DOTALL)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The address of the site in a folder; the slides of a lesson lie below slides/."""
    out = tmp_path_factory.mktemp("pages") / "a folder of pages"  # a blank in its name
    folder.write(out, site.files(), "site")
    folder.write(out / "slides", slides.files(LESSON), "slides")
    return out.as_uri()


def visit(tab, address):
    """Open a page without a network; collects what it asks for and what goes wrong in `tab.asked`, `tab.errors`."""
    tab.asked = []
    tab.context.set_offline(True)
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("requestfailed", lambda request: tab.errors.append(f"failed: {request.url[:100]}"))
    tab.on("console", lambda said: tab.errors.append(said.text) if said.type in ("error", "warning") else None)
    tab.goto(address)
    if tab.locator("script[src$='mathjax.js']").count():
        tab.wait_for_function("() => document.documentElement.dataset.formulas", timeout=30_000)
    tab.wait_for_function("() => [...document.images].every(image => image.complete && image.naturalWidth)")


def formulas(book):
    """The formulas of a notebook's prose, as TeX, without code."""
    prose = "\n\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", prose, flags=re.DOTALL)
    return FORMULA.findall(prose)


@pytest.mark.parametrize("stem", STEMS)
def test_a_lesson_is_whole_without_a_network(pages, tab, stem):
    visit(tab, f"{pages}/{stem}.html")
    assert tab.errors == []
    assert [url for url in tab.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    written = formulas(page.lesson(stem))
    assert tab.locator("mjx-container").count() == len(written)
    assert tab.locator("mjx-container mjx-merror, mjx-container [data-mjx-error]").count() == 0
    assert tab.locator("mjx-assistive-mml math").count() == len(written)  # what a screen reader reads
    assert "$$" not in tab.inner_text("main")


def test_a_formula_is_drawn_with_mathjax_s_own_letters(pages, tab):
    visit(tab, f"{pages}/{LESSON}.html")
    assert tab.locator("mjx-container").count() > 50
    tab.evaluate("() => document.fonts.ready")
    loaded = tab.evaluate("() => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)")
    assert {"MJXTEX", "MJXTEX-I"} <= {family.strip('"') for family in loaded}
    box = tab.locator("mjx-container[display=true] mjx-frac").first.bounding_box()
    assert 20 < box["height"] < 80 and box["width"] > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["index", LESSON, f"exercises/{LESSON}", "convention_atlas"])
def test_a_page_fits_and_can_be_read(pages, tab, name, width, scheme):
    tab.set_viewport_size({"width": width, "height": 800})
    tab.emulate_media(color_scheme=scheme)
    visit(tab, f"{pages}/{name}.html")
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= width
    # Each text's contrast with the ground behind it, by WCAG; pictures and formulas apart.
    low = tab.evaluate("""() => {
      const rgb = text => text.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map(x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
        .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = node => {
        for (; node; node = node.parentElement) {
          const color = rgb(getComputedStyle(node).backgroundColor);
          if (color.length === 3 || color[3] === 1) return color;
        }
        return [255, 255, 255];
      };
      const found = [];
      for (const node of document.querySelectorAll("p, li, th, td, a, h1, h2, code, pre, pre span, summary")) {
        if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
        const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => x - y);
        if ((b + 0.05) / (a + 0.05) < 4.5) found.push([node.className, node.textContent.slice(0, 20), (b + 0.05) / (a + 0.05)]);
      }
      return found;
    }""")
    assert not low, low[:5]


def test_the_way_leads_from_page_to_page(pages, tab):
    visit(tab, f"{pages}/index.html")
    tab.get_by_role("link", name="01 · Gradient descent").click()
    tab.get_by_role("link", name="Next 02").first.click()
    assert tab.url.endswith("/02_gradient_checks.html")
    tab.get_by_role("link", name="Previous 01").first.click()
    tab.get_by_role("link", name="Exercise", exact=True).first.click()
    assert tab.url.endswith("/exercises/01_gradient_descent.html")
    tab.get_by_role("link", name="All lessons").first.click()
    assert tab.url.endswith("/index.html")


def show(tab, address):
    """Open slides without a network and wait until reveal.js runs: how many there are."""
    visit(tab, address)
    tab.wait_for_function("() => document.documentElement.dataset.slides", timeout=30_000)
    assert tab.errors == [] and all(url.startswith(("file:", "data:", "blob:")) for url in tab.asked)
    return int(tab.evaluate("() => document.documentElement.dataset.slides"))


def place(tab):
    """The numbers of the present slide: of its heading, and below it."""
    return tab.evaluate("() => [Reveal.getIndices().h, Reveal.getIndices().v]")


PRESENT = "section.present > section.present"  # reveal.js nests a heading's slides


def test_slides_turn_by_keyboard_and_button(pages, tab):
    total = show(tab, f"{pages}/slides/index.html")
    present = tab.locator(PRESENT)

    def number():
        return re.sub(r"\s", "", tab.inner_text(".slide-number"))

    assert total > 20 and present.count() == 1 and "08 · Adam" in present.inner_text()
    assert tab.evaluate("() => Reveal.VERSION").startswith("5.") and tab.evaluate("() => Reveal.getTotalSlides()") == total
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Space")
    assert number() == f"3/{total}" and present.locator("h2").count() == 1
    tab.get_by_role("button", name="previous slide").click()
    assert number() == f"2/{total}"
    tab.keyboard.press("End")
    assert number() == f"{total}/{total}"
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowDown")
    assert place(tab) == [1, 0] and present.locator("h2").count() == 1
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    assert place(tab) == [1, 0]
    tab.keyboard.press("o")
    assert tab.evaluate("() => Reveal.isOverview()")
    tab.keyboard.press("o")
    assert not tab.evaluate("() => Reveal.isOverview()")
    tab.goto(f"{pages}/slides/index.html#/2/1")
    assert place(tab) == [2, 1]


def test_no_slide_is_wider_than_the_screen_and_a_long_one_scrolls(pages, tab):
    tab.set_viewport_size({"width": 1280, "height": 720})
    total, high = show(tab, f"{pages}/slides/index.html"), []
    for number in range(total):
        width, height, over = tab.evaluate(
            "() => (x => [x.scrollWidth - x.clientWidth, x.scrollHeight - x.clientHeight, getComputedStyle(x).overflowY])"
            "(Reveal.getCurrentSlide())")
        assert width <= 1 and over == "auto", number + 1
        high += [number + 1] if height > 1 else []
        tab.keyboard.press("ArrowRight")
    assert len(high) <= total / 10, high


def test_down_scrolls_a_long_slide_before_it_leaves_it(pages, tab):
    show(tab, f"{pages}/slides/index.html#/1")
    tab.evaluate("() => Reveal.getCurrentSlide().insertAdjacentHTML('beforeend', '<div style=\"height: 900px\"></div>')")
    tab.keyboard.press("ArrowDown")
    assert place(tab) == [1, 0] and tab.evaluate("() => Reveal.getCurrentSlide().scrollTop") == 120
    for _ in range(20):
        tab.keyboard.press("ArrowDown")
        if place(tab) != [1, 0]:
            break
    assert place(tab) == [2, 0]


def test_a_figure_on_a_slide_keeps_its_keys_and_folded_code_unfolds(pages, tab):
    show(tab, f"{pages}/slides/index.html")
    tab.evaluate("() => { const at = Reveal.getIndices(document.querySelector('figure[data-explore]').closest("
                 "'section')); Reveal.slide(at.h, at.v); }")
    there = place(tab)
    figure = tab.locator(f"{PRESENT} figure[data-explore]")
    before = figure.get_attribute("data-at"), figure.locator("canvas").evaluate("x => x.toDataURL()")
    figure.locator("input[type=range]").first.focus()
    tab.keyboard.press("ArrowLeft")
    after = figure.get_attribute("data-at"), figure.locator("canvas").evaluate("x => x.toDataURL()")
    assert before[0] != after[0] and before[1] != after[1]
    tab.locator(f"{PRESENT} summary").focus()
    tab.keyboard.press("Space")
    assert tab.locator(f"{PRESENT} details").get_attribute("open") is not None
    assert place(tab) == there and tab.errors == []


def test_slides_are_one_page_on_a_phone(pages, tab):
    tab.set_viewport_size({"width": 400, "height": 800})
    visit(tab, f"{pages}/slides/index.html")
    assert tab.errors == [] and tab.evaluate("() => document.documentElement.scrollWidth") <= 400
    sections = tab.locator(".slides > section > section")
    assert all(sections.nth(number).is_visible() for number in range(sections.count()))
    assert tab.locator("section p").first.evaluate("x => parseFloat(getComputedStyle(x).fontSize)") >= 16


@pytest.mark.parametrize("query", ["", "?print-pdf"])
def test_slides_print_one_to_a_page_and_light(pages, tab, query):
    tab.emulate_media(color_scheme="dark")
    total = show(tab, f"{pages}/slides/index.html{query}")
    if query:
        tab.wait_for_function("() => document.querySelectorAll('.pdf-page').length")
    sheet = tab.pdf(prefer_css_page_size=True)
    count = len(re.findall(rb"/Type\s*/Page\b", sheet))
    assert total <= count <= 1.1 * total
    tab.emulate_media(media="print")  # still on a dark screen
    assert tab.locator("canvas").first.evaluate("x => getComputedStyle(x).filter") == "none"
    cut = tab.evaluate("""() => [...document.querySelectorAll('section section, .pdf-page section')].filter(x =>
        getComputedStyle(x).overflowY !== 'visible' || x.clientHeight > (x.closest('.pdf-page') || x).clientHeight + 1
    ).length""")
    assert cut == 0
    for ground in ("body", ".pdf-page")[: 1 + bool(query)]:
        color = tab.locator(ground).first.evaluate("x => getComputedStyle(x).backgroundColor")
        assert color in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"), ground
    assert tab.locator("section").last.evaluate("x => getComputedStyle(x).paddingLeft") == "76px"


def test_the_speaker_s_view_shows_the_slide_and_the_next(pages, tab):
    show(tab, f"{pages}/slides/index.html#/1")
    asked = []
    tab.context.on("request", lambda request: asked.append(request.url))
    with tab.context.expect_page() as opened:
        tab.keyboard.press("s")
    view = opened.value
    view.wait_for_selector("iframe")
    for number, there in enumerate((r"#/1$", r"#/1/1$")):
        frame = view.locator("iframe").nth(number).element_handle().content_frame()
        frame.wait_for_function("() => document.documentElement.dataset.slides", timeout=30_000)
        frame.wait_for_function(f"() => /{there.replace('/', chr(92) + '/')}/.test(location.hash)", timeout=10_000)
    assert asked and [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
