"""A user's class checked against the questions the engine asks: mistakes are reported by file and line."""

from __future__ import annotations

import ast
import difflib
import inspect
import traceback
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from recap.errors import InputError


class Question(NamedTuple):
    """What a policy is asked: with which arguments, when and what a yes means, and what the unchanged kernel does."""

    arguments: tuple[str, ...]
    summary: str
    unchanged: bool


def declared() -> dict[str, Question]:
    """The questions by their names, from the source of Policy: compiled, its methods cannot be seen from Python."""
    source = ast.parse(files("recap.policy").joinpath("policy.py").read_text())
    policy = next(node for node in source.body if isinstance(node, ast.ClassDef))
    found = {}
    for method in policy.body:
        match method:
            case ast.FunctionDef(name, body=[*_, ast.Return(ast.Call(args=[ast.Constant(bytes()), default, *_]))]):
                arguments = tuple(argument.arg for argument in method.args.args[1:])
                summary = str(ast.get_docstring(method)).partition("\n")[0]
                found[name] = Question(arguments, summary, bool(ast.literal_eval(default)))
    return found


QUESTIONS = declared()
# Of recap.kernel.Rules, which a policy may change.
RULES = ("compaction_capture", "lumpy_reclaim", "defrag_mode", "kswapd_only_blocks")
ALIKE = 0.75  # how alike two names are before one counts as a slip of the other
AGAIN = "fix the policy and run again"
SHOW_QUESTIONS = f"a policy may answer {', '.join(QUESTIONS)}"


def check_class(cls: type) -> None:
    """Refuse a class that the engine would misunderstand.

    Errors:
        InputError: a method whose name is nearly a question's, one with other arguments, or no answer at all.
    """
    own = {name: value for name, value in vars(cls).items() if callable(value) and not name.startswith("_")}
    for name, method in own.items():
        if name not in QUESTIONS:
            refuse_slip(name, method)
    refuse_rules(cls)
    answered = [name for name in QUESTIONS if callable(getattr(cls, name, None))]
    if not answered and not hasattr(cls, "__getattr__") and not changes_rules(cls):
        raise InputError(*place(cls), f"{cls.__name__} answers no question", SHOW_QUESTIONS)
    for name in answered:
        refuse_arguments(name, getattr(cls, name))


def changes_rules(cls: type) -> bool:
    """Does it change a rule of the kernel?"""
    rules = getattr(cls, "rules", None)
    return isinstance(rules, Mapping) and bool(rules)


def refuse_rules(cls: type) -> None:
    """`rules` turns rules of the kernel on or off, and only those that can change on any machine."""
    rules = getattr(cls, "rules", {})
    if hasattr(rules, "__get__"):  # of a shipped policy that it extends
        return
    if not isinstance(rules, Mapping) or not all(name in RULES and value in (0, 1) for name, value in rules.items()):
        raise InputError(*place(cls), f"rules is {rules!r}", f"map some of {', '.join(RULES)} to True or False")


def refuse_slip(name: str, method: Callable[..., Any]) -> None:
    """`release` is not asked; `releases` is."""
    meant = difflib.get_close_matches(name, QUESTIONS, 1, ALIKE)
    if meant:
        hint = f"did you mean {meant[0]}? ({SHOW_QUESTIONS}; a helper's name may start with _)"
        raise InputError(*place(method), f"{name} is never asked", hint)


def refuse_arguments(name: str, method: Callable[..., Any]) -> None:
    """The engine calls with plain numbers by position."""
    if not inspect.isfunction(method):  # a shipped policy's own, or some other callable: asked as it is
        return
    try:
        inspect.signature(method).bind(None, *QUESTIONS[name].arguments)
    except TypeError as error:
        wanted = f"def {name}(self, {', '.join(QUESTIONS[name].arguments)}):"
        raise InputError(*place(method), f"{name} cannot be asked: {error}", f"write {wanted}") from None


def place(item: object) -> tuple[str, str]:
    """File and line of a class or function, as an InputError takes them."""
    code = getattr(item, "__code__", None)
    if code is not None:
        return code.co_filename, f"line {code.co_firstlineno}"
    methods = (value for value in vars(item).values() if hasattr(value, "__code__"))
    code = getattr(next(methods, None), "__code__", None)
    return (code.co_filename, f"line {code.co_firstlineno - 1}") if code else (repr(item), "")


def wrong_answer(method: Callable[..., Any], question: str, answer: object) -> InputError:
    """An answer that is neither yes nor no: most often a forgotten `return`."""
    code = getattr(method, "__code__", None)
    path, line = (code.co_filename, f"line {code.co_firstlineno}") if code else (repr(method), "")
    return InputError(path, line, f"{question} answered {answer!r}", "return True or False")


def raised(method: Callable[..., Any], question: str, error: BaseException) -> InputError:
    """An exception, by the innermost line of the policy's own file that it passed through, else by the method's."""
    code = getattr(method, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
    path, line = (own[-1].filename, f"line {own[-1].lineno}") if own else place(method)
    refusal = InputError(path, line, f"{question} raised {type(error).__name__}: {error}", AGAIN)
    refusal.__cause__ = error
    return refusal


def made(cls: type) -> Any:
    """An object of a user's class: each run has its own.

    Errors:
        InputError: the class cannot be called without arguments.
    """
    try:
        return cls()
    except Exception as error:
        start = vars(cls).get("__init__")
        if start is None:
            raise InputError(*place(cls), f"{cls.__name__}() raised {type(error).__name__}: {error}", AGAIN) from error
        raise raised(start, f"{cls.__name__}()", error) from error


def unreadable(path: Path, error: Exception) -> InputError:
    """What the file itself raised when it was run, by line."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = line or (own[-1] if own else None)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    refusal = InputError(
        path, f"line {where}" if where else "", f"{type(error).__name__}: {text}", "fix it and run again"
    )
    refusal.__cause__ = error
    return refusal
