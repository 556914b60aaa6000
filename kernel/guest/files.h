/* SPDX-License-Identifier: GPL-2.0 */
/* The files that the loads read: those of a folder, in any order, some more often than others. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char **files, block[65536];
static int n_files, room;

static void walk(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (lstat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode)) {
			walk(path);
		} else if (S_ISREG(st.st_mode) && st.st_size) {
			if (n_files == room)
				files = realloc(files, (room = room ? 2 * room : 1024) * sizeof(*files));
			files[n_files++] = strdup(path);
		}
	}
	if (dir)
		closedir(dir);
}

/* One of four reads is of any file, the others are of the first ones more often than of the last. */
static long read_one(unsigned int *seed)
{
	int i = rand_r(seed) % n_files, f;
	long bytes = 0;
	ssize_t got;

	if (rand_r(seed) % 4)
		i = (int)((double)i * i / n_files);
	f = open(files[i], O_RDONLY);
	if (f < 0)
		return 0;
	while ((got = read(f, block, sizeof(block))) > 0)
		bytes += got;
	close(f);
	return bytes;
}
