"""Notebooks as files: read, run in a fresh kernel, normalized, written whole or not at all."""

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
BADGE = re.compile(r"\n*^\[!\[Open in Colab\]\(.*\)\]\(.*\)$\n?", re.MULTILINE)
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
STALE = 10  # seconds; a write takes milliseconds, so an older temporary file was left by a killed build
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


def run(book, folder, root=None):
    """Runs every code cell in a fresh kernel that stands in the folder; outputs go into the book.

    root: the folder whose exercises/ holds the numbers that the checks expect; default: this checkout.

    Raises RuntimeError with the cell and the error where a cell fails, KeyboardInterrupt after Ctrl-C.
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
        extra_arguments=["--log-level=40", *([_numbers_from(root)] if root else [])],
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
        raise RuntimeError(text) from None
    except DeadKernelError:
        raise RuntimeError("the kernel died") from None
    finally:
        # nbclient answers Ctrl-C by ending the kernel, and then fails with whatever error comes of that.
        if getattr(client, "_async_cleanup_kernel_future", None):
            raise KeyboardInterrupt


def _numbers_from(root):
    """The kernel's option that lets its checks read their numbers below root, and binds no name."""
    path = f"__import__('pathlib').Path({str(root)!r})"
    return f"--IPKernelApp.exec_lines=__import__('course.exercises').exercises.ROOT = {path}"


def is_committed(path):
    """Whether git has this file exactly as it stands: then it is what is handed out, not somebody's work."""
    command = ["git", "-C", str(ROOT), "diff", "--quiet", "HEAD", "--", str(path)]
    tracked = ["git", "-C", str(ROOT), "ls-files", "--error-unmatch", str(path)]
    try:
        return all(subprocess.run(c, capture_output=True).returncode == 0 for c in (command, tracked))
    except OSError:  # no git here
        return False


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
    if "data" in output:
        output.data.pop(WIDGET, None)  # its model ends with the kernel; the picture beside it stays
    return output


def _colab(book, stem):
    if not book.cells:
        raise ValueError("it has no cells, expected a title in the first")
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
    return bool(write_together({path: content}))


def write_together(contents):
    """Writes files {path: text or bytes} that belong together: all of them, or none.

    Every file is written beside its target first and renamed when all are there; after an error or
    Ctrl-C between two renames the old files are put back. Returns the paths that changed.
    """
    new = {Path(path): text.encode() if isinstance(text, str) else text for path, text in contents.items()}
    old = {path: path.read_bytes() if path.exists() else None for path in new}
    changed = [path for path in new if new[path] != old[path]]
    renamed = []
    try:
        for path in changed:
            _temporary(path).write_bytes(new[path])
        for path in changed:
            renamed.append(path)  # before it is: an interrupt may come right after
            os.replace(_temporary(path), path)
    except BaseException:
        for path in renamed:
            _put_back(path, old[path])
        raise
    finally:
        for path in changed:
            _temporary(path).unlink(missing_ok=True)
    return changed


def _temporary(path):
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")  # .gitignore has this form


def _put_back(path, content):
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)


def leftovers(folders):
    """The temporary files in these folders that a killed build has left, in order."""
    found = [path for folder in folders for path in (ROOT / folder).glob(".*.tmp")]
    return sorted(path for path in found if _age(path) > STALE)


def _age(path):
    """Seconds since the file was written; 0 where another build has just renamed it."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0


if sys.platform == "win32":  # zmq's event loop needs it, and warns on every run otherwise
    import asyncio

    asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
