"""What a support archive (sosreport and its like) holds of /proc, as files of a recording without a trace."""

import shutil
import tarfile
import tempfile
import zlib
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from recap.errors import InputError
from recap.trace.cursor import CUT_SHORT
from recap.trace.surroundings import PROC_FILES

MAGICS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
USTAR_AT = 257
LARGEST_FILE = 16 << 20
MOST_MEMBERS = 1_000_000


def is_tarball(path: Path) -> bool:
    """Whether a file begins as an archive does, packed or not."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(512)
    return head.startswith(MAGICS) or head[USTAR_AT : USTAR_AT + 5] == b"ustar"


def unpack(path: Path) -> Path:
    """A new temporary folder with the archive's /proc files as NAME.0; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="recap-"))
    found = 0
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file) as archive:
            for number, member in enumerate(archive):
                if number > MOST_MEMBERS:
                    break
                found += take(archive, member, folder)
    except (tarfile.TarError, OSError, EOFError, zlib.error, LZMAError, ValueError) as error:
        shutil.rmtree(folder)
        raise InputError(path, "", f"the archive is damaged: {error}", CUT_SHORT) from None
    if not found:
        shutil.rmtree(folder)
        raise InputError(path, "", "there is nothing of /proc in it", "give an archive with proc/vmstat or the like")
    return folder


def take(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> bool:
    """Copy one member, if it is a file of /proc that is asked for; the archive's own paths are never followed."""
    parts = PurePosixPath(member.name).parts
    for name, source in PROC_FILES.items():
        wanted = ("proc", *source.split("/"))
        if member.isfile() and member.size <= LARGEST_FILE and parts[-len(wanted) :] == wanted:
            content = archive.extractfile(member)
            if content is not None:
                (folder / f"{name}.0").write_bytes(content.read(LARGEST_FILE))
                return True
    return False
