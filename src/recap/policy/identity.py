"""What tells one user's policy from another: its source with all it imports, and the values it works with.

Equal identities give equal runs, so that a kept run of a policy that was changed is never taken for its own.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import pickle
import site
import sys
import sysconfig
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any


def identity(cls: type, file: Path | None = None, state: object = None) -> str:
    """A digest of a user's class.

    What it covers: the module the class is in and every module that this imports, by itself or through others, from
    outside of the standard library and site-packages; the values of the class, and of the module's globals, defaults
    and closures that its functions use. A module that is imported by a name that is only made when it runs is not seen.

    Args:
        cls: the class.
        file: where it is from, if that is no module.
        state: what an object of it holds, besides.
    """
    told = [cls.__qualname__, sources(cls, file), values(cls), canonical(state)]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def sources(cls: type, file: Path | None) -> list[str]:
    """Digests of the files, by name; of a class that was typed at a prompt there are none, and it is like no other."""
    module = sys.modules.get(cls.__module__)
    path = file or source_file(module)
    if path is None:
        return [unlike_any()]
    package = "" if file or module is None else module.__package__ or ""
    found: dict[Path, str] = {}
    todo = [(path, package)]
    while todo:
        path, package = todo.pop()
        if path not in found:
            content = path.read_bytes()
            found[path] = f"{path.name} {hashlib.sha256(content).hexdigest()}"
            todo += imported(content, package) if path.suffix == ".py" else []
    return sorted(found.values())


def source_file(module: ModuleType | None) -> Path | None:
    """The file a module is from."""
    name = getattr(module, "__file__", None)
    return Path(str(name)) if name and Path(str(name)).is_file() else None


def imported(source: bytes, package: str) -> Iterator[tuple[Path, str]]:
    """The user's own modules that a source names in its imports, each with the package it is in."""
    names = dict.fromkeys(prefix for name in named(ast.parse(source), package) for prefix in prefixes(name))
    for name in names:
        spec = find_spec(name)
        if spec and spec.has_location and spec.origin and is_users_own(Path(spec.origin)):
            yield Path(spec.origin), spec.name if spec.submodule_search_locations else spec.parent or ""


def named(tree: ast.AST, package: str) -> Iterator[str]:
    """The absolute names of what may be modules in import statements."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                base = importlib.util.resolve_name("." * (level or 0) + (module or ""), package) if package else module
                if base:
                    yield from (base, *(f"{base}.{alias.name}" for alias in names))


def prefixes(name: str) -> Iterator[str]:
    """`a.b.c` runs `a` and `a.b` too."""
    parts = name.split(".")
    return (".".join(parts[: i + 1]) for i in range(len(parts)))


def find_spec(name: str) -> Any:
    """What Python knows of a module, if it is one."""
    try:
        return importlib.util.find_spec(name)
    except Exception:  # no such module, or one whose package cannot be imported: the policy will say so
        return None


def is_users_own(path: Path) -> bool:
    """Is a file neither Python's, nor of an installed package, nor recap's (which counts by itself)?"""
    return not any(path.resolve().is_relative_to(folder) for folder in not_users_own())


@cache
def not_users_own() -> tuple[Path, ...]:
    """The folders of Python, of what is installed, and of recap."""
    paths = sysconfig.get_paths()
    installed = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [*installed, *site.getsitepackages(), site.getusersitepackages(), str(Path(__file__).parents[1])]
    return tuple(Path(folder).resolve() for folder in folders)


def values(cls: type) -> list[str]:
    """The data of a class and of its bases that are the user's own, and all that their functions can get at."""
    seen = set[int]()
    return [text for base in cls.__mro__ for text in described(base, seen)]


def is_users_class(cls: type) -> bool:
    """Is a class from a file of the user's, or from a prompt?"""
    module = sys.modules.get(cls.__module__)
    path = source_file(module)
    return is_users_own(path) if path else module is None or cls.__module__ == "__main__"


def described(value: Any, seen: set[int]) -> Iterator[str]:
    """A value; of a class or function of the user's what it carries with it."""
    if isinstance(value, property):
        value = value.fget
    value = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
    if not isinstance(value, (FunctionType, MemberDescriptorType, ModuleType, type)):
        yield canonical(value)
    elif id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, FunctionType) and is_users_own(Path(value.__code__.co_filename)):
            yield from carried(value, seen)
        elif isinstance(value, type) and is_users_class(value):
            for name, held in sorted(vars(value).items()):
                if isinstance(held, FunctionType) or not name.startswith("__"):  # the rest is Python's own
                    yield f"{value.__qualname__}.{name}"
                    yield from described(held, seen)


def carried(function: FunctionType, seen: set[int]) -> Iterator[str]:
    """Defaults, closures, and the globals that a function names."""
    yield from (canonical(function.__defaults__), canonical(function.__kwdefaults__))
    cells = [cell.cell_contents for cell in function.__closure__ or () if holds_something(cell)]
    names = sorted(set(global_names(function.__code__)) & function.__globals__.keys())
    for value in (*cells, *(function.__globals__[name] for name in names)):
        yield from described(value, seen)


def holds_something(cell: Any) -> bool:
    """A cell is empty until its variable has a value."""
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def global_names(code: CodeType) -> Iterator[str]:
    """The names a function looks up, those of the functions inside it included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from global_names(constant)


def canonical(value: object) -> str:
    """A text that is the same for equal values, in any process; where there is none, one that is like no other."""
    try:
        return written(value)
    except Exception:  # what cannot be pickled raises what it likes; a ring of objects has no end
        return unlike_any()


def written(value: object) -> str:
    """The value, sets in order."""
    match value:
        case None | bool() | int() | float() | complex() | str() | bytes():
            return f"{type(value).__name__} {value!r}"
        case Mapping():
            return f"{{{', '.join(f'{written(key)}: {written(item)}' for key, item in value.items())}}}"
        case set() | frozenset():
            return f"{{{', '.join(sorted(map(written, value)))}}}"
        case list() | tuple():
            return f"[{', '.join(map(written, value))}]"
    if is_users_class(type(value)):
        return f"{type(value).__qualname__} {written(value.__getstate__())}"
    return f"{type(value).__qualname__} {hashlib.sha256(pickle.dumps(value)).hexdigest()}"


def unlike_any() -> str:
    """An identity that nothing else has."""
    return str(uuid.uuid4())
