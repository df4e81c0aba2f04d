/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Feeds a fuzz target the files of its corpus: what libFuzzer does, once and without searching, for
 * builds of any compiler. Arguments: folders.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_INPUT_SIZE ((size_t)1 << 20)

/* In a block of exactly its size, so that a sanitizer sees every byte read too much. */
static int replay(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && (size_t)st.st_size <= MAX_INPUT_SIZE) {
		size_t size = (size_t)st.st_size;
		uint8_t *data = malloc(size > 0 ? size : 1);
		if (data != NULL && read(fd, data, size) == (ssize_t)size) {
			LLVMFuzzerTestOneInput(data, size);
			result = 0;
		}
		free(data);
	}
	if (fd >= 0) {
		close(fd);
	}
	if (result < 0) {
		fprintf(stderr, "%s: cannot be read\n", path);
	}
	return result;
}

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Returns: how many inputs there were, -1 if something could not be read. */
static int replay_dir(const char *dir)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, is_input, compare);
	int result = count;

	if (count < 0) {
		fprintf(stderr, "%s: cannot be read\n", dir);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		/* The last line printed names the input that crashed. */
		printf("%s\n", path);
		fflush(stdout);
		if (replay(path) < 0) {
			result = -1;
		}
		free(entries[i]);
	}
	free(entries);
	return result;
}

int main(int argc, char **argv)
{
	static const uint8_t nothing;
	int total = 0;

	LLVMFuzzerTestOneInput(&nothing, 0);
	for (int i = 1; i < argc; i++) {
		int count = replay_dir(argv[i]);
		if (count < 0) {
			return 1;
		}
		total += count;
	}
	printf("%d inputs\n", total);
	return total > 0 ? 0 : 1;
}
