// SPDX-License-Identifier: GPL-2.0
/*
 * A load that lasts for a time: huge pages are asked for while jobs beside it
 * race for the memory.
 *
 *   hugetlb SECONDS SEED JOB...
 *	read		files
 *	write		files, up to 4 MB each
 *	anon=MB		anonymous memory: map, touch, make holes, unmap
 *	hugetlb=STEP	after a third of the time: grow nr_hugepages by STEP, again and again
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

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void job_read(double until, unsigned int seed)
{
	long bytes = 0;

	while (now() < until)
		bytes += read_one(&seed);
	printf("read %ld MB\n", bytes >> 20);
}

static void job_write(double until, unsigned int seed, int job)
{
	long bytes = 0;
	char path[64];

	memset(block, 7, sizeof(block));
	while (now() < until) {
		int f, parts;

		snprintf(path, sizeof(path), "/mnt/w%d_%d", job, rand_r(&seed) % 8);
		f = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
		if (f < 0) {
			perror(path);
			return;
		}
		parts = 1 + rand_r(&seed) % 64;
		while (parts-- && write(f, block, sizeof(block)) > 0)
			bytes += sizeof(block);
		close(f);
		if (rand_r(&seed) % 5 == 0)
			unlink(path);
		usleep(2000);
	}
	printf("write %ld MB\n", bytes >> 20);
}

static void job_anon(double until, unsigned int seed, size_t most)
{
	long faults = 0;

	while (now() < until) {
		size_t size = most / 4 + (size_t)rand_r(&seed) * PAGE % (most * 3 / 4);
		char *p;

		size &= ~(PAGE - 1);
		p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			continue;
		madvise(p, size, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < size; at += PAGE) {
			p[at] = 1;
			faults++;
			if (!(at & 0xfffff) && now() > until)
				break;
		}
		for (int i = 0; i < 2000; i++)
			p[(size_t)rand_r(&seed) * PAGE % size]++;
		for (size_t at = 0; at < size; at += 8 * PAGE)
			if (rand_r(&seed) % 2)
				madvise(p + at, 4 * PAGE, MADV_DONTNEED);
		munmap(p, size);
	}
	printf("anon %ld faults\n", faults);
}

static void job_hugetlb(double seconds, int step)
{
	double until;
	int want = 0;

	sleep(seconds / 3);
	until = now() + seconds * 2 / 3;
	while (now() < until) {
		char text[64] = "";
		int f, got;

		want += step;
		f = open("/proc/sys/vm/nr_hugepages", O_WRONLY);
		dprintf(f, "%d\n", want);
		close(f);
		f = open("/proc/sys/vm/nr_hugepages", O_RDONLY);
		read(f, text, sizeof(text) - 1);
		close(f);
		got = atoi(text);
		printf("hugetlb want %d got %d\n", want, got);
		fflush(stdout);
		if (got < want)
			want = got;
		usleep(50000);
	}
}

int main(int argc, char **argv)
{
	double seconds = atof(argv[1]);
	unsigned int seed = atoi(argv[2]);

	walk("/mnt/data");
	for (int i = 3; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		long number = value ? atol(value + 1) : 0;
		double until = now() + seconds;

		if (fork())
			continue;
		if (!strcmp(argv[i], "read"))
			job_read(until, seed + i - 2);
		else if (!strcmp(argv[i], "write"))
			job_write(until, seed + i - 2, i - 2);
		else if (!strncmp(argv[i], "anon=", 5))
			job_anon(until, seed + i - 2, number << 20);
		else if (!strncmp(argv[i], "hugetlb=", 8))
			job_hugetlb(seconds, number);
		fflush(stdout);
		_exit(0);
	}
	while (wait(0) > 0)
		;
	return 0;
}
