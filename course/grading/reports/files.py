"""Files written whole or not at all, and only where they change."""

import os

NEW, CHANGED, SAME = "new", "changed", "same"


def put(path, data):
    """Writes the bytes to a temporary file beside `path` and renames it; returns NEW, CHANGED or SAME.

    A file that holds these bytes already is left untouched. Raises OSError where it cannot be written.
    """
    try:
        state = CHANGED
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return SAME
    except FileNotFoundError:
        state = NEW
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return state
