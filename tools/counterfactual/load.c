/* A load whose outcome does not hang on wall time: a fixed number of huge page requests, while files are read and
   written and anonymous memory comes and goes until the last request has been answered.

   load prepare SEED       use the machine up: page cache of every age, dirty files, holes in anonymous memory
   load ask SEED REQUESTS  one transparent huge page fault every PACE_US; all are given back after each BATCH
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE (2UL << 20)
#define PAGE 4096UL
#define BATCH 20
#define PACE_US 10000
#define ANON (48UL << 20)

static char **files, block[65536];
static int n_files, room;

static void walk(const char *folder)
{
    char path[4096];
    struct stat st;
    struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (lstat(path, &st))
            continue;
        if (S_ISDIR(st.st_mode))
            walk(path);
        else if (S_ISREG(st.st_mode) && st.st_size) {
            if (n_files == room)
                files = realloc(files, (room = room ? 2 * room : 1024) * sizeof *files);
            files[n_files++] = strdup(path);
        }
    }
    if (dir)
        closedir(dir);
}

static long read_one(unsigned *seed)
{
    int i = rand_r(seed) % n_files, f;
    long n = 0;
    ssize_t got;
    if (rand_r(seed) % 4) /* three of four from the first part: some files are read often */
        i = (int)((double)i * i / n_files);
    if ((f = open(files[i], O_RDONLY)) < 0)
        return 0;
    while ((got = read(f, block, sizeof block)) > 0)
        n += got;
    close(f);
    return n;
}

static long write_one(unsigned *seed, const char *name)
{
    char path[64];
    long n = 0;
    int parts = 1 + rand_r(seed) % 48, f;
    snprintf(path, sizeof path, "/mnt/%s%d", name, rand_r(seed) % 8);
    if ((f = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644)) < 0)
        return 0;
    while (parts-- && write(f, block, sizeof block) > 0)
        n += sizeof block;
    close(f);
    if (rand_r(seed) % 5 == 0)
        unlink(path);
    return n;
}

static void touch_and_free(unsigned *seed)
{
    size_t size = (ANON / 4 + (size_t)rand_r(seed) * PAGE % (ANON * 3 / 4)) & ~(PAGE - 1), at;
    char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(p, size, MADV_NOHUGEPAGE);
    for (at = 0; at < size; at += PAGE)
        p[at] = 1;
    for (at = 0; at < size; at += 8 * PAGE)
        if (rand_r(seed) % 2)
            madvise(p + at, 4 * PAGE, MADV_DONTNEED);
    munmap(p, size);
}

static void job(int which, unsigned seed)
{
    if (fork())
        return;
    for (;;) {
        if (which == 0)
            read_one(&seed);
        else if (which == 1) {
            write_one(&seed, "w");
            usleep(4000);
        } else if (which == 2) {
            touch_and_free(&seed);
            usleep(4000);
        } else { /* forks: page tables and kernel stacks, which do not move */
            if (!fork()) {
                memset(malloc(300000), 1, 300000);
                _exit(0);
            }
            wait(0);
            usleep(4000);
        }
    }
}

static void ask(unsigned seed, int requests)
{
    char *area = 0, *first = 0;
    for (int i = 0; i < requests; i++) {
        if (i % BATCH == 0) { /* mapped anew: a range that once got small pages is never asked for as huge again */
            if (area)
                munmap(area, (BATCH + 1) * HUGE);
            area = mmap(0, (BATCH + 1) * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            first = (char *)(((unsigned long)area + HUGE - 1) & ~(HUGE - 1));
            madvise(first, BATCH * HUGE, MADV_HUGEPAGE);
        }
        usleep(PACE_US / 2 + rand_r(&seed) % PACE_US);
        first[i % BATCH * HUGE] = 1;
    }
    munmap(area, (BATCH + 1) * HUGE);
}

int main(int argc, char **argv)
{
    unsigned seed = atoi(argv[2]);
    walk("/mnt/data");
    if (!strcmp(argv[1], "prepare")) {
        for (long bytes = 0; bytes < (220L << 20);)
            bytes += read_one(&seed);
        for (int i = 0; i < 24; i++)
            write_one(&seed, "p");
        touch_and_free(&seed);
        for (int i = 0; i < 60; i++)
            read_one(&seed);
        return 0;
    }
    setpgid(0, 0);
    signal(SIGTERM, SIG_IGN);
    for (int which = 0; which < 4; which++) {
        signal(SIGTERM, SIG_DFL);
        job(which, 100 * seed + which);
        signal(SIGTERM, SIG_IGN);
    }
    ask(seed, atoi(argv[3]));
    kill(0, SIGTERM);
    while (wait(0) > 0)
        ;
    printf("asked %s\n", argv[3]);
    return 0;
}
