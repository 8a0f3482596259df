"""JupyterLab in a real browser, started as `course lab` starts it: lessons run, an exercise fails and passes.

By default the lessons 00, 01 and 08 run, so that all tests with a browser end within four minutes on two cores;
nbval runs every lesson, without a browser. E2E_LESSONS=all runs all of them here too, E2E_LESSONS="03 12" those two.
"""

import json
import os
import signal
import subprocess
import sys

import pytest
from browser import needs_browser

from course.authoring import notebook, page

pytestmark = needs_browser

ROOT = notebook.ROOT
STEMS = notebook.stems("notebooks")
CHOSEN = os.environ.get("E2E_LESSONS", "00 01 08").split()
RUN_SECONDS = 300  # for one lesson, on a machine that does much else
# What `course lab` does, on a copy of the notebooks, with the application within reach of the test's scripts.
START = """
import sys
from pathlib import Path
from course import lab
environ = lab.jupyter_environ
lab.ROOT = Path(sys.argv[1])
lab.jupyter_environ = lambda: {**environ(), "PYTHONPATH": sys.argv[2]}
sys.exit(lab.main(["--no-browser", "--", "--LabApp.expose_app_in_browser=True"]))
"""
NOTEBOOK = "window.jupyterapp.shell.currentWidget"
IS_OPEN = f"path => window.jupyterapp && {NOTEBOOK}?.context?.path === path && {NOTEBOOK}.content.model.cells.length"
CODE = f"[...{NOTEBOOK}.content.model.cells].filter(c => c.type === 'code' && c.sharedModel.source.trim())"
IS_DONE = f"() => {CODE}.every(c => c.executionCount) && {NOTEBOOK}.sessionContext.session?.kernel?.status === 'idle'"
OUTPUTS = f"() => {CODE}.map(c => [c.id, c.outputs.toJSON()])"


def lesson(stem):
    """A lesson as a parameter, skipped where E2E_LESSONS does not name it."""
    chosen = "all" in CHOSEN or any(stem == name or stem.partition("_")[0] == name.zfill(2) for name in CHOSEN)
    why = f"E2E_LESSONS is {' '.join(CHOSEN)!r} and does not name {stem[:2]}; E2E_LESSONS=all runs every lesson"
    return pytest.param(stem, marks=[] if chosen else pytest.mark.skip(reason=why))


LESSONS = [lesson(stem) for stem in STEMS]


@pytest.fixture
def kernel(tab):
    """Ends the kernel of the notebook that a test opens, so that the next one has the machine to itself."""
    yield
    tab.evaluate(f"() => {NOTEBOOK}?.sessionContext?.shutdown()")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a server with a copy of the notebooks in which nothing has run: address(path) -> URL."""
    root = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "exercises"):
        (root / folder).mkdir()
        for stem in STEMS:
            book = page.lesson(stem) if folder == "notebooks" else page.exercise(stem)
            for cell in book.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            (root / folder / f"{stem}.ipynb").write_text(json.dumps(book), "utf-8")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "COURSE_PROGRESS": str(root / "progress.jsonl"),
               "COURSE_DEVICE": "cpu"}
    server = subprocess.Popen([sys.executable, "-c", START, str(root), str(ROOT)], cwd=ROOT, env=environ,
                              stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        base, token = server.stdout.readline().removeprefix("Open ").strip().split("/lab/tree/notebooks/00_start_here.ipynb")
        yield lambda path: f"{base}/lab/tree/{path}{token}&reset"
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # SIGINT is ignored by what a shell has put in the background
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def open_notebook(tab, lab, path):
    """Open a notebook and wait until JupyterLab shows it and its kernel is ready."""
    tab.goto(lab(path))
    tab.wait_for_function(IS_OPEN, arg=path, timeout=60_000)
    tab.wait_for_function(f"() => {NOTEBOOK}.sessionContext.session?.kernel?.status === 'idle'", timeout=60_000)


def run_all(tab):
    """Run > Run All Cells by the menu, and wait for the last cell: [(cell id, outputs)]."""
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.locator("[data-command='runmenu:run-all']").click()
    tab.wait_for_function(IS_DONE, timeout=RUN_SECONDS * 1000)
    return tab.evaluate(OUTPUTS)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("stem", LESSONS)
def test_a_lesson_runs_from_top_to_bottom(lab, tab, stem):
    open_notebook(tab, lab, f"notebooks/{stem}.ipynb")
    ran = dict(run_all(tab))
    errors = [(name, out["ename"], out["evalue"]) for name, outs in ran.items() for out in outs
              if out["output_type"] == "error"]
    assert errors == []
    book = page.lesson(stem)
    printed = {cell.id for cell in book.cells if cell.cell_type == "code" and cell.outputs}
    assert printed and {name for name, outs in ran.items() if outs} == printed
    assert tab.errors == []


def cell(tab, name):
    """The box of the cell with an id, brought into view."""
    place = tab.evaluate(f"id => [...{NOTEBOOK}.content.model.cells].findIndex(c => c.id === id)", name)
    tab.evaluate(f"place => {NOTEBOOK}.content.scrollToItem(place, 'center')", place)
    box = tab.locator(".jp-NotebookPanel:visible .jp-Cell").and_(tab.locator(f"[data-windowed-list-index='{place}']"))
    box.wait_for(timeout=20_000)
    return box


def write(tab, name, code):
    """Replace what a cell says, as a learner does: click into it, select all, type; then run it and the next."""
    cell(tab, name).locator(".cm-content").click()
    tab.keyboard.press("ControlOrMeta+a")
    tab.keyboard.insert_text(code)
    tab.keyboard.press("Shift+Enter")
    tab.keyboard.press("Shift+Enter")


@pytest.mark.usefixtures("kernel")
def test_an_exercise_fails_says_why_and_passes(lab, tab):
    open_notebook(tab, lab, "exercises/00_start_here.ipynb")
    cell(tab, "setup").locator(".cm-content").click()
    tab.keyboard.press("Shift+Enter")
    verdict = cell(tab, "step-check").locator(".jp-Cell-outputArea")
    head = "def step(theta, g, lr):\n"

    write(tab, "step", f'{head}    raise NotImplementedError("step is not written yet")')
    verdict.get_by_text("not written yet").first.wait_for(timeout=60_000)

    write(tab, "step", f"{head}    return theta + lr * g")
    verdict.get_by_text("You added the step. The gradient points uphill").wait_for(timeout=60_000)
    said = verdict.inner_text()
    assert "First wrong in case 1 of 20" in said and "expected" in said and "Hint 1" in said and "✓" not in said

    write(tab, "step", f"{head}    return theta - lr * g")
    verdict.get_by_text("1 of 1 points").wait_for(timeout=60_000)
    assert "✓ 00_start_here.step" in verdict.inner_text()
