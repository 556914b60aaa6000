// SPDX-License-Identifier: GPL-2.0
/*
 * A load whose work does not hang on time: requests for blocks through
 * /proc/page_capture_ask, and with each request a fixed amount of work for
 * jobs that race for the memory. A job is never more than AHEAD requests behind.
 *
 *   race prepare SEED MB
 *	use the machine up: MB of files read, dirty files, holes in anonymous memory
 *   race ask SEED REQUESTS ORDER EACH BATCH [ASKERS]
 *	REQUESTS times EACH blocks of ORDER, by ASKERS (1) tasks at once; after
 *	each BATCH requests all are given back
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "files.h"

#define PAGE	4096UL
#define AHEAD	2
#define FILES	40		/* read for each request */
#define CHUNK	(6UL << 20)	/* anonymous memory mapped for each request */
#define CHUNKS	12		/* of which are kept */

enum { READ, READ_TOO, WRITE, MAP, FORK, JOBS };

static int orders[JOBS][2], done[JOBS][2];

static void write_one(unsigned int *seed, const char *name)
{
	int parts = 1 + rand_r(seed) % 8, f;
	char path[64];

	snprintf(path, sizeof(path), "/mnt/%s%d", name, rand_r(seed) % 8);
	f = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (f < 0)
		return;
	while (parts-- && write(f, block, sizeof(block)) > 0)
		;
	close(f);
	if (rand_r(seed) % 5 == 0)
		unlink(path);
}

/* Memory with holes in it. */
static void *map_one(unsigned int *seed, size_t size)
{
	char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, size, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < size; at += PAGE)
		p[at] = 1;
	for (size_t at = 0; at < size; at += 8 * PAGE)
		if (rand_r(seed) % 2)
			madvise(p + at, 4 * PAGE, MADV_DONTNEED);
	return p;
}

/* Page tables and a kernel stack, which do not move. */
static void fork_one(void)
{
	if (!fork()) {
		memset(malloc(300000), 1, 300000);
		_exit(0);
	}
	wait(0);
}

static void work(int job, unsigned int *seed, int request)
{
	static char *chunks[CHUNKS];
	char **oldest = &chunks[request % CHUNKS];

	switch (job) {
	case READ:
	case READ_TOO:
		for (int i = 0; i < FILES; i++)
			read_one(seed);
		break;
	case WRITE:
		write_one(seed, "w");
		break;
	case MAP:
		if (*oldest)
			munmap(*oldest, CHUNK);
		*oldest = map_one(seed, CHUNK);
		break;
	case FORK:
		fork_one();
	}
}

static void start_job(int job, unsigned int seed)
{
	char token;

	pipe(orders[job]);
	pipe(done[job]);
	if (fork())
		return;
	for (int i = 0; i <= job; i++)	/* else nobody would see the end of the orders */
		close(orders[i][1]);
	for (int request = 0; read(orders[job][0], &token, 1) == 1; request++) {
		work(job, &seed, request);
		write(done[job][1], &token, 1);
	}
	_exit(0);
}

static void prepare(unsigned int seed, long megabytes)
{
	for (long bytes = 0; bytes < megabytes << 20;)
		bytes += read_one(&seed);
	for (int i = 0; i < 60; i++)
		write_one(&seed, "p");
	munmap(map_one(&seed, 8 * CHUNK), 8 * CHUNK);
	for (int i = 0; i < 200; i++)
		read_one(&seed);
}

static void ask_for(int ask, const char *text, int blocks)
{
	for (int i = 0; i < blocks; i++)
		if (write(ask, text, strlen(text)) < 0)
			perror("ask");
}

static void ask_at_once(int ask, const char *text, int blocks, int askers)
{
	if (askers == 1) {
		ask_for(ask, text, blocks);
		return;
	}
	for (int a = 0; a < askers; a++)
		if (!fork()) {
			ask_for(ask, text, blocks / askers);
			_exit(0);
		}
	for (int a = 0; a < askers; a++)
		wait(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	unsigned int seed = atoi(argv[2]);
	int requests, order, each, batch, askers, ask;
	double asking = 0, began;
	char token = 0, text[64];

	walk("/mnt/data");
	if (!strcmp(argv[1], "prepare")) {
		prepare(seed, atol(argv[3]));
		return 0;
	}
	requests = atoi(argv[3]);
	order = atoi(argv[4]);
	each = atoi(argv[5]);
	batch = atoi(argv[6]);
	askers = argc > 7 ? atoi(argv[7]) : 1;
	ask = open("/proc/page_capture_ask", O_WRONLY);
	sprintf(text, "%d 1", order);
	for (int job = 0; job < JOBS; job++)
		start_job(job, 100 * seed + job);
	began = now();
	for (int i = 0; i < requests; i++) {
		double start;

		if (i % batch == 0)
			write(ask, "free", 4);
		for (int job = 0; job < JOBS; job++) {
			if (i >= AHEAD)
				read(done[job][0], &token, 1);
			write(orders[job][1], &token, 1);
		}
		start = now();
		ask_at_once(ask, text, each, askers);
		asking += now() - start;
	}
	printf("asking %.3f of %.3f s\n", asking, now() - began);
	for (int job = 0; job < JOBS; job++)
		close(orders[job][1]);
	while (wait(0) > 0)
		;
	return 0;
}
