"""A disk that forgets: what a program wrote is logged, and any state that a power cut may leave can be had.

A file's content is on the disk once it was synced; before that any part of it may be, or zeros. A name is there, or
gone, once its folder was synced; before that each change of a name since the last sync may have come through or not.
"""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, Any

import pytest


@dataclass
class File:
    """One file, whatever its name: how much of it is on the disk for certain."""

    content: bytes = b""
    synced: bool = False

    def after_a_cut(self, chance: Random) -> bytes:
        """All of it, or what a file system may have made of it."""
        if self.synced:
            return self.content
        kept = chance.choice((0, len(self.content), chance.randrange(len(self.content) + 1)))
        if chance.random() < 0.5:
            return self.content[:kept]
        return self.content[:kept] + bytes(len(self.content) - kept)


@dataclass
class Change:
    """A change of names in a folder: a file appears under a name, or (None) the name goes."""

    path: Path
    file: File | None
    synced: bool = False


@dataclass
class Disk:
    """What is done below a folder; `moment` is called with the changes so far whenever there is one more."""

    folder: Path
    moment: Callable[[list[Change]], None]
    changes: list[Change] = field(default_factory=list)
    names: dict[Path, File] = field(default_factory=dict)
    opened: Callable[..., Any] = io.open

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Log every call from now on that changes a file."""
        original = {name: getattr(os, name) for name in ("fsync", "replace", "unlink")}
        opened = self.opened

        def fsync(descriptor: int) -> None:
            self.sync(Path(f"/proc/self/fd/{descriptor}").readlink())
            original["fsync"](descriptor)

        def replace(source: Any, target: Any) -> None:
            original["replace"](source, target)
            self.rename(Path(source), Path(target))

        def unlink(path: Any, **options: Any) -> None:
            folder = options.get("dir_fd")
            within = Path() if folder is None else Path(f"/proc/self/fd/{folder}").readlink()
            original["unlink"](path, **options)
            self.change(within / path, None)

        def open_logged(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:
            stream: IO[Any] = opened(file, mode, *arguments, **options)
            if set(mode) & set("wxa+"):
                self.change(Path(file), File())
            return stream

        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "replace", replace)
        patch.setattr(os, "unlink", unlink)
        patch.setattr(io, "open", open_logged)

    def change(self, path: Path, file: File | None) -> None:
        if file is None:
            del self.names[path]
        else:
            self.names[path] = file
        self.changes.append(Change(path, file))
        self.tell()

    def rename(self, source: Path, target: Path) -> None:
        self.change(target, self.names[source])
        self.change(source, None)

    def sync(self, path: Path) -> None:
        if path.is_dir():
            for change in self.changes:
                change.synced |= change.path.parent == path
        else:
            self.names[path].content = path.read_bytes()
            self.tell()
            self.names[path].synced = True
        self.tell()

    def write(self, path: Path, content: bytes) -> None:
        """Add to a file without an fsync, past all that is watched."""
        with self.opened(path, "ab") as file:
            file.write(content)
        self.names[path].content, self.names[path].synced = path.read_bytes(), False
        self.tell()

    def tell(self) -> None:
        self.moment(copy.deepcopy(self.changes))


def write_what_is_left(changes: list[Change], folder: Path, target: Path, chance: Random) -> None:
    """A disk after a power cut, in another folder."""
    names: dict[Path, File] = {}
    for change in changes:
        if not change.synced and chance.random() < 0.5:
            continue
        if change.file is None:
            names.pop(change.path, None)
        else:
            names[change.path] = change.file
    for path, file in names.items():
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.after_a_cut(chance))
