"""Notebooks as files: read, run in a fresh kernel, normalized, written whole or not at all."""

import os
import re
import sys
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
BADGE = re.compile(r"\n*^\[!\[Open in Colab\]\(.*\)\]\(.*\)$\n?", re.MULTILINE)
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("tags", "nbgrader", "jupyter", "slideshow", "deletable", "editable")


def stems(folder):
    """The stems of a folder's notebooks, in order."""
    return sorted(path.stem for path in (ROOT / folder).glob("*.ipynb"))


def read(path):
    """The notebook at a path. Raises ValueError with one line where the file is none."""
    try:
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as error:
        line = (str(error).splitlines() or ["unreadable"])[0]
        raise ValueError(f"{path}: not a notebook in format 4 ({line})") from None
    return book


def run(book, folder):
    """Runs every code cell in a fresh kernel that stands in the folder; outputs go into the book.

    Raises RuntimeError with the cell and the error where a cell fails.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    # The stored outputs are those of the CPU, on whatever machine the course is built.
    environment = {**os.environ, "COURSE_DEVICE": "cpu", "COURSE_PROGRESS": "0", "PYTHONHASHSEED": "0"}
    client = NotebookClient(
        book,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=40"],
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
        raise RuntimeError(text) from None
    except DeadKernelError:
        raise RuntimeError("the kernel died") from None


def normalize(book, stem=None):
    """Makes the same notebook the same bytes: no timings, no widget state, one kernel, counted cells.

    stem: of a lesson; its title then carries the Colab badge, and a cell that fetches the course.
    """
    if stem:
        _colab(book, stem)
    book.nbformat, book.nbformat_minor = 4, 5
    book.metadata = nbformat.from_dict(KERNEL)
    count = 0
    for cell in book.cells:
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").split("\n"))
        cell.metadata = nbformat.from_dict({k: cell.metadata[k] for k in CELL_METADATA if k in cell.metadata})
        if cell.cell_type == "code":
            ran = cell.execution_count is not None and cell.source.strip()
            count += bool(ran)
            cell.execution_count = count if ran else None
            cell.outputs = [_output(output, count) for output in _merged(cell.outputs)]
    return book


def _merged(outputs):
    """Consecutive pieces of one stream as one: where they were cut is chance."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _output(output, count):
    if "execution_count" in output:
        output.execution_count = count
    if "metadata" in output:
        output.metadata = nbformat.from_dict({})
    return output


def _colab(book, stem):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = project["urls"]["Source"].rstrip("/")
    folder = source.rpartition("/")[2]
    path = source.removeprefix("https://github.com/")
    link = f"https://colab.research.google.com/github/{path}/blob/main/{stem}.ipynb"
    image = "https://colab.research.google.com/assets/colab-badge.svg"
    title = book.cells[0]
    title.source = BADGE.sub("", title.source).rstrip() + f"\n\n[![Open in Colab]({image})]({link})"
    code = (
        "# On Google Colab this cell fetches the course; anywhere else it does nothing.\n"
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        "    %cd -q /content\n"
        f"    !test -d {folder} || git clone -q --depth 1 {source}\n"
        f"    !pip install -q --no-deps -e {folder} array-api-compat\n"
        f'    sys.path.insert(0, "/content/{folder}")\n'
        f"    %cd -q {folder}/{stem.partition('/')[0]}"
    )
    cell = next((cell for cell in book.cells if cell.id == "colab"), None)
    if cell is None:
        cell = nbformat.v4.new_code_cell(id="colab")
        book.cells.insert(1, cell)
    cell.source, cell.metadata["jupyter"] = code, {"source_hidden": True}


def text(book):
    """The notebook as the text of its file, lines as list items, the way Jupyter writes them."""
    return nbformat.writes(book, version=nbformat.NO_CONVERT, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write(path, content):
    """Writes a file whole: to a temporary file first, then renamed. Returns whether it changed."""
    path = Path(path)
    old = path.read_bytes() if path.exists() else None
    new = content.encode("utf-8") if isinstance(content, str) else content
    if old == new:
        return False
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(new)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


if sys.platform == "win32":  # zmq's event loop needs it, and warns on every run otherwise
    import asyncio

    asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
