/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM page_capture

#if !defined(_TRACE_PAGE_CAPTURE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PAGE_CAPTURE_H

#include <linux/tracepoint.h>

/* The steps of a capture. A block is named by its first frame and its order. */
#define CAPTURE_STEP_OPENED	0	/* order is the mode, pfn is 0 */
#define CAPTURE_STEP_OWN	1	/* a page of the reclaimer's own is captured */
#define CAPTURE_STEP_NEIGHBOUR	2	/* the last page merges with this free block, */
#define CAPTURE_STEP_STOLEN	3	/* or with this block of another capture */
#define CAPTURE_STEP_OUTSIDER	4	/* a block that somebody else frees joins */
#define CAPTURE_STEP_TRIMMED	5	/* a block is cut down to the order wanted */
#define CAPTURE_STEP_RETURNED	6	/* a block goes to the free lists */
#define CAPTURE_STEP_HANDED	7	/* a block is handed over */
#define CAPTURE_STEP_REFUSED	8	/* it is not: its zone is short of free pages */
#define CAPTURE_STEP_CLOSED	9	/* order is the mode, pfn is what direct reclaim came to, or 0 */

/* Mergers within one capture are not reported: they follow from the rest. */
TRACE_EVENT(page_capture,

	TP_PROTO(int step, unsigned long pfn, unsigned int order, unsigned int wanted),

	TP_ARGS(step, pfn, order, wanted),

	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(int, step)
		__field(unsigned int, order)
		__field(unsigned int, wanted)
	),

	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->step = step;
		__entry->order = order;
		__entry->wanted = wanted;
	),

	TP_printk("%s pfn=0x%lx order=%u wanted=%u",
		__print_symbolic(__entry->step,
			{ CAPTURE_STEP_OPENED, "opened" },
			{ CAPTURE_STEP_OWN, "own" },
			{ CAPTURE_STEP_NEIGHBOUR, "neighbour" },
			{ CAPTURE_STEP_STOLEN, "stolen" },
			{ CAPTURE_STEP_OUTSIDER, "outsider" },
			{ CAPTURE_STEP_TRIMMED, "trimmed" },
			{ CAPTURE_STEP_RETURNED, "returned" },
			{ CAPTURE_STEP_HANDED, "handed" },
			{ CAPTURE_STEP_REFUSED, "refused" },
			{ CAPTURE_STEP_CLOSED, "closed" }),
		__entry->pfn, __entry->order, __entry->wanted)
);

#endif

/* This part must be outside the guard. */
#include <trace/define_trace.h>
