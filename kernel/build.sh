#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build Debian's Linux 6.1 with page capture: build.sh DIR leaves DIR/bzImage and DIR/vmlinux, the tree is DIR/linux.
#   CAPTURE_DEBUG=1 build.sh DIR   also DIR/bzImage-debug, with VM_BUG_ON live in the allocator, reclaim and compaction
# On Debian 12: apt install linux-source-6.1 build-essential flex bison bc libelf-dev libssl-dev dwarves cpio
# LINUX_SOURCE names another tarball of Linux 6.1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=${LINUX_SOURCE:-/usr/src/linux-source-6.1.tar.xz}
mkdir -p "$1/linux"
cd "$1/linux"
[ -f Makefile ] || tar --strip-components=1 -xf "$source"
python3 "$here/hooks.py" .
make -s tinyconfig
scripts/kconfig/merge_config.sh -m .config "$here/capture.config" >/dev/null
make -s olddefconfig
make -s -j"$(nproc)" bzImage
cp arch/x86/boot/bzImage vmlinux ..
if [ -n "${CAPTURE_DEBUG:-}" ]; then
  if ! grep -q CAPTURE_DEBUG mm/Makefile; then
    echo 'ifdef CAPTURE_DEBUG' >> mm/Makefile
    for object in page_alloc vmscan compaction debug; do
      echo "CFLAGS_$object.o += -DCONFIG_DEBUG_VM=1" >> mm/Makefile
    done
    echo 'endif' >> mm/Makefile
  fi
  make -s -j"$(nproc)" CAPTURE_DEBUG=1 bzImage
  cp arch/x86/boot/bzImage ../bzImage-debug
fi
