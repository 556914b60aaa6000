"""How the engine is compiled: every `X.py` with an `X.pxd` beside it becomes a C extension.

Cython reads a copy in which the headers have their numbers (headers.py); these are the headers that are installed.
`RECAP_BUILD` selects the variant: `release` (the default) or `checked`, where every index and every
integer operation of the engine is verified.  Each variant is a complete, importable tree, `build/release`
or `build/checked`.  All the engine is compiled, or, where there is no C compiler, none of it.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

sys.path.insert(0, str(Path(__file__).parent))  # an isolated build does not look here by itself
from headers import stage

VARIANT = os.environ.get("RECAP_BUILD", "release")
SOURCE = Path("src")
STAGE = Path("build/stage", VARIANT)  # holds the copy of SOURCE that Cython reads, which no other build changes
SHARED = "recap._cyutility"  # Cython's memoryviews, generated and compiled once instead of in every module
FLAGS = {"release": ["-O2", "-g0", "-w"], "checked": ["-O1", "-g0", "-w"]}  # -w: the C is Cython's, not ours
DIRECTIVES = {
    "release": {"boundscheck": False, "wraparound": False, "initializedcheck": False, "cdivision": True},
    "checked": {"boundscheck": True, "wraparound": False, "initializedcheck": True, "overflowcheck": True},
}
ALWAYS = {
    "language_level": 3,
    "annotation_typing": False,
    "auto_pickle": False,  # nothing of the engine is pickled, and the code for it takes time to compile
    "show_performance_hints": False,  # they are about code that holds the GIL; the engine's loops do not
}
SLOW = (
    "recap: no working C compiler with Python's headers (on Debian: apt install gcc python3-dev): "
    "installing the engine uncompiled, about a thousand times slower."
)
if VARIANT not in FLAGS:
    sys.exit(f"RECAP_BUILD={VARIANT}: there is release and there is checked")


def engine() -> list[Extension]:
    """One extension for each engine module, discovered by its header, and one for what they all need."""
    sources = sorted(header.with_suffix(".py") for header in SOURCE.glob("recap/**/*.pxd"))
    modules = {".".join(source.relative_to(SOURCE).with_suffix("").parts): source for source in sources}
    modules[SHARED] = SOURCE.joinpath(*SHARED.split(".")).with_suffix(".c")
    return [Extension(name, [str(source)], extra_compile_args=FLAGS[VARIANT]) for name, source in modules.items()]


class CompileEngine(build_ext):
    """Translate with Cython, then compile; where nothing can be compiled, leave the plain Python."""

    def build_extensions(self):
        if not self.can_compile():
            print(SLOW, file=sys.stderr)
            self.extensions = []
            return
        self.translate()
        super().build_extensions()

    def can_compile(self) -> bool:
        """Whether the C compiler works and finds Python's headers."""
        with tempfile.TemporaryDirectory() as scratch:
            probe = Path(scratch, "probe.c")
            probe.write_text("#include <Python.h>\n")
            try:
                self.compiler.compile([str(probe)], output_dir=scratch)
            except CompileError:
                return False
        return True

    def translate(self):
        from Cython.Build import cythonize  # noqa: PLC0415 (without a compiler it is not needed)
        from Cython.Compiler import Options  # noqa: PLC0415

        Options.warning_errors = VARIANT == "checked"  # not in a release: a newer Cython may know more warnings
        root = Path.cwd()
        with contextlib.chdir(STAGE):  # so that the compiler's messages name the files in SOURCE
            translated = cythonize(
                self.extensions,
                nthreads=self.parallel,
                force=self.force,
                build_dir=str(root / "build/c" / VARIANT),
                include_path=[str(SOURCE)],
                shared_utility_qualified_name=SHARED,
                compiler_directives=ALWAYS | DIRECTIVES[VARIANT],
            )
        sources = {extension.name: extension.sources for extension in translated}
        for extension in self.extensions:
            extension.sources = [os.path.relpath(source, root) for source in sources[extension.name]]


class BuildPackage(build_py):
    """The package's files, the headers with their numbers."""

    def run(self):
        super().run()
        for header, installed in self.headers().items():
            shutil.copy2(header, installed)

    def headers(self) -> dict[Path, Path]:
        """Where each header is, and where it goes."""
        found = (STAGE / SOURCE).glob("recap/**/*.pxd")
        return {header: Path(self.build_lib, header.relative_to(STAGE / SOURCE)) for header in found}

    def get_outputs(self, include_bytecode=1):
        return [*super().get_outputs(include_bytecode), *map(str, self.headers().values())]


class BuildTree(build):
    """The standard build, minus what earlier builds left: a module that is gone must not stay importable."""

    sub_commands = build.sub_commands[::-1]  # compile first: failing must not leave plain Python behind

    def run(self):
        stage(SOURCE / "recap", STAGE / SOURCE / "recap")
        super().run()
        commands = [self.get_finalized_command(name) for name in self.get_sub_commands()]
        wanted = {Path(output) for command in commands for output in command.get_outputs()}
        for path in Path(self.build_lib).rglob("*"):
            if path.is_file() and path not in wanted and path.parent.name != "__pycache__":
                path.unlink()


if __name__ == "__main__":
    Path("build").mkdir(exist_ok=True)
    setup(
        ext_modules=engine(),
        cmdclass={"build": BuildTree, "build_py": BuildPackage, "build_ext": CompileEngine},
        options={
            "build": {
                "build_lib": f"build/{VARIANT}",
                "build_temp": f"build/obj/{VARIANT}",
                "parallel": os.cpu_count(),
            },
            "egg_info": {"egg_base": "build"},
        },
    )
