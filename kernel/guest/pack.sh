#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Make what a guest boots from: pack.sh RIG leaves RIG/initramfs.gz, and RIG/disk.img unless it is there.
# The disk has files to read: every second one of a size between 2 kB and 3 MB under /usr/lib, share and include.
# On Debian 12: apt install gcc busybox-static trace-cmd cpio e2fsprogs
set -e
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
rm -rf initramfs
for folder in bin dev proc sys mnt tmp; do
  mkdir -p initramfs/$folder
done
for load in race hugetlb; do
  gcc -O2 -static -Wno-unused-result -o initramfs/bin/$load "$here/$load.c"
done
cp "$(command -v busybox)" initramfs/bin/busybox
cp "$(command -v trace-cmd)" initramfs/bin/trace-cmd.bin
for library in $(ldd "$(command -v trace-cmd)" | grep -o '/[^ ]*'); do
  mkdir -p "initramfs$(dirname "$library")"
  cp -L "$library" "initramfs$(dirname "$library")/"
done
cp "$here/init.sh" initramfs/init
chmod +x initramfs/init
(cd initramfs && find . | cpio -o -H newc --quiet | gzip > ../initramfs.gz)
if [ ! -f disk.img ]; then
  mkdir -p files/data
  target=$PWD/files/data
  (cd /usr && find lib share include -type f -size +2k -size -3000k | awk 'NR%2==0' | head -30000 | cpio -pdm --quiet "$target")
  mke2fs -q -t ext4 -d files disk.img 2500M
  rm -rf files
fi
