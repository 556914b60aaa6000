"""Headers in `src` have types only: headers.py adds the numbers of the Python files, and inline functions' bodies."""

from __future__ import annotations

import enum
import importlib
import os
import re
from pathlib import Path
from typing import Any

import pytest

import headers
import recap
from recap import kernel, pages
from recap.pages import COMPILED

PACKAGE = Path("src/recap")
NUMPY = {
    "int": "<i4",
    "unsigned int": "<u4",
    "long long": "<i8",
    "unsigned short": "<u2",
    "unsigned char": "|u1",
    "signed char": "|i1",
}
ENUM = re.compile(r"^cdef enum ?(\w*):\n((?:    \w+ = .*\n)+)", re.MULTILINE)


def constants(header: str) -> dict[str, int]:
    """The numbers of a header; members of an enum with a name as `Name.MEMBER`."""
    return {
        f"{name}.{member}" if name else member: int(number)
        for name, lines in ENUM.findall(header)
        for member, number in re.findall(r"(\w+) = (.*)", lines)
    }


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of a compiled module, one that has only numbers, and one that neither is nor is used by any."""
    package = tmp_path / "src" / "pack"
    package.mkdir(parents=True)
    for name, text in {
        "__init__.py": "",
        "walk.py": "import cython\nif not cython.compiled:\n    from pack.kernel import NONE\n    A, B = range(2)\n"
        "    FAR = -(1 << 40)\nELSE = 5\n",
        "walk.pxd": "from pack.kernel cimport NONE, Kind, Rules\n\ncdef int walk(int x)\n",
        "kernel.py": "import dataclasses\nimport enum\n\nNONE = 0xFFFFFFFF\nSMALL = 3\nON = True\nRATE = 1.5\n\n"
        "class Kind(enum.IntEnum):\n    FREE = 0\n    USED = 1\n\n"
        "@dataclasses.dataclass\nclass Rules:\n    boost: bool = True\n    merge: bool = False\n\n"
        "@dataclasses.dataclass\nclass Profile:\n    name: str\n    boost: bool\n",
        "report.py": "import pack.none_such\nWIDTH = 80\n",
    }.items():
        (package / name).write_text(text)
    return package


def test_a_compiled_module_has_what_it_assigns_uncompiled(package: Path) -> None:
    header = headers.complete(package)[Path("walk.pxd")]
    assert header == (package / "walk.pxd").read_text() + (
        "\ncdef enum:\n    A = 0\n    B = 1\n\ncdef enum:\n    FAR = -1099511627776\n"
    )


def test_a_module_of_numbers_has_all_that_can_be_one_in_c(package: Path) -> None:
    assert headers.complete(package)[Path("kernel.pxd")] == (
        "\ncdef enum:\n    SMALL = 3\n\ncdef enum:\n    NONE = 4294967295\n"
        "\ncdef enum Kind:\n    FREE = 0\n    USED = 1\n"
        "\nctypedef struct Rules:\n    bint boost\n    bint merge\n"
    )


def test_no_other_module_gets_a_header(package: Path) -> None:
    assert headers.complete(package).keys() == {Path("walk.pxd"), Path("kernel.pxd")}


def test_an_inline_function_has_its_body_in_the_header_only(package: Path) -> None:
    rest = "\ndef walk(x):\n    return twice(x)\n"
    (package / "walk.py").write_text(f'\ndef twice(x):\n    """Doc."""\n    y = x\n    return x + y\n{rest}')
    declared = "cdef inline int twice(int x) noexcept nogil"
    (package / "walk.pxd").write_text(f"@cython.locals(y=cython.longlong)\n{declared}\n\ncdef int walk(int x)\n")
    stage = package.parent / "stage"
    headers.stage(package, stage)
    body = "    cdef long long y\n    y = x\n    return x + y\n"
    assert (stage / "walk.pxd").read_text() == f"{declared}:\n{body}\ncdef int walk(int x)\n"
    assert (stage / "walk.py").read_text() == "\n" * 6 + rest.removeprefix("\n")


def test_only_integers_are_assigned_uncompiled(package: Path) -> None:
    (package / "walk.py").write_text("import cython\nif not cython.compiled:\n    RATE = 0.5\n")
    with pytest.raises(SystemExit, match=r"walk\.py: RATE"):
        headers.complete(package)


def test_what_did_not_change_keeps_its_time(package: Path, tmp_path: Path) -> None:
    """Code that changes makes its module compile again; a number, all whose headers name it."""
    stage = tmp_path / "stage"

    def changed(file: str, old: str, new: str) -> set[str]:
        before = {path.name: path.stat().st_mtime_ns for path in stage.iterdir()}
        path = package / file
        path.write_text(path.read_text().replace(old, new))
        headers.stage(package, stage)
        return {path.name for path in stage.iterdir() if path.stat().st_mtime_ns != before[path.name]}

    headers.stage(package, stage)
    for path in stage.iterdir():
        os.utime(path, (1, 1))
    assert changed("walk.py", "ELSE = 5", "ELSE = 6") == {"walk.py"}
    assert changed("kernel.py", "RATE = 1.5", "RATE = 2.5") == {"kernel.py"}
    assert changed("kernel.py", "SMALL = 3", "SMALL = 4") == {"kernel.py", "kernel.pxd"}


def test_what_is_gone_leaves_the_copy(package: Path, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    headers.stage(package, stage)
    for name in ("walk.py", "walk.pxd"):
        (package / name).unlink()
    headers.stage(package, stage)
    assert {path.name for path in stage.iterdir()} == {"__init__.py", "kernel.py", "report.py"}


def test_headers_in_src_have_no_numbers_of_their_own() -> None:
    lines = [(path.name, line) for path in PACKAGE.rglob("*.pxd") for line in path.read_text().splitlines()]
    assert not [(name, line) for name, line in lines if re.search(r"\benum\b|^DEF\b", line)]


def test_modules_of_numbers_are_the_same_in_c() -> None:
    """What generated headers say against what importing the modules gives."""
    for place in headers.complete(PACKAGE):
        if (PACKAGE / place).exists():
            continue
        module = importlib.import_module(".".join(("recap", *place.with_suffix("").parts)))
        own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        numbers = {name: value for name, value in own.items() if type(value) is int}
        for kind in own.values():
            if isinstance(kind, type) and issubclass(kind, enum.IntEnum) and kind.__module__ == module.__name__:
                numbers |= {f"{kind.__name__}.{name}": int(value) for name, value in kind.__members__.items()}
        assert constants(headers.complete(PACKAGE)[place]) == numbers, place


def test_records_are_the_same_in_c() -> None:
    """The structs of pages.pxd against the dtypes of pages.py, with which they share their memory when compiled."""
    structs = dict(re.findall(r"ctypedef packed struct (\w+):\n((?:    .+\n)+)", (PACKAGE / "pages.pxd").read_text()))
    assert len(structs) > 5
    for name, lines in structs.items():
        dtype = getattr(pages, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper())
        assert [in_c(*field) for field in re.findall(r"    ([a-z ]+) (\w+)(?:\[(\w+)\])?\n", lines)] == dtype.descr, (
            name
        )


def in_c(kind: str, name: str, extent: str) -> tuple[Any, ...]:
    """A field of a struct, as NumPy describes it."""
    if not extent:
        return name, NUMPY[kind]
    return name, NUMPY[kind], (int(extent) if extent.isdigit() else getattr(kernel, extent),)


@pytest.mark.skipif(not COMPILED, reason="uncompiled, the headers in src are the ones there are")
def test_the_headers_installed_are_the_complete_ones() -> None:
    installed = Path(recap.__path__[0])
    assert {path.relative_to(installed): path.read_text() for path in installed.rglob("*.pxd")} == headers.complete(
        PACKAGE
    )
