/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reclaim page capture: a task in direct reclaim keeps the pages it frees on a
 * private list until it has had the first choice of them.
 *
 * The rules are in mm/page_capture.c; the map that one mode keeps is in
 * mm/page_capture_map.c; counters, knobs and the test driver are in
 * mm/page_capture_debug.c.
 */
#ifndef _LINUX_PAGE_CAPTURE_H
#define _LINUX_PAGE_CAPTURE_H

#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/types.h>

/* What vm.page_capture may be. */
enum page_capture_mode {
	PAGE_CAPTURE_NONE,
	PAGE_CAPTURE_OWN,	/* the reclaimer's own pages merge among themselves */
	PAGE_CAPTURE_WHITCROFT,	/* they merge with free neighbours and what others free, too */
	PAGE_CAPTURE_KOSAKI,	/* only useful pages are captured, and only until a block is complete */
	PAGE_CAPTURE_PLACEBO,	/* asks kosaki's question of every page and captures none: a control */
	PAGE_CAPTURE_MAP,	/* kosaki, the question answered by a map of pages that reclaim cannot free */
	NR_PAGE_CAPTURE_MODES
};

enum page_capture_state {
	CAPTURE_IDLE,		/* the request is too small, or the mode is "none" */
	CAPTURE_OPEN,		/* collecting */
	CAPTURE_OVER		/* being emptied, or the request has its block */
};

/* One direct reclaim's capture, on its stack. Each list is protected by its zone's lock. */
struct page_capture {
	struct list_head list[MAX_NR_ZONES];	/* newest block first */
	unsigned long zones;			/* bitmap of the lists that may hold something */
	struct pglist_data *pgdat;		/* pages of other nodes are not captured */
	enum page_capture_mode mode;
	enum page_capture_state state;
	struct page *page;			/* the block handed over */
	u64 began;

	/* Kosaki's questions so far, and what they looked at. */
	unsigned long asked, looked, again;
	unsigned long last_block;

	/* The request. */
	unsigned int order;
	unsigned int alloc_flags;
	gfp_t gfp;
	int highest_zoneidx;
};

/* In the allocator, around direct reclaim. */
void page_capture_open(struct page_capture *pc, gfp_t gfp, unsigned int order,
		       unsigned int alloc_flags, int highest_zoneidx);
struct page *page_capture_close(struct page_capture *pc);
void page_capture_result(struct page_capture *pc, struct page *page);

/* In reclaim: pages about to be released; the end of a batch of every LRU list; how much to reclaim. */
void page_capture_folios(struct list_head *folios);
void page_capture_settle(void);
unsigned long page_capture_target(int order, unsigned long usual);

/* In the buddy allocator, where anybody frees a block: does it join a captured buddy? */
bool page_capture_joins(struct page *page, unsigned long pfn, struct zone *zone,
			unsigned int order, int migratetype);

/*
 * The map, where it is kept: what is allocated, what goes to an LRU list, what
 * is freed.
 */
extern unsigned long *page_capture_map;

void __page_capture_allocated(unsigned long *map, struct page *page, unsigned int order);
void __page_capture_unmark(unsigned long *map, struct page *page, unsigned int order);

static inline void page_capture_allocated(struct page *page, unsigned int order, gfp_t gfp)
{
	unsigned long *map = READ_ONCE(page_capture_map);

	if (unlikely(map) && (order || !(gfp & __GFP_MOVABLE)))
		__page_capture_allocated(map, page, order);
}

static inline void page_capture_unmark(struct page *page, unsigned int order)
{
	unsigned long *map = READ_ONCE(page_capture_map);

	if (unlikely(map))
		__page_capture_unmark(map, page, order);
}

int page_capture_keep_map(bool keep);
bool page_capture_map_fixed(unsigned long pfn, unsigned int order, unsigned long *looked);
unsigned long page_capture_map_writes(void);
u64 page_capture_map_write_ns(void);

/* In use, and in a way that reclaim cannot undo? Not asked of free blocks. */
bool page_is_fixed(struct page *page);

/* Knobs. */
extern int sysctl_page_capture;
extern int sysctl_page_capture_compact;
extern int sysctl_page_capture_target;

/* Counters of /proc/page_capture. They are in pages unless they say otherwise. */
enum page_capture_count {
	CAPTURE_RECLAIMS,	/* direct reclaims for a costly order, in any mode */
	CAPTURE_SERVED,		/* of which returned a block, however they got it */
	CAPTURE_FAILED,		/* and which did not */
	CAPTURE_OPENS,		/* of which captured */
	CAPTURE_OWN,		/* captured where their reclaimer freed them */
	CAPTURE_LEFT,		/* not captured by kosaki: of no use */
	CAPTURE_NEIGHBOURS,	/* drawn in from the free lists */
	CAPTURE_STOLEN,		/* drawn in from another reclaimer's capture */
	CAPTURE_OUTSIDERS,	/* freed by others, and joined */
	CAPTURE_RETURNED,	/* given to the free lists, trimmed ones too */
	CAPTURE_SETTLED,	/* times that a list with something on it was emptied */
	CAPTURE_FITS,		/* of which it held a block that was large enough */
	CAPTURE_HANDED,		/* blocks handed over */
	CAPTURE_REFUSED,	/* blocks that the watermark test refused */
	CAPTURE_ASKED,		/* times that kosaki's question was asked */
	CAPTURE_AGAIN,		/* of which about the same block as the time before */
	CAPTURE_LOOKED,		/* struct pages that it looked at; words of the map in mode 5 */
	CAPTURE_TIMED,		/* questions that were timed */
	CAPTURE_TIMED_LOOKED,	/* what these looked at */
	CAPTURE_TIMED_NS,	/* and how long they took, without the clock's own time */
	NR_CAPTURE_COUNTS
};

extern unsigned long page_capture_withheld;

void page_capture_count(enum page_capture_count which, unsigned long by);
void page_capture_withhold(long pages);
void page_capture_count_settled(unsigned int largest);
void page_capture_count_result(bool served, u64 began);
bool page_capture_times_this(void);
void page_capture_count_timed(u64 began, unsigned long looked);

#endif
