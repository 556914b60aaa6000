# What the guest does: some use of the machine, then a recording of itself, left on its own disk.
/bin/busybox --install -s /bin
export PATH=/bin PYTHONPATH=/packages HOME=/tmp PYTHONDONTWRITEBYTECODE=1
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkswap /dev/vdb > /dev/null; swapon /dev/vdb
mount -t ext4 /dev/vdc /out
mount -t tracefs tracing /sys/kernel/tracing
mount -t cgroup2 cgroup /sys/fs/cgroup 2> /dev/null
for word in $(cat /proc/cmdline); do case $word in pre=*) pre=${word#pre=} ;; load=*) load=${word#load=} ;; esac; done
echo madvise > /sys/kernel/mm/transparent_hugepage/enabled
[ -n "$pre" ] && python3 /load.py $(echo "$pre" | tr , ' ')
sync; sleep 1
python3 /inside.py record -o /out/recording -- python3 /load.py $(echo "$load" | tr , ' ')
cat /out/recording/vmstat.1 > /out/vmstat.1
python3 -m recap doctor > /out/doctor 2>&1
dmesg > /out/dmesg; uname -a > /out/uname; cat /proc/cmdline > /out/cmdline
sync; umount /out
echo DONE
poweroff -f
