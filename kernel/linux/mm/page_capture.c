// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim page capture: Andy Whitcroft's proposal of 2008 and what its review
 * asked for, written anew for Linux 6.1 as an experiment.
 *
 * A task in direct reclaim for a costly order keeps the pages it frees on a
 * private list instead of giving them back to free lists where a racing
 * allocation would take the pieces. Captured blocks are on no free list and in
 * no free count; they merge on the private list, with each other and, by mode,
 * with free neighbours and with what others free beside them. After each batch
 * of reclaim the list is settled: the oldest block that is large enough is cut
 * to size and handed over if its zone stays above the watermark, everything
 * else goes to the free lists.
 *
 * In the order in which a request meets them:
 *
 *   page_capture_open()      the request enters direct reclaim
 *   page_capture_folios()    pages are about to be released: capture them
 *   page_capture_joins()     meanwhile somebody frees a block beside a captured one
 *   page_capture_settle()    a batch is over: hand over, give back the rest
 *   page_capture_close()     direct reclaim is over: here is the block, if there is one
 *
 * A captured block has a page type of its own. (Were it PageBuddy, compaction
 * would take it off a free list that it is not on.) Its order is in
 * page->private and its owner in page->index. Pages, lists and their owners'
 * states are protected by the zone's lock.
 *
 * This file is included at the end of mm/page_alloc.c, whose static functions
 * it uses.
 */
#include <linux/page_capture.h>
#include <linux/timekeeping.h>

#define CREATE_TRACE_POINTS
#include <trace/events/page_capture.h>

#define PG_captured	0x00000800
PAGE_TYPE_OPS(Captured, captured)

/* ---- Captured blocks and the lists they are on ---- */

static struct page_capture *capture_owner(struct page *page)
{
	return (struct page_capture *)page->index;
}

static void add_captured(struct page_capture *pc, struct zone *zone, struct page *page,
			 unsigned int order)
{
	__SetPageCaptured(page);
	set_page_private(page, order);
	page->index = (pgoff_t)pc;
	list_add(&page->lru, &pc->list[zone_idx(zone)]);
	page_capture_withhold(1L << order);
}

static void del_captured(struct page *page)
{
	page_capture_withhold(-(1L << page_private(page)));
	list_del(&page->lru);
	__ClearPageCaptured(page);
	set_page_private(page, 0);
	page->index = 0;
}

static void free_captured(struct zone *zone, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	page_capture_count(CAPTURE_RETURNED, 1UL << order);
	__free_one_page(page, pfn, zone, order, get_pfnblock_migratetype(page, pfn), FPI_NONE);
}

static void return_captured(struct page_capture *pc, struct zone *zone, struct page *page)
{
	unsigned int order = page_private(page);

	trace_page_capture(CAPTURE_STEP_RETURNED, page_to_pfn(page), order, pc->order);
	del_captured(page);
	free_captured(zone, page, order);
}

/* Cut a captured block down to the order wanted; its upper halves go free. */
static void trim_captured(struct page_capture *pc, struct zone *zone, struct page *page)
{
	unsigned int order = page_private(page);
	long surplus = (1L << order) - (1L << pc->order);
	int migratetype = get_pageblock_migratetype(page);

	if (!surplus)
		return;
	trace_page_capture(CAPTURE_STEP_TRIMMED, page_to_pfn(page), order, pc->order);
	page_capture_withhold(-surplus);
	page_capture_count(CAPTURE_RETURNED, surplus);
	set_page_private(page, pc->order);
	__mod_zone_freepage_state(zone, surplus, migratetype);
	expand(zone, page, pc->order, order, migratetype);
}

/* Kosaki: a block is complete, that is enough. Of its zone only the newest that fits is kept. */
static void return_surplus(struct page_capture *pc, struct zone *zone)
{
	struct list_head *head = &pc->list[zone_idx(zone)];
	struct page *page, *next;
	bool kept = false;

	WRITE_ONCE(pc->state, CAPTURE_OVER);
	list_for_each_entry_safe(page, next, head, lru) {
		if (!kept && page_private(page) >= pc->order) {
			trim_captured(pc, zone, page);
			kept = true;
		} else {
			return_captured(pc, zone, page);
		}
	}
}

/* ---- Merging ---- */

/* Is this the head of a captured block of just this order, on a list that still collects? */
static bool buddy_is_captured(struct page *page, struct page *buddy, unsigned int order)
{
	return PageCaptured(buddy) && page_private(buddy) == order &&
	       page_zone_id(page) == page_zone_id(buddy) &&
	       READ_ONCE(capture_owner(buddy)->state) == CAPTURE_OPEN;
}

/* As __free_one_page() has it: of the types without fallbacks, no pageblock merges with another type. */
static bool pageblocks_may_merge(int migratetype, struct page *buddy)
{
	int other = get_pageblock_migratetype(buddy);

	return migratetype == other ||
	       (migratetype_is_mergeable(migratetype) && migratetype_is_mergeable(other));
}

/* Take a buddy from where it is, if it is captured or free and the mode lets it join. */
static bool draw_in(struct page_capture *pc, struct zone *zone, struct page *page,
		    struct page *buddy, unsigned int order, int migratetype)
{
	bool neighbours = pc->mode != PAGE_CAPTURE_OWN;

	if (buddy_is_captured(page, buddy, order)) {
		if (capture_owner(buddy) != pc) {
			if (!neighbours)
				return false;
			page_capture_count(CAPTURE_STOLEN, 1UL << order);
			trace_page_capture(CAPTURE_STEP_STOLEN, page_to_pfn(buddy), order, pc->order);
		}
		del_captured(buddy);
		return true;
	}
	if (neighbours && PageBuddy(buddy) && page_is_buddy(page, buddy, order)) {
		del_page_from_free_list(buddy, zone, order);
		__mod_zone_freepage_state(zone, -(1 << order), migratetype);
		page_capture_count(CAPTURE_NEIGHBOURS, 1UL << order);
		trace_page_capture(CAPTURE_STEP_NEIGHBOUR, page_to_pfn(buddy), order, pc->order);
		return true;
	}
	return false;
}

/*
 * Merge a block upwards, past the order wanted if that is how far it goes, and
 * put the result on a capture's list.
 */
static void capture_block(struct page_capture *pc, struct zone *zone, struct page *page,
			  unsigned long pfn, unsigned int order, int migratetype)
{
	while (order < MAX_ORDER - 1) {
		unsigned long buddy_pfn = __find_buddy_pfn(pfn, order);
		struct page *buddy = page + (buddy_pfn - pfn);

		if (order >= pageblock_order && !pageblocks_may_merge(migratetype, buddy))
			break;
		if (!draw_in(pc, zone, page, buddy, order, migratetype))
			break;
		page += (buddy_pfn & pfn) - pfn;
		pfn &= buddy_pfn;
		order++;
	}
	add_captured(pc, zone, page, order);
	if (pc->mode >= PAGE_CAPTURE_KOSAKI && order >= pc->order)
		return_surplus(pc, zone);
}

/*
 * Called by __free_one_page() before each merge, with the block as merged so
 * far, which is in the free count but on no list. True if it was captured.
 */
bool page_capture_joins(struct page *page, unsigned long pfn, struct zone *zone,
			unsigned int order, int migratetype)
{
	struct page *buddy = page + (__find_buddy_pfn(pfn, order) - pfn);
	struct page_capture *pc;

	if (likely(!READ_ONCE(page_capture_withheld)))
		return false;
	if (is_migrate_isolate(migratetype) || !buddy_is_captured(page, buddy, order))
		return false;
	if (order >= pageblock_order && !pageblocks_may_merge(migratetype, buddy))
		return false;
	pc = capture_owner(buddy);
	if (pc->mode == PAGE_CAPTURE_OWN)
		return false;
	__mod_zone_freepage_state(zone, -(1 << order), migratetype);
	page_capture_count(CAPTURE_OUTSIDERS, 1UL << order);
	trace_page_capture(CAPTURE_STEP_OUTSIDER, pfn, order, pc->order);
	capture_block(pc, zone, page, pfn, order, migratetype);
	return true;
}

/* ---- What a reclaimer captures ---- */

/*
 * In use, and in a way that reclaim cannot undo? Pages on an LRU list it can
 * free; so can it those that are off their list for a while, which have a
 * mapping. What has no reference is free, on a per-cpu list for example.
 */
bool page_is_fixed(struct page *page)
{
	struct page *head = compound_head(page);

	if (PageLRU(head))
		return false;
	if (PageReserved(page) || page_has_type(head) || PageSlab(head) || PageHuge(page))
		return true;
	return page_count(head) && (!head->mapping || __PageMovable(head));
}

/*
 * Kosaki's question: does the aligned block of the order wanted, around a page
 * that is about to be released, hold a page that reclaim cannot free? Then the
 * block cannot become whole, and this page is of no use.
 */
static bool block_is_hopeless(unsigned long pfn, unsigned int order, unsigned long *looked)
{
	unsigned long at = round_down(pfn, 1UL << order);
	unsigned long end = at + (1UL << order);

	while (at < end) {
		struct page *one = pfn_to_page(at);

		++*looked;
		if (PageBuddy(one)) {
			at += 1UL << buddy_order(one);
		} else if (PageCaptured(one)) {
			at += 1UL << page_private(one);
		} else {
			if (at != pfn && page_is_fixed(one))
				return true;
			at++;
		}
	}
	return false;
}

/* The same question, asked as the mode has it, and what it costs. */
static bool ask(struct page_capture *pc, unsigned long pfn)
{
	unsigned long block = round_down(pfn, 1UL << pc->order), looked = 0;
	bool timed = page_capture_times_this(), hopeless;
	u64 began = timed ? ktime_get_mono_fast_ns() : 0;

	if (pc->mode == PAGE_CAPTURE_MAP)
		hopeless = page_capture_map_fixed(block, pc->order, &looked);
	else
		hopeless = block_is_hopeless(pfn, pc->order, &looked);
	if (timed)
		page_capture_count_timed(began, looked);
	pc->again += pc->asked && pc->last_block == block;
	pc->last_block = block;
	pc->asked++;
	pc->looked += looked;
	return hopeless;
}

/* Is this page to be captured? zone->lock held. */
static bool wants_page(struct page_capture *pc, struct page *page, int migratetype)
{
	bool hopeless;

	if (pc->state != CAPTURE_OPEN || is_migrate_isolate(migratetype))
		return false;
	if (pc->mode < PAGE_CAPTURE_KOSAKI)
		return true;
	hopeless = ask(pc, page_to_pfn(page));
	page_capture_count(CAPTURE_LEFT, hopeless);
	return !hopeless && pc->mode != PAGE_CAPTURE_PLACEBO;
}

static void capture_page(struct page_capture *pc, struct page *page)
{
	struct zone *zone = page_zone(page);
	unsigned long flags, pfn = page_to_pfn(page);
	int migratetype;

	spin_lock_irqsave(&zone->lock, flags);
	migratetype = get_pfnblock_migratetype(page, pfn);
	if (wants_page(pc, page, migratetype)) {
		list_del(&page->lru);
		if (free_pages_prepare(page, 0, true, FPI_NONE)) {
			pc->zones |= 1UL << zone_idx(zone);
			page_capture_count(CAPTURE_OWN, 1);
			trace_page_capture(CAPTURE_STEP_OWN, pfn, 0, pc->order);
			capture_block(pc, zone, page, pfn, 0, migratetype);
		}
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* Pages that reclaim is about to release: those captured leave the list, the others stay on it. */
void page_capture_folios(struct list_head *folios)
{
	struct page_capture *pc = current->page_capture;
	struct page *page, *next;

	if (!pc)
		return;
	list_for_each_entry_safe(page, next, folios, lru) {
		if (READ_ONCE(pc->state) != CAPTURE_OPEN)
			break;
		if (page_pgdat(page) == pc->pgdat)
			capture_page(pc, page);
	}
}

/* ---- Settlement ---- */

/* The watermark is tested for order 0: the block is outside the free count already. */
static bool may_hand_over(struct page_capture *pc, struct zone *zone)
{
	unsigned long mark = wmark_pages(zone, pc->alloc_flags & ALLOC_WMARK_MASK);

	if (cpusets_enabled() && (pc->alloc_flags & ALLOC_CPUSET) &&
	    !__cpuset_zone_allowed(zone, pc->gfp))
		return false;
	return zone_watermark_ok(zone, 0, mark, pc->highest_zoneidx, pc->alloc_flags);
}

static void hand_over(struct page_capture *pc, struct zone *zone, struct page *page)
{
	bool allowed = may_hand_over(pc, zone);

	trace_page_capture(allowed ? CAPTURE_STEP_HANDED : CAPTURE_STEP_REFUSED,
			   page_to_pfn(page), pc->order, pc->order);
	page_capture_count(CAPTURE_FITS, 1);
	page_capture_count(allowed ? CAPTURE_HANDED : CAPTURE_REFUSED, 1);
	if (allowed)
		pc->page = page;
	else
		free_captured(zone, page, pc->order);
}

/*
 * Empty the list of one zone, oldest block first. If the request still has no
 * block, the first that is large enough is handed over, after the rest has gone
 * to the free lists. Returns the largest order found, or -1.
 */
static int settle_zone(struct page_capture *pc, struct zone *zone, bool keep)
{
	struct list_head *head = &pc->list[zone_idx(zone)];
	struct page *kept = NULL;
	unsigned long flags;
	int largest = -1;

	spin_lock_irqsave(&zone->lock, flags);
	while (!list_empty(head)) {
		struct page *page = list_last_entry(head, struct page, lru);

		largest = max_t(int, largest, page_private(page));
		if (keep && !kept && !pc->page && page_private(page) >= pc->order) {
			trim_captured(pc, zone, page);
			del_captured(page);
			kept = page;
		} else {
			return_captured(pc, zone, page);
		}
	}
	if (kept)
		hand_over(pc, zone, kept);
	spin_unlock_irqrestore(&zone->lock, flags);
	return largest;
}

static void settle(struct page_capture *pc, bool keep)
{
	int zid, largest = -1;

	/* Who takes a zone's lock after this adds nothing to its list any more. */
	WRITE_ONCE(pc->state, CAPTURE_OVER);
	for (zid = MAX_NR_ZONES - 1; zid >= 0; zid--)
		if (pc->zones & 1UL << zid)
			largest = max(largest, settle_zone(pc, &pc->pgdat->node_zones[zid], keep));
	pc->zones = 0;
	if (largest >= 0)
		page_capture_count_settled(largest);
}

/* A batch of every LRU list is over. With a block in hand, what is reclaimed from now on goes its usual way. */
void page_capture_settle(void)
{
	struct page_capture *pc = current->page_capture;

	if (!pc || pc->page)
		return;
	settle(pc, true);
	if (!pc->page)
		WRITE_ONCE(pc->state, CAPTURE_OPEN);
}

/* ---- A direct reclaim from its beginning to its end ---- */

/* The mode is looked at once, here. */
void page_capture_open(struct page_capture *pc, gfp_t gfp, unsigned int order,
		       unsigned int alloc_flags, int highest_zoneidx)
{
	int zid;

	pc->state = CAPTURE_IDLE;
	pc->page = NULL;
	pc->order = order;
	pc->mode = READ_ONCE(sysctl_page_capture);
	if (order <= PAGE_ALLOC_COSTLY_ORDER)
		return;
	pc->began = ktime_get_mono_fast_ns();
	page_capture_count(CAPTURE_RECLAIMS, 1);
	trace_page_capture(CAPTURE_STEP_OPENED, 0, pc->mode, order);
	if (pc->mode == PAGE_CAPTURE_NONE)
		return;
	for (zid = 0; zid < MAX_NR_ZONES; zid++)
		INIT_LIST_HEAD(&pc->list[zid]);
	pc->zones = 0;
	pc->asked = pc->looked = pc->again = 0;
	pc->pgdat = NODE_DATA(numa_mem_id());
	pc->alloc_flags = alloc_flags;
	pc->gfp = gfp;
	pc->highest_zoneidx = highest_zoneidx;
	pc->state = CAPTURE_OPEN;
	page_capture_count(CAPTURE_OPENS, 1);
	current->page_capture = pc;
}

/* The block handed over, ready for use, or NULL. */
struct page *page_capture_close(struct page_capture *pc)
{
	struct page *page;

	if (pc->state == CAPTURE_IDLE)
		return NULL;
	current->page_capture = NULL;
	page_capture_count(CAPTURE_ASKED, pc->asked);
	page_capture_count(CAPTURE_AGAIN, pc->again);
	page_capture_count(CAPTURE_LOOKED, pc->looked);
	settle(pc, false);	/* what came after the last batch is not handed over */
	page = pc->page;
	if (page) {
		set_pcppage_migratetype(page, get_pageblock_migratetype(page));
		count_vm_events(PGALLOC_NORMAL - ZONE_NORMAL + page_zonenum(page), 1 << pc->order);
		prep_new_page(page, pc->order, pc->gfp, pc->alloc_flags);
	}
	return page;
}

/* What direct reclaim came to, by capture or without. */
void page_capture_result(struct page_capture *pc, struct page *page)
{
	if (pc->order <= PAGE_ALLOC_COSTLY_ORDER)
		return;
	trace_page_capture(CAPTURE_STEP_CLOSED, page ? page_to_pfn(page) : 0, pc->mode, pc->order);
	page_capture_count_result(page, pc->began);
}
