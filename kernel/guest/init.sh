#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: use the machine up, choose the mode, run the load between two looks at /proc. Words of the kernel's
# command line (commas stand for blanks), of which run.py gives the first three on the console instead:
#   kc_mode=N kc_compact=N kc_target=N   vm.page_capture, vm.page_capture_compact, vm.page_capture_target
#   kc_load=, kc_pre=      the load, and what uses the machine up before
#   kc_thp=                when there are transparent huge pages
#   kc_hold=1              wait behind kc_pre: the host saves the machine's state, and starts from it
#   kc_trace=1             record a trace to /dev/vdc, and let the host take memory snapshots
#   kc_sysctl=A:V,...      other parameters
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tracefs t /sys/kernel/tracing
for word in $(cat /proc/cmdline); do
  case $word in kc_*) eval "${word%%=*}=\"$(echo "${word#*=}" | tr , ' ')\"" ;; esac
done
mount -t ext4 /dev/vda /mnt || echo "NO DISK"
mkswap /dev/vdb >/dev/null
swapon /dev/vdb
[ -b /dev/vdc ] && mkdir -p /out && mount -t ext4 /dev/vdc /out
V=/proc/sys/vm
T=/sys/kernel/tracing

report() { # of what moment
  echo 1 > $V/stat_refresh
  for f in vmstat page_capture page_capture_ask buddyinfo meminfo; do
    echo "@@ $f $1"
    cat /proc/$f
  done
  echo "@@ zones $1"
  grep -E '^Node|nr_free_pages |^ +count:' /proc/zoneinfo
  echo "@@ uptime $1"
  cat /proc/uptime
  echo "@@ none $1"
}

save() { # as which of the recording's two
  [ -d /out ] && for f in vmstat zoneinfo buddyinfo pagetypeinfo meminfo page_capture; do
    cat /proc/$f > /out/$f.$1
  done
}

start_trace() {
  echo mono > $T/trace_clock
  for e in kmem/mm_page_alloc kmem/mm_page_free kmem/mm_page_free_batched kmem/mm_page_pcpu_drain \
    kmem/mm_page_alloc_extfrag kmem/mm_page_alloc_zone_locked vmscan compaction oom migrate pagemap filemap \
    huge_memory writeback/writeback_dirty_folio block/block_rq_issue block/block_rq_complete \
    sched/sched_switch sched/sched_process_fork sched/sched_process_exec sched/sched_process_exit page_capture; do
    echo 1 > $T/events/$e/enable
  done
  echo 0 > $T/events/vmscan/mm_shrink_slab_start/enable
  echo 0 > $T/events/vmscan/mm_shrink_slab_end/enable
  echo > $T/trace
  echo 1 > $T/tracing_on
  sleep 2
  echo READY1
  read x < /dev/ttyS0
  echo START > $T/trace_marker
}

stop_trace() {
  echo END > $T/trace_marker
  sleep 1
  echo READY2
  read x < /dev/ttyS0
  echo 0 > $T/tracing_on
  for c in $T/per_cpu/cpu*; do
    cat $c/stats | tr '\n' ' '
    echo
  done
  uname -a > /out/uname
  cat /proc/cmdline > /out/cmdline
  sysctl -a 2>/dev/null | grep '^vm\.' > /out/sysctl.vm
  cp /workload.log /out/
  trace-cmd.bin extract -o /out/trace.dat 2>&1 | tail -3
  dmesg > /out/dmesg
}

echo "${kc_compact:-1}" > $V/page_capture_compact
for f in enabled defrag; do
  echo "${kc_thp:-madvise}" > /sys/kernel/mm/transparent_hugepage/$f
done
for s in $kc_sysctl; do
  echo "${s#*:}" > "/proc/sys/$(echo "${s%%:*}" | tr . /)"
done
[ -n "$kc_pre" ] && /bin/$kc_pre
if [ -n "$kc_hold" ]; then
  sync
  echo READY0
  read kc_mode kc_compact kc_target kc_load < /dev/ttyS0
  kc_load=$(echo "$kc_load" | tr , ' ')
  echo
  echo "$kc_compact" > $V/page_capture_compact
fi
[ -n "$kc_trace" ] && start_trace
echo "${kc_mode:-0}" > $V/page_capture
echo "${kc_target:-0}" > $V/page_capture_target
save 0
report before
echo "@@ load x"
/bin/$kc_load 2>&1 | tee /workload.log
report after
save 1
[ -n "$kc_trace" ] && stop_trace
echo "@@ dmesg x"
dmesg | grep -iE 'warn|bug|bad page|oom|killed|hung|stall|corrupt|call trace'
echo "@@ none x"
[ -d /out ] && sync && umount /out
echo DONE
poweroff -f
