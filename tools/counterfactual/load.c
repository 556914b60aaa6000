/* A load whose outcome does not hang on time: a fixed number of huge page requests, and with each a fixed amount of work
   for jobs beside it, which read and write files, map and unmap memory, and fork. A job is never more than AHEAD requests
   behind, so what is asked of memory is the same however fast the kernel serves it.

   load prepare SEED       use the machine up: page cache of every age, dirty files, holes in anonymous memory
   load ask SEED REQUESTS  one transparent huge page fault after the other; all are given back after each BATCH
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
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
#define AHEAD 2
#define JOBS 4
#define FILES 60 /* read for each request */
#define CHUNK (6UL << 20) /* anonymous memory mapped for each request */
#define CHUNKS 8 /* of which are kept */

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
    int parts = 1 + rand_r(seed) % 8, f;
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

static void *touch(unsigned *seed, size_t size)
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

static void work(int which, unsigned *seed, int request)
{
    static char *chunks[CHUNKS];
    char **oldest = &chunks[request % CHUNKS];
    if (which == 0) {
        for (int i = 0; i < FILES; i++)
            read_one(seed);
    } else if (which == 1) {
        write_one(seed, "w");
    } else if (which == 2) {
        if (*oldest)
            munmap(*oldest, CHUNK);
        *oldest = touch(seed, CHUNK);
    } else { /* page tables and kernel stacks, which do not move */
        if (!fork()) {
            memset(malloc(300000), 1, 300000);
            _exit(0);
        }
        wait(0);
    }
}

static int orders[JOBS][2], done[JOBS][2];

static void job(int which, unsigned seed)
{
    char token;
    pipe(orders[which]);
    pipe(done[which]);
    if (fork())
        return;
    for (int i = 0; i <= which; i++) /* else nobody would see the end of the orders */
        close(orders[i][1]);
    for (int request = 0; read(orders[which][0], &token, 1) == 1; request++) {
        work(which, &seed, request);
        write(done[which][1], &token, 1);
    }
    _exit(0);
}

static void ask(int requests)
{
    char *area = 0, *first = 0, token = 0;
    for (int i = 0; i < requests; i++) {
        if (i % BATCH == 0) { /* mapped anew: a range that once got small pages is never asked for as huge again */
            if (area)
                munmap(area, (BATCH + 1) * HUGE);
            area = mmap(0, (BATCH + 1) * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            first = (char *)(((unsigned long)area + HUGE - 1) & ~(HUGE - 1));
            madvise(first, BATCH * HUGE, MADV_HUGEPAGE);
        }
        for (int j = 0; j < JOBS; j++) {
            if (i >= AHEAD)
                read(done[j][0], &token, 1);
            write(orders[j][1], &token, 1);
        }
        first[i % BATCH * HUGE] = 1;
    }
    munmap(area, (BATCH + 1) * HUGE);
}

int main(int argc, char **argv)
{
    unsigned seed = atoi(argv[2]);
    walk("/mnt/data");
    if (!strcmp(argv[1], "prepare")) {
        for (long bytes = 0; bytes < (180L << 20);)
            bytes += read_one(&seed);
        for (int i = 0; i < 60; i++)
            write_one(&seed, "p");
        munmap(touch(&seed, 8 * CHUNK), 8 * CHUNK);
        for (int i = 0; i < 60; i++)
            read_one(&seed);
        return 0;
    }
    for (int which = 0; which < JOBS; which++)
        job(which, 100 * seed + which);
    ask(atoi(argv[3]));
    for (int which = 0; which < JOBS; which++)
        close(orders[which][1]);
    while (wait(0) > 0)
        ;
    printf("asked %s\n", argv[3]);
    return 0;
}
