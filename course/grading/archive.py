"""A zip that nobody has looked at: its entries with limits on count, size and ratio, never unpacked to disk."""

import re
import stat
import struct
import zipfile

from course.grading.reading import MAX_BYTES, Unreadable

MAX_DIRECTORY = 16 * 2**20  # bytes of the list of entries: more than 100,000 names of ordinary length
MAX_TOTAL = 2**30  # bytes of all that is read out of one learner's zip
_RATIO, _RATIO_FROM = 500, 16 * 2**20  # printed numbers shrink to a tenth, one repeated sign to a thousandth
_EXPECTED = "expected an ordinary zip"


class Archive:
    """The entries of an opened zip. Raises Unreadable where the file is none, or too much of one.

    entries   [(folders and name, (number of the entry, its checksum), problem)]; problem: why it is not read, or ""
    folders   {names} of those that are entries of their own
    """

    def __init__(self, file):
        try:
            size = _directory_size(file)
            if size > MAX_DIRECTORY:
                raise Unreadable(f"It lists {size:,} bytes of names; {_EXPECTED} of at most {MAX_DIRECTORY:,}.")
            self._zip, self._file = zipfile.ZipFile(file), file
            self._infos = self._zip.infolist()
            self.folders = set()
            self.entries = self._listed()
        except Unreadable:
            file.close()
            raise
        except Exception as error:  # whatever a damaged list of entries makes zipfile raise
            file.close()
            raise Unreadable(f"It is damaged or no zip ({_line(error)}); {_EXPECTED}.") from None

    def _listed(self):
        last = {info.filename: i for i, info in enumerate(self._infos)}  # of two with one name the last counts
        entries = []
        for i, info in enumerate(self._infos):
            if last[info.filename] == i:
                parts, leaves = _parts(info)
                if info.filename.endswith(("/", "\\")):
                    self.folders.add(parts)
                elif parts:
                    entries.append((parts, (i, info.CRC), leaves or _problem(info)))
        return entries

    def size(self, member):
        """How many bytes an entry says it has."""
        return self._infos[member[0]].file_size

    def read(self, member):
        """The bytes of an entry. Raises Unreadable."""
        i, checksum = member
        if i >= len(self._infos) or self._infos[i].CRC != checksum:
            raise Unreadable("Its zip was changed while the class was read.")
        try:
            with self._zip.open(self._infos[i]) as entry:
                data = entry.read(MAX_BYTES + 1)
        except Exception as error:  # whatever a damaged entry makes zipfile and zlib raise
            raise Unreadable(f"It is damaged in its zip ({_line(error)}). Make the zip anew.") from None
        if len(data) > MAX_BYTES:
            raise Unreadable(f"It has more than {MAX_BYTES // 2**20} MB; expected less.")
        return data

    def close(self):
        self._zip.close()
        self._file.close()


def _line(error):
    return (str(error).splitlines() or [""])[0][:120] or type(error).__name__


def _directory_size(file):
    """How many bytes the list of entries has, as the end of a zip says; zipfile would read them all."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - 65_557 - 20))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise Unreadable(f"It is no zip, or breaks off; {_EXPECTED}.")
    sizes = list(struct.unpack_from("<L", tail, at + 12))
    if tail[max(0, at - 20) : at].startswith(b"PK\6\7"):  # zip64: its record stands where this says, or right before it
        (where,) = struct.unpack_from("<Q", tail, at - 20 + 8)
        for place in (where, size - len(tail) + at - 20 - 56):
            file.seek(place if 0 <= place < size else size)
            record = file.read(56)
            if len(record) == 56 and record.startswith(b"PK\6\6"):
                sizes += struct.unpack_from("<Q", record, 40)
        if len(sizes) > 1 and sizes[0] == 2**32 - 1:
            del sizes[0]
    file.seek(0)
    return max(sizes)


def _parts(info):
    """The folders and name of an entry, and what is wrong with a name that leads out of the zip."""
    name = info.orig_filename if "\0" not in info.orig_filename else info.filename
    if not info.flag_bits & 0x800:  # not marked as UTF-8: macOS writes it all the same, Windows the old cp437
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    name = name.replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    leaves = name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name)
    problem = "Its name leads out of the zip; expected one below it. Make the zip anew." if leaves else ""
    return tuple(part for part in parts if part != ".."), problem


def _problem(info):
    if info.flag_bits & 1:
        return "It is encrypted; expected a zip without a password."
    if stat.S_ISLNK(info.external_attr >> 16) and info.create_system == 3:
        return "It is a link; expected the file itself."
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"It is packed by method {info.compress_type}; {_EXPECTED} (stored or deflated)."
    if info.file_size > MAX_BYTES:
        return f"It has {info.file_size / 2**20:,.0f} MB; expected at most {MAX_BYTES // 2**20} MB."
    if info.file_size > _RATIO_FROM and info.file_size > _RATIO * info.compress_size:
        return f"It unpacks to {info.file_size / max(1, info.compress_size):,.0f} times its size: a zip bomb."
    return ""
