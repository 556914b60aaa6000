// SPDX-License-Identifier: GPL-2.0
/*
 * A map of the pages in use that reclaim cannot free, one bit a page, for
 * vm.page_capture=5. Kosaki's question then costs one word of the map for 64
 * pages, instead of their struct pages.
 *
 * A page is marked when it is allocated, unless its request is for a single
 * movable page: those go to an LRU list. The mark is cleared when a page goes
 * to an LRU list, or is freed. What reclaim or compaction takes off a list for
 * a while stays unmarked.
 *
 * The map is kept only while the mode needs it, so that the other modes are
 * measured without its costs. When it starts, each page is looked at once.
 */
#include <linux/atomic.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/page_capture.h>
#include <linux/percpu.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#define WORD_ORDER	ilog2(BITS_PER_LONG)

unsigned long *page_capture_map;	/* NULL: not kept */

static DEFINE_PER_CPU(unsigned long, map_writes);

/* Blocks are aligned: a small one is within one word, a large one has whole words to itself. */
static void write_map(unsigned long *map, unsigned long pfn, unsigned int order, bool marked)
{
	unsigned long *word = map + BIT_WORD(pfn);
	unsigned long bits;

	this_cpu_inc(map_writes);
	if (order >= WORD_ORDER) {
		memset(word, marked ? 0xff : 0, BITS_TO_LONGS(1UL << order) * sizeof(*word));
		return;
	}
	bits = GENMASK((1U << order) - 1, 0) << (pfn % BITS_PER_LONG);
	if (marked)
		atomic_long_or(bits, (atomic_long_t *)word);
	else
		atomic_long_andnot(bits, (atomic_long_t *)word);
}

static bool any_marked(unsigned long *map, unsigned long pfn, unsigned int order)
{
	unsigned long *word = map + BIT_WORD(pfn), *end = word + BITS_TO_LONGS(1UL << order);

	if (order < WORD_ORDER)
		return READ_ONCE(*word) >> (pfn % BITS_PER_LONG) & GENMASK((1U << order) - 1, 0);
	while (word < end)
		if (READ_ONCE(*word++))
			return true;
	return false;
}

void __page_capture_allocated(unsigned long *map, struct page *page, unsigned int order)
{
	write_map(map, page_to_pfn(page), order, true);
}

void __page_capture_unmark(unsigned long *map, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	if (any_marked(map, pfn, order))
		write_map(map, pfn, order, false);
}

/* Is a page of an aligned block marked? Adds the words read, all of them at worst. */
bool page_capture_map_fixed(unsigned long pfn, unsigned int order, unsigned long *looked)
{
	unsigned long *map = READ_ONCE(page_capture_map);

	*looked += BITS_TO_LONGS(1UL << order);
	return map && any_marked(map, pfn, order);
}

/* ---- Starting and stopping ---- */

/* Allocations and frees mark already: what changes under our eyes is looked at again. */
static void mark_used(unsigned long *map)
{
	unsigned long pfn;

	for (pfn = 0; pfn < max_pfn; pfn++) {
		struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;

		if (!page || PageBuddy(page) || !page_is_fixed(page))
			continue;
		write_map(map, pfn, 0, true);
		if (PageBuddy(page) || !page_is_fixed(page))
			write_map(map, pfn, 0, false);
	}
}

/* Called under the lock of vm.page_capture. */
int page_capture_keep_map(bool keep)
{
	static unsigned long *map;
	size_t size = BITS_TO_LONGS(max_pfn) * sizeof(*map);

	if (keep == !!page_capture_map)
		return 0;
	if (!keep) {
		WRITE_ONCE(page_capture_map, NULL);
		return 0;
	}
	if (!map)
		map = vmalloc(size);	/* never freed: somebody may still write to it */
	if (!map)
		return -ENOMEM;
	memset(map, 0, size);
	smp_store_release(&page_capture_map, map);
	mark_used(map);
	return 0;
}

/* ---- What it costs ---- */

unsigned long page_capture_map_writes(void)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(map_writes, cpu);
	return sum;
}

/* ns of a thousand writes: those of a reserved page, whose bit stays as it is */
u64 page_capture_map_write_ns(void)
{
	unsigned long *map = READ_ONCE(page_capture_map);
	u64 began = ktime_get_mono_fast_ns();
	int i;

	if (!map)
		return 0;
	for (i = 0; i < 1000; i++)
		write_map(map, 0, 0, true);
	this_cpu_sub(map_writes, 1000);
	return ktime_get_mono_fast_ns() - began;
}
