#!/bin/busybox sh
# In the guest: use the machine up, turn tracing on, change the parameters, run the load between two looks at /proc.
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tracefs t /sys/kernel/tracing
for m in qemu_fw_cfg virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do insmod /mods/$m.ko; done
sleep 1
mount -t ext4 /dev/vda /mnt; mkswap /dev/vdb >/dev/null; swapon /dev/vdb; mkdir -p /out; mount -t ext4 /dev/vdc /out
for word in $(cat /proc/cmdline); do case $word in
  requests=*) requests=${word#requests=};; seed=*) seed=${word#seed=};; stop=*) stop=${word#stop=};;
  set=*) settings=$(echo "${word#set=}" | tr , ' ');; esac; done
for f in enabled defrag; do echo madvise > /sys/kernel/mm/transparent_hugepage/$f; done # a small machine has both off
/bin/load prepare $seed
T=/sys/kernel/tracing
echo mono > $T/trace_clock
for e in kmem/mm_page_alloc kmem/mm_page_free kmem/mm_page_free_batched kmem/mm_page_pcpu_drain kmem/mm_page_alloc_extfrag \
  kmem/mm_page_alloc_zone_locked vmscan compaction oom migrate pagemap filemap huge_memory writeback/writeback_dirty_folio \
  block/block_rq_issue block/block_rq_complete sched/sched_switch sched/sched_process_fork sched/sched_process_exec \
  sched/sched_process_exit; do echo 1 > $T/events/$e/enable; done
echo 0 > $T/events/vmscan/mm_shrink_slab_start/enable; echo 0 > $T/events/vmscan/mm_shrink_slab_end/enable
proc() { for f in vmstat zoneinfo buddyinfo pagetypeinfo meminfo; do cat /proc/$f > /out/$f.$1; done; }
sysctl -a 2>/dev/null | grep '^vm\.' > /out/sysctl.vm
echo > $T/trace; echo 1 > $T/tracing_on
sleep 2
[ "$stop" = 1 ] && { echo READY1; read x < /dev/ttyS0; }
for s in $settings; do echo ${s#*:} > /proc/sys/$(echo ${s%%:*} | tr . /); done
echo START > $T/trace_marker
proc 0
/bin/load ask $seed $requests > /out/workload.log 2>&1
proc 1
echo END > $T/trace_marker
[ "$stop" = 1 ] && { sleep 1; echo READY2; read x < /dev/ttyS0; }
echo 0 > $T/tracing_on
for c in $T/per_cpu/cpu*; do cat $c/stats | tr '\n' ' '; echo; done
uname -a > /out/uname; cat /proc/cmdline > /out/cmdline; dmesg > /out/dmesg
[ "$stop" = 1 ] && trace-cmd.bin extract -o /out/trace.dat 2>&1 | tail -3
sync; umount /out; umount /mnt
echo DONE
poweroff -f
