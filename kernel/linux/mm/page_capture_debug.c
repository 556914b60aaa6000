// SPDX-License-Identifier: GPL-2.0
/*
 * What page capture is watched and tried with: its knobs (vm.page_capture*),
 * its counters (/proc/page_capture) and a driver for tests
 * (/proc/page_capture_ask). The capture itself is in mm/page_capture.c.
 */
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page_capture.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/sysctl.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

/* ---- Counters ---- */

static const char * const count_names[NR_CAPTURE_COUNTS] = {
	[CAPTURE_RECLAIMS] = "reclaims",
	[CAPTURE_SERVED] = "served",
	[CAPTURE_FAILED] = "failed",
	[CAPTURE_OPENS] = "opened",
	[CAPTURE_OWN] = "own",
	[CAPTURE_LEFT] = "left",
	[CAPTURE_NEIGHBOURS] = "neighbours",
	[CAPTURE_STOLEN] = "stolen",
	[CAPTURE_OUTSIDERS] = "outsiders",
	[CAPTURE_RETURNED] = "returned",
	[CAPTURE_SETTLED] = "settled",
	[CAPTURE_FITS] = "fits",
	[CAPTURE_HANDED] = "handed",
	[CAPTURE_REFUSED] = "refused",
	[CAPTURE_ASKED] = "asked",
	[CAPTURE_AGAIN] = "again",
	[CAPTURE_LOOKED] = "looked",
	[CAPTURE_TIMED] = "timed",
	[CAPTURE_TIMED_LOOKED] = "timed_looked",
	[CAPTURE_TIMED_NS] = "timed_ns",
};

static DEFINE_SPINLOCK(count_lock);	/* taken inside zone->lock */
static unsigned long counts[NR_CAPTURE_COUNTS];
static unsigned long largest_settled[MAX_ORDER];	/* settled lists, by the order of their largest block */
static u64 reclaim_ns;

unsigned long page_capture_withheld;	/* pages under capture now, by all reclaimers */
static unsigned long withheld_peak;
static u64 withheld_page_ns, withheld_changed;

void page_capture_count(enum page_capture_count which, unsigned long by)
{
	unsigned long flags;

	spin_lock_irqsave(&count_lock, flags);
	counts[which] += by;
	spin_unlock_irqrestore(&count_lock, flags);
}

/* Pages come under capture, or leave it. */
void page_capture_withhold(long pages)
{
	unsigned long flags;
	u64 now = ktime_get_mono_fast_ns();

	spin_lock_irqsave(&count_lock, flags);
	if (now > withheld_changed)
		withheld_page_ns += page_capture_withheld * (now - withheld_changed);
	withheld_changed = now;
	WRITE_ONCE(page_capture_withheld, page_capture_withheld + pages);
	withheld_peak = max(withheld_peak, page_capture_withheld);
	spin_unlock_irqrestore(&count_lock, flags);
}

void page_capture_count_settled(unsigned int largest)
{
	unsigned long flags;

	spin_lock_irqsave(&count_lock, flags);
	counts[CAPTURE_SETTLED]++;
	largest_settled[largest]++;
	spin_unlock_irqrestore(&count_lock, flags);
}

void page_capture_count_result(bool served, u64 began)
{
	unsigned long flags;

	spin_lock_irqsave(&count_lock, flags);
	counts[served ? CAPTURE_SERVED : CAPTURE_FAILED]++;
	reclaim_ns += ktime_get_mono_fast_ns() - began;
	spin_unlock_irqrestore(&count_lock, flags);
}

/* Every so many questions one is timed: the clock takes about as long as a short answer. */
#define TIMED_EVERY	16

static unsigned long clock_ns;	/* what two readings take */

bool page_capture_times_this(void)
{
	static unsigned int questions;

	return !(data_race(questions++) % TIMED_EVERY);
}

void page_capture_count_timed(u64 began, unsigned long looked)
{
	u64 took = ktime_get_mono_fast_ns() - began;

	page_capture_count(CAPTURE_TIMED, 1);
	page_capture_count(CAPTURE_TIMED_LOOKED, looked);
	page_capture_count(CAPTURE_TIMED_NS, took > clock_ns ? took - clock_ns : 0);
}

static void time_clock(void)
{
	u64 began = ktime_get_mono_fast_ns();
	int i;

	for (i = 1; i < 1000; i++)
		ktime_get_mono_fast_ns();
	clock_ns = div_u64(ktime_get_mono_fast_ns() - began, 1000);
}

static int counters_show(struct seq_file *m, void *v)
{
	unsigned int i;

	page_capture_withhold(0);	/* page_us up to now */
	for (i = 0; i < NR_CAPTURE_COUNTS; i++)
		seq_printf(m, "%s %lu\n", count_names[i], counts[i]);
	for (i = 0; i < MAX_ORDER; i++)
		seq_printf(m, "largest_%u %lu\n", i, largest_settled[i]);
	seq_printf(m, "withheld %lu\n", page_capture_withheld);
	seq_printf(m, "peak %lu\n", withheld_peak);
	seq_printf(m, "page_us %llu\n", div_u64(withheld_page_ns, 1000));
	seq_printf(m, "reclaim_us %llu\n", div_u64(reclaim_ns, 1000));
	seq_printf(m, "map_writes %lu\n", page_capture_map_writes());
	seq_printf(m, "map_write_ps %llu\n", page_capture_map_write_ns());
	return 0;
}

/* ---- Test driver: asks for blocks as hugetlb does, and holds what it gets ---- */

#define GFP_ASK	(GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

static DEFINE_MUTEX(ask_lock);
static LIST_HEAD(ask_held);
static unsigned long ask_asked[MAX_ORDER], ask_got[MAX_ORDER];

static void ask_for(unsigned int order, unsigned int blocks)
{
	while (blocks-- && !fatal_signal_pending(current)) {
		struct page *page = alloc_pages(GFP_ASK, order);

		mutex_lock(&ask_lock);
		ask_asked[order]++;
		if (page) {
			ask_got[order]++;
			list_add(&page->lru, &ask_held);
		}
		mutex_unlock(&ask_lock);
	}
}

static void ask_free(void)
{
	struct page *page, *next;

	mutex_lock(&ask_lock);
	list_for_each_entry_safe(page, next, &ask_held, lru) {
		list_del(&page->lru);
		__free_pages(page, compound_order(page));
	}
	mutex_unlock(&ask_lock);
}

/* "ORDER BLOCKS" asks for that many; anything else gives all back. */
static ssize_t ask_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned int order, blocks;
	char text[32] = "";

	if (size >= sizeof(text) || copy_from_user(text, from, size))
		return -EFAULT;
	if (sscanf(text, "%u %u", &order, &blocks) != 2)
		ask_free();
	else if (order < MAX_ORDER)
		ask_for(order, blocks);
	else
		return -EINVAL;
	return size;
}

/* What was asked for and got since boot. */
static int ask_show(struct seq_file *m, void *v)
{
	unsigned int i;

	for (i = 0; i < MAX_ORDER; i++)
		if (ask_asked[i])
			seq_printf(m, "order %u asked %lu got %lu\n", i, ask_asked[i], ask_got[i]);
	return 0;
}

static int ask_open(struct inode *inode, struct file *file)
{
	return single_open(file, ask_show, NULL);
}

static const struct proc_ops ask_ops = {
	.proc_open	= ask_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
	.proc_write	= ask_write,
};

/* ---- Knobs ---- */

int sysctl_page_capture __read_mostly;			/* enum page_capture_mode */
int sysctl_page_capture_compact __read_mostly = 1;	/* 0: as a kernel without CONFIG_COMPACTION */
int sysctl_page_capture_target __read_mostly;

/* How many pages a direct reclaim wants: 0 as ever, -1 the size of the block, else this many. */
unsigned long page_capture_target(int order, unsigned long usual)
{
	int target = READ_ONCE(sysctl_page_capture_target);

	if (order <= PAGE_ALLOC_COSTLY_ORDER || !target)
		return usual;
	return target < 0 ? max(usual, 1UL << order) : target;
}

static int last_mode = NR_PAGE_CAPTURE_MODES - 1;

/* The map is there before a reclaim asks it. */
static int change_mode(struct ctl_table *table, int write, void *buffer, size_t *size, loff_t *at)
{
	static DEFINE_MUTEX(lock);
	struct ctl_table wanted = *table;
	int mode = sysctl_page_capture, error;

	wanted.data = &mode;
	error = proc_dointvec_minmax(&wanted, write, buffer, size, at);
	if (error || !write)
		return error;
	mutex_lock(&lock);
	error = page_capture_keep_map(mode == PAGE_CAPTURE_MAP);
	if (!error)
		WRITE_ONCE(sysctl_page_capture, mode);
	mutex_unlock(&lock);
	return error;
}

static struct ctl_table page_capture_table[] = {
	{
		.procname	= "page_capture",
		.data		= &sysctl_page_capture,
		.maxlen		= sizeof(sysctl_page_capture),
		.mode		= 0644,
		.proc_handler	= change_mode,
		.extra1		= SYSCTL_ZERO,
		.extra2		= &last_mode,
	},
	{
		.procname	= "page_capture_compact",
		.data		= &sysctl_page_capture_compact,
		.maxlen		= sizeof(sysctl_page_capture_compact),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
	{
		.procname	= "page_capture_target",
		.data		= &sysctl_page_capture_target,
		.maxlen		= sizeof(sysctl_page_capture_target),
		.mode		= 0644,
		.proc_handler	= proc_dointvec,
	},
	{ }
};

static int __init page_capture_init(void)
{
	time_clock();
	register_sysctl_init("vm", page_capture_table);
	proc_create_single("page_capture", 0444, NULL, counters_show);
	proc_create("page_capture_ask", 0600, NULL, &ask_ops);
	return 0;
}
late_initcall(page_capture_init);
