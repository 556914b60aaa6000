"""One name a thing."""

import ast
from collections import Counter
from pathlib import Path

SOURCES = sorted(Path("src/recap").rglob("*.py"))


def test_no_two_classes_have_the_same_name() -> None:
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert len(names) > 100
    assert [name for name, count in names.items() if count > 1] == []


def test_a_verb_imports_what_it_uses_by_its_own_name() -> None:
    aliases = [
        f"{path}: {alias.name} as {alias.asname}"
        for path in SOURCES
        if path.parent.name == "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname
    ]
    assert aliases == []
