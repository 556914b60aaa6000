/*
 * The yardstick: the page allocator of recap.mm, without capture, as one would write it in C.
 *
 * It runs on the arrays of a recap Memory (same records, same numbering of list heads), so that after the
 * same operations both machines must be equal in every list and counter.  Constants are Linux 6.1's.
 */
#include <stdbool.h>
#include <stdint.h>

#define MAX_ORDER 11
#define PAGEBLOCK_ORDER 9
#define PAGEBLOCK_PAGES (1u << PAGEBLOCK_ORDER)
#define COSTLY_ORDER 3
#define NR_ORDERS 14
#define NR_PCP_LISTS 14
#define NR_LRU_LISTS 4
#define BATCH_SCALE_MAX 5
#define NONE 0xFFFFFFFFu

#define GFP_DMA 0x01u
#define GFP_HIGHMEM 0x02u
#define GFP_DMA32 0x04u
#define GFP_MOVABLE 0x08u
#define GFP_ATOMIC 0x200u
#define GFP_KSWAPD_RECLAIM 0x800u

#define ALLOC_WMARK_LOW 0x01
#define ALLOC_WMARK_MASK 0x03
#define ALLOC_NO_WATERMARKS 0x04
#define ALLOC_OOM 0x08
#define ALLOC_NON_BLOCK 0x10
#define ALLOC_MIN_RESERVE 0x20
#define ALLOC_NOFRAGMENT 0x100
#define ALLOC_HIGHATOMIC 0x200
#define ALLOC_KSWAPD 0x800
#define ALLOC_RESERVES (ALLOC_HIGHATOMIC | ALLOC_OOM | ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE)

#define PG_LRU 1

enum { UNMOVABLE, MOVABLE, RECLAIMABLE, PCPTYPES, HIGHATOMIC = PCPTYPES, ISOLATE, MIGRATE_TYPES };
enum { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE };
enum { WMARK_MIN, WMARK_LOW, WMARK_HIGH };
enum { TAIL, RESERVED, BUDDY, PCP, ALLOCATED };

static const int fallbacks[PCPTYPES][2] = {
	[UNMOVABLE] = { RECLAIMABLE, MOVABLE },
	[MOVABLE] = { RECLAIMABLE, UNMOVABLE },
	[RECLAIMABLE] = { UNMOVABLE, MOVABLE },
};

struct page {
	uint32_t next, prev;
	uint8_t order, migratetype, state, pad;
	uint16_t flags, capture;
};

struct zone {
	uint32_t start, end;
	int32_t index;
	uint8_t reclaim_active, boosted, below_high, node;
	int64_t free_pages, managed, nr_free[NR_ORDERS];
	int64_t watermark[4], watermark_boost, lowmem_reserve[5], nr_reserved_highatomic, kswapd_boost;
	int64_t vm_stat_diff, pages_scanned, nr_lru[NR_LRU_LISTS];
	uint32_t compact_pfns[5];
	int32_t compact_defer[3];
	int32_t capc;
	uint8_t compact_blockskip_flush, all_unreclaimable, pad[2];
} __attribute__((packed)); /* as the engine's is */

struct pcp {
	int32_t count, high, batch, free_factor;
	int32_t since_6_7[5], last_refill, locked;	/* of lists tuned by use, which 6.1 does not have */
};

struct machine {
	struct page *page;
	struct zone *zone;
	struct pcp *pcp;
	uint8_t *pageblock;
	uint32_t free_heads, pcp_heads;
	int32_t nr_zones, nr_cpus;
	int64_t watermark_boost_factor;
};

const int64_t record_sizes[3] = { sizeof(struct page), sizeof(struct zone), sizeof(struct pcp) };

static inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }

/* Lists */

static inline void list_add(struct machine *m, uint32_t pfn, uint32_t head)
{
	uint32_t first = m->page[head].next;

	m->page[pfn].prev = head;
	m->page[pfn].next = first;
	m->page[first].prev = pfn;
	m->page[head].next = pfn;
}

static inline void list_add_tail(struct machine *m, uint32_t pfn, uint32_t head)
{
	uint32_t last = m->page[head].prev;

	m->page[pfn].next = head;
	m->page[pfn].prev = last;
	m->page[last].next = pfn;
	m->page[head].prev = pfn;
}

static inline void list_del(struct machine *m, uint32_t pfn)
{
	uint32_t before = m->page[pfn].prev, after = m->page[pfn].next;

	m->page[before].next = after;
	m->page[after].prev = before;
}

static inline bool list_empty(struct machine *m, uint32_t head)
{
	return m->page[head].next == head;
}

/* Free lists */

static inline uint32_t free_list(struct machine *m, int zone, int order, int migratetype)
{
	return m->free_heads + (zone * NR_ORDERS + order) * MIGRATE_TYPES + migratetype;
}

static inline bool page_is_buddy(struct machine *m, uint32_t pfn, int order)
{
	return m->page[pfn].state == BUDDY && m->page[pfn].order == order;
}

static inline void add_to_free_list(struct machine *m, int zone, uint32_t pfn, int order, int migratetype,
				    bool to_tail)
{
	uint32_t head = free_list(m, zone, order, migratetype);

	m->page[pfn].state = BUDDY;
	m->page[pfn].order = order;
	m->page[pfn].migratetype = migratetype;
	if (to_tail)
		list_add_tail(m, pfn, head);
	else
		list_add(m, pfn, head);
	m->zone[zone].nr_free[order]++;
}

static inline void del_page_from_free_list(struct machine *m, int zone, uint32_t pfn)
{
	list_del(m, pfn);
	m->page[pfn].state = TAIL;
	m->zone[zone].nr_free[m->page[pfn].order]--;
}

static void move_to_free_list(struct machine *m, int zone, uint32_t pfn, int migratetype)
{
	list_del(m, pfn);
	m->page[pfn].migratetype = migratetype;
	list_add_tail(m, pfn, free_list(m, zone, m->page[pfn].order, migratetype));
}

/* Buddies */

static bool may_merge_blocks(struct machine *m, uint32_t buddy, int migratetype)
{
	int theirs = m->pageblock[buddy >> PAGEBLOCK_ORDER];

	return migratetype == theirs || (migratetype < PCPTYPES && theirs < PCPTYPES);
}

static bool buddy_merge_likely(struct machine *m, uint32_t pfn, uint32_t buddy, int order)
{
	return order < MAX_ORDER - 2 && page_is_buddy(m, (pfn & buddy) ^ (2u << order), order + 1);
}

static void free_one_page(struct machine *m, int zone, uint32_t pfn, int order, int migratetype)
{
	uint32_t buddy = pfn;

	m->zone[zone].free_pages += 1 << order;
	for (; order < MAX_ORDER - 1; order++) {
		buddy = pfn ^ (1u << order);
		if (!page_is_buddy(m, buddy, order))
			break;
		if (order >= PAGEBLOCK_ORDER && !may_merge_blocks(m, buddy, migratetype))
			break;
		del_page_from_free_list(m, zone, buddy);
		pfn &= buddy;
	}
	add_to_free_list(m, zone, pfn, order, migratetype, buddy_merge_likely(m, pfn, buddy, order));
}

static uint32_t rmqueue_smallest(struct machine *m, int zone, int order, int migratetype)
{
	for (int current = order; current < MAX_ORDER; current++) {
		uint32_t head = free_list(m, zone, current, migratetype);
		uint32_t pfn = m->page[head].next;

		if (pfn == head)
			continue;
		del_page_from_free_list(m, zone, pfn);
		while (current-- > order)
			add_to_free_list(m, zone, pfn + (1u << current), current, migratetype, false);
		m->page[pfn].state = ALLOCATED;
		m->page[pfn].order = order;
		m->page[pfn].migratetype = migratetype;
		return pfn;
	}
	return NONE;
}

/* Fallback to other migratetypes */

static int find_suitable_fallback(struct machine *m, int zone, int order, int migratetype)
{
	if (m->zone[zone].nr_free[order] == 0 || migratetype >= PCPTYPES)
		return -1;
	for (int i = 0; i < 2; i++)
		if (!list_empty(m, free_list(m, zone, order, fallbacks[migratetype][i])))
			return fallbacks[migratetype][i];
	return -1;
}

static bool can_steal_fallback(int order, int migratetype)
{
	return order >= PAGEBLOCK_ORDER / 2 || migratetype == RECLAIMABLE || migratetype == UNMOVABLE;
}

static bool boost_watermark(struct machine *m, int zone)
{
	struct zone *z = &m->zone[zone];
	int64_t most;

	if (m->watermark_boost_factor == 0 || PAGEBLOCK_PAGES * 4 > z->managed)
		return false;
	most = z->watermark[WMARK_HIGH] * m->watermark_boost_factor / 10000;
	if (most == 0)
		return false;
	z->watermark_boost = min(z->watermark_boost + PAGEBLOCK_PAGES, max(PAGEBLOCK_PAGES, most));
	return true;
}

/* Moves the pageblock's free blocks; how many pages those are, and how many others are movable. */
static int move_freepages_block(struct machine *m, int zone, uint32_t pfn, int migratetype, int *movable)
{
	uint32_t end = (pfn | (PAGEBLOCK_PAGES - 1)) + 1, at = pfn & ~(PAGEBLOCK_PAGES - 1);
	int moved = 0;

	*movable = 0;
	if (end > m->zone[zone].end)
		return 0;
	if (at < m->zone[zone].start)
		at = pfn;
	while (at < end) {
		if (m->page[at].state == BUDDY) {
			move_to_free_list(m, zone, at, migratetype);
			moved += 1 << m->page[at].order;
			at += 1u << m->page[at].order;
		} else {
			*movable += m->page[at].flags & PG_LRU;
			at++;
		}
	}
	return moved;
}

static void steal_suitable_fallback(struct machine *m, int zone, uint32_t pfn, int start_type, int flags,
				    bool whole_block)
{
	int order = m->page[pfn].order, old_type = m->pageblock[pfn >> PAGEBLOCK_ORDER], free, alike;

	if (old_type == HIGHATOMIC) {
		move_to_free_list(m, zone, pfn, start_type);
		return;
	}
	if (order >= PAGEBLOCK_ORDER) {
		for (uint32_t i = 0; i < 1u << (order - PAGEBLOCK_ORDER); i++)
			m->pageblock[(pfn >> PAGEBLOCK_ORDER) + i] = start_type;
		move_to_free_list(m, zone, pfn, start_type);
		return;
	}
	if (boost_watermark(m, zone) && flags & ALLOC_KSWAPD)
		m->zone[zone].boosted = 1;
	if (!whole_block) {
		move_to_free_list(m, zone, pfn, start_type);
		return;
	}
	free = move_freepages_block(m, zone, pfn, start_type, &alike);
	if (free == 0) {
		move_to_free_list(m, zone, pfn, start_type);
		return;
	}
	if (start_type != MOVABLE)
		alike = old_type == MOVABLE ? (int)PAGEBLOCK_PAGES - free - alike : 0;
	if (free + alike >= 1 << (PAGEBLOCK_ORDER - 1))
		m->pageblock[pfn >> PAGEBLOCK_ORDER] = start_type;
}

static bool rmqueue_fallback(struct machine *m, int zone, int order, int start_type, int flags)
{
	int least = order < PAGEBLOCK_ORDER && flags & ALLOC_NOFRAGMENT ? PAGEBLOCK_ORDER : order;
	int current = MAX_ORDER - 1, other = -1;

	while (current >= least && (other = find_suitable_fallback(m, zone, current, start_type)) < 0)
		current--;
	if (other < 0)
		return false;
	if (!can_steal_fallback(current, start_type) && start_type == MOVABLE && current > order) {
		current = order;
		while ((other = find_suitable_fallback(m, zone, current, start_type)) < 0)
			current++;
	}
	steal_suitable_fallback(m, zone, m->page[free_list(m, zone, current, other)].next, start_type, flags,
				can_steal_fallback(current, start_type));
	return true;
}

static uint32_t rmqueue_migratetype(struct machine *m, int zone, int order, int migratetype, int flags)
{
	uint32_t pfn;

	do
		pfn = rmqueue_smallest(m, zone, order, migratetype);
	while (pfn == NONE && rmqueue_fallback(m, zone, order, migratetype, flags));
	return pfn;
}

/* Per-cpu lists */

static inline bool pcp_allowed_order(int order)
{
	return order <= COSTLY_ORDER || order == PAGEBLOCK_ORDER;
}

static inline int order_to_pindex(int migratetype, int order)
{
	if (order > COSTLY_ORDER)
		return PCPTYPES * (COSTLY_ORDER + 1) + (migratetype == MOVABLE);
	return PCPTYPES * order + migratetype;
}

static void free_pcppages_bulk(struct machine *m, int zone, int p, int count, int pindex)
{
	uint32_t lists = m->pcp_heads + p * NR_PCP_LISTS;
	int first = 0, last = NR_PCP_LISTS - 1;

	count = min(count, m->pcp[p].count);
	pindex--;
	while (count > 0) {
		int order;

		if (++pindex > last)
			pindex = first;
		if (list_empty(m, lists + pindex)) {
			last -= pindex == last;
			first += pindex == first;
			continue;
		}
		order = pindex / PCPTYPES > COSTLY_ORDER ? PAGEBLOCK_ORDER : pindex / PCPTYPES;
		while (count > 0 && !list_empty(m, lists + pindex)) {
			uint32_t pfn = m->page[lists + pindex].prev;

			list_del(m, pfn);
			m->page[pfn].state = TAIL;
			count -= 1 << order;
			m->pcp[p].count -= 1 << order;
			free_one_page(m, zone, pfn, order, m->page[pfn].migratetype);
		}
	}
}

static int nr_pcp_free(struct pcp *pcp, int high, bool free_high)
{
	int batch = pcp->batch, most = high - batch;

	if (free_high)
		return pcp->count;
	if (high < batch)
		return 1;
	batch <<= pcp->free_factor;
	if (batch < most && pcp->free_factor < BATCH_SCALE_MAX)
		pcp->free_factor++;
	return min(batch, most);
}

static void free_unref_page_commit(struct machine *m, int zone, int cpu, uint32_t pfn, int migratetype, int order)
{
	int p = zone * m->nr_cpus + cpu, pindex = order_to_pindex(migratetype, order), high;
	struct pcp *pcp = &m->pcp[p];
	bool free_high;

	m->page[pfn].state = PCP;
	m->page[pfn].order = order;
	list_add(m, pfn, m->pcp_heads + p * NR_PCP_LISTS + pindex);
	pcp->count += 1 << order;
	free_high = pcp->free_factor && order && order <= COSTLY_ORDER;
	high = free_high ? 0 : pcp->high;
	if (m->zone[zone].reclaim_active)
		high = min(high, pcp->batch << 2);
	if (pcp->count >= high)
		free_pcppages_bulk(m, zone, p, nr_pcp_free(pcp, high, free_high), pindex);
}

static void rmqueue_bulk(struct machine *m, int zone, int p, int order, uint32_t head, int migratetype, int flags)
{
	int batch = m->pcp[p].batch, taken = 0;

	if (batch > 1)
		batch = max(batch >> order, 2);
	m->pcp[p].last_refill = batch;
	for (; taken < batch; taken++) {
		uint32_t pfn = rmqueue_migratetype(m, zone, order, migratetype, flags);

		if (pfn == NONE)
			break;
		m->page[pfn].state = PCP;
		list_add_tail(m, pfn, head);
	}
	m->zone[zone].free_pages -= taken << order;
	m->pcp[p].count += taken << order;
}

static uint32_t rmqueue_pcplist(struct machine *m, int zone, int cpu, int order, int migratetype, int flags)
{
	int p = zone * m->nr_cpus + cpu;
	uint32_t head = m->pcp_heads + p * NR_PCP_LISTS + order_to_pindex(migratetype, order), pfn;

	m->pcp[p].free_factor >>= 1;
	if (list_empty(m, head)) {
		rmqueue_bulk(m, zone, p, order, head, migratetype, flags);
		if (list_empty(m, head))
			return NONE;
	}
	pfn = m->page[head].next;
	list_del(m, pfn);
	m->page[pfn].state = ALLOCATED;
	m->pcp[p].count -= 1 << order;
	return pfn;
}

/* Watermarks */

static bool zone_watermark_ok(struct machine *m, int zone, int order, int64_t mark, int highest, int flags)
{
	struct zone *z = &m->zone[zone];
	int64_t free = z->free_pages - ((1 << order) - 1);

	if (!(flags & ALLOC_RESERVES))
		free -= z->nr_reserved_highatomic;
	if (flags & ALLOC_MIN_RESERVE) {
		mark -= mark / 2;
		if (flags & ALLOC_NON_BLOCK)
			mark -= mark / 4;
	}
	if (flags & ALLOC_OOM)
		mark -= mark / 2;
	if (free <= mark + z->lowmem_reserve[highest])
		return false;
	if (order == 0)
		return true;
	for (; order < MAX_ORDER; order++) {
		if (z->nr_free[order] == 0)
			continue;
		for (int mt = 0; mt < PCPTYPES; mt++)
			if (!list_empty(m, free_list(m, zone, order, mt)))
				return true;
		if (flags & (ALLOC_HIGHATOMIC | ALLOC_OOM) && !list_empty(m, free_list(m, zone, order, HIGHATOMIC)))
			return true;
	}
	return false;
}

static bool zone_watermark_fast(struct machine *m, int zone, int order, int highest, int flags, uint32_t gfp)
{
	int mark = flags & ALLOC_WMARK_MASK;
	struct zone *z = &m->zone[zone];

	if (zone_watermark_ok(m, zone, order, z->watermark[mark] + z->watermark_boost, highest, flags))
		return true;
	if (order || !(gfp & GFP_ATOMIC) || mark != WMARK_MIN)
		return false;
	return zone_watermark_ok(m, zone, order, z->watermark[WMARK_MIN], highest, flags);
}

/* The front */

static inline int gfp_zone(uint32_t gfp)
{
	if (gfp & GFP_DMA)
		return ZONE_DMA;
	if (gfp & GFP_DMA32)
		return ZONE_DMA32;
	return gfp & GFP_HIGHMEM && gfp & GFP_MOVABLE ? ZONE_MOVABLE : ZONE_NORMAL;
}

static inline int preferred_zone(struct machine *m, int highest)
{
	int zone = m->nr_zones - 1;

	while (zone > 0 && m->zone[zone].index > highest)
		zone--;
	return zone;
}

static uint32_t rmqueue_buddy(struct machine *m, int zone, int order, int migratetype, int flags)
{
	uint32_t pfn = NONE;

	if (flags & ALLOC_HIGHATOMIC)
		pfn = rmqueue_smallest(m, zone, order, HIGHATOMIC);
	if (pfn == NONE)
		pfn = rmqueue_migratetype(m, zone, order, migratetype, flags);
	if (pfn == NONE && flags & (ALLOC_OOM | ALLOC_NON_BLOCK))
		pfn = rmqueue_smallest(m, zone, order, HIGHATOMIC);
	if (pfn != NONE)
		m->zone[zone].free_pages -= 1 << order;
	return pfn;
}

static uint32_t get_page_from_freelist(struct machine *m, int cpu, int order, uint32_t gfp, int flags)
{
	int highest = gfp_zone(gfp), migratetype = (gfp >> 3) & 3;

	for (int zone = preferred_zone(m, highest); zone >= 0; zone--) {
		uint32_t pfn = NONE;

		if (!(flags & ALLOC_NO_WATERMARKS) && !zone_watermark_fast(m, zone, order, highest, flags, gfp))
			continue;
		if (pcp_allowed_order(order))
			pfn = rmqueue_pcplist(m, zone, cpu, order, migratetype, flags);
		if (pfn == NONE)
			pfn = rmqueue_buddy(m, zone, order, migratetype, flags);
		if (pfn != NONE)
			return pfn;
	}
	if (flags & ALLOC_NOFRAGMENT)
		return get_page_from_freelist(m, cpu, order, gfp, flags & ~ALLOC_NOFRAGMENT);
	return NONE;
}

/* Called as from another file: not specialised for the constants of a workload. */
#define ENTRY __attribute__((noipa))

ENTRY uint32_t alloc_pages(struct machine *m, int cpu, int order, uint32_t gfp)
{
	int flags = ALLOC_WMARK_LOW;

	if (gfp & GFP_KSWAPD_RECLAIM)
		flags |= ALLOC_KSWAPD;
	if (m->zone[preferred_zone(m, gfp_zone(gfp))].index == ZONE_NORMAL)
		flags |= ALLOC_NOFRAGMENT;
	return get_page_from_freelist(m, cpu, order, gfp, flags);
}

ENTRY void free_pages(struct machine *m, int cpu, uint32_t pfn, int order)
{
	int migratetype = m->pageblock[pfn >> PAGEBLOCK_ORDER], zone = 0;

	while (pfn >= m->zone[zone].end)
		zone++;
	m->page[pfn].state = TAIL;
	m->page[pfn].flags = 0;
	if (!pcp_allowed_order(order)) {
		free_one_page(m, zone, pfn, order, migratetype);
		return;
	}
	m->page[pfn].migratetype = migratetype;
	free_unref_page_commit(m, zone, cpu, pfn, migratetype < PCPTYPES ? migratetype : MOVABLE, order);
}

/* The two workloads of loops.py */

void pairs(struct machine *m, int64_t rounds, uint32_t gfp)
{
	for (int64_t i = 0; i < rounds; i++)
		free_pages(m, 0, alloc_pages(m, 0, 0, gfp), 0);
}

int64_t churn(struct machine *m, uint32_t *live, int64_t nr_live, int64_t spare, int64_t operations,
	      const uint8_t *order, const uint32_t *gfp, const uint32_t *draw)
{
	for (int64_t i = 0; i < operations; i++) {
		if (m->zone[0].free_pages + m->pcp[0].count > spare) {
			uint32_t pfn = alloc_pages(m, 0, order[i], gfp[i]);

			if (pfn != NONE)
				live[nr_live++] = pfn;
		} else {
			int64_t victim = (uint64_t)draw[i] * nr_live >> 32;
			uint32_t pfn = live[victim];

			live[victim] = live[--nr_live];
			free_pages(m, 0, pfn, m->page[pfn].order);
		}
	}
	return nr_live;
}
