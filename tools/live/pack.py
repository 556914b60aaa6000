"""A disk for guests that record themselves: busybox, this Python with what recap needs, recap, and files to read.

    python -m tools.live.pack DEB_ROOT... RIG [--recap build/release]

DEB_ROOT is a kernel's package, unpacked (`dpkg -x linux-image-*.deb DEB_ROOT`). RIG gets the disk, `disk.img`, and a
folder for each kernel with `kernel` (its release), `root/boot/vmlinuz-*` and `ir.gz`, which loads what mounts the disk.
busybox must be a static one (Debian: busybox-static), beside e2fsprogs, cpio and xz.
"""

from __future__ import annotations

import argparse
import lzma
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk")
MORE_MODULES = ("qemu_fw_cfg",)  # says where vmcoreinfo is
PACKAGES = ("numpy", "numpy.libs", "msgspec", "cyclopts", "rich", "zstandard", "pygments", "markdown_it", "mdurl")
MORE_PACKAGES = (
    "docstring_parser",
    "attr",
    "attrs",
    "rich_rst",
    "docutils",
    "cython.py",
    "Cython",
    "typing_extensions.py",
)
UNUSED = ("test", "site-packages", "idlelib", "tkinter", "ensurepip", "lib2to3", "config-*", "__pycache__")
DISK_MB = 1500


def libraries(*files: Path) -> Iterator[Path]:
    """The shared libraries of some programs, as the loader finds them."""
    told = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout
    yield from {Path(word) for word in told.split() if word.startswith("/") and not word.endswith(":")}


def fill(root: Path, recap: Path) -> None:
    """The disk's files."""
    for name in ("bin", "proc", "sys", "dev", "tmp", "out", "etc", "run"):
        (root / name).mkdir(parents=True)
    shutil.copy2(shutil.which("busybox") or "busybox", root / "bin/busybox")
    library = Path(sysconfig.get_path("stdlib"))
    python = Path(sys.executable).resolve()
    packages = Path(sysconfig.get_path("purelib"))
    programs = (
        python,
        *library.glob("lib-dynload/*.so"),
        *(so for name in PACKAGES for so in (packages / name).rglob("*.so")),
    )
    for source in (python, *libraries(*programs)):
        if source.is_relative_to(packages):  # comes with its package
            continue
        target = root / source.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=True)
    shutil.copytree(library, root / library.relative_to("/"), ignore=shutil.ignore_patterns(*UNUSED))
    (root / "bin/python3").symlink_to(python)
    for name in (*PACKAGES, *MORE_PACKAGES):
        copy(packages / name, root / "packages" / name)
    copy(recap / "recap", root / "packages/recap")
    for name in ("guest.sh", "inside.py", "load.py"):
        shutil.copy2(HERE / name, root / name)


def copy(source: Path, target: Path) -> None:
    """A package, of one file or many; one that is not installed is not needed."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    elif source.exists():
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(source, target)


def initramfs(deb: Path, folder: Path) -> None:
    """What boots a kernel far enough to run from the disk."""
    release = next((deb / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
    (folder / "root").mkdir(parents=True, exist_ok=True)
    shutil.copytree(deb / "boot", folder / "root/boot", dirs_exist_ok=True)
    (folder / "kernel").write_text(release + "\n")
    tree = folder / "initramfs"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "root", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy2(shutil.which("busybox") or "busybox", tree / "bin/busybox")
    for number, name in enumerate((*MODULES, *MORE_MODULES)):
        for module in deb.rglob(f"{name}.ko*"):  # none where it is built in
            data = module.read_bytes()
            (tree / f"modules/{number}.ko").write_bytes(lzma.decompress(data) if module.suffix == ".xz" else data)
    shutil.copy2(HERE / "init.sh", tree / "init")
    (tree / "init").chmod(0o755)
    pack = f"cd {tree} && find . | cpio --quiet -o -H newc | gzip > {folder.resolve() / 'ir.gz'}"
    subprocess.run(["sh", "-c", pack], check=True)
    shutil.rmtree(tree)


def main() -> None:
    """The disk, and a folder for each kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("debs", type=Path, nargs="+")
    parser.add_argument("rig", type=Path)
    parser.add_argument("--recap", type=Path, default=Path("build/release"), help="a folder with the package in it")
    args = parser.parse_args()
    rig = args.rig.resolve()
    tree, disk = rig / "tree", rig / "disk.img"
    shutil.rmtree(tree, ignore_errors=True)
    fill(tree, args.recap)
    disk.unlink(missing_ok=True)
    make: list[str | Path] = ["mke2fs", "-q", "-t", "ext4", "-d", tree, disk, f"{DISK_MB}M"]
    subprocess.run(make, check=True)
    shutil.rmtree(tree)
    for deb in args.debs:
        release = next((deb / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
        folder = rig / release
        initramfs(deb, folder)
        (folder / "disk.img").unlink(missing_ok=True)
        (folder / "disk.img").symlink_to(disk)
        print(folder)


if __name__ == "__main__":
    main()
