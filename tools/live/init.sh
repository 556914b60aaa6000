#!/bin/busybox sh
# The guest's first process: mounts the disk and goes on from there.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*.ko; do /bin/busybox insmod "$module"; done
/bin/busybox sleep 1
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox poweroff -f
for place in proc sys dev; do /bin/busybox mount --move /$place /root/$place; done
exec /bin/busybox switch_root /root /bin/busybox sh /guest.sh
