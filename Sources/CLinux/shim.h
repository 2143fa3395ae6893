#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

/* Swift's overlay does not show renameat2: exchanges two names of one file system in one step. */
static inline int daybook_exchange(int first_folder, const char *first, int second_folder, const char *second) {
    return renameat2(first_folder, first, second_folder, second, RENAME_EXCHANGE);
}

/* Everything of one file system at once, instead of file by file. */
static inline int daybook_synchronise(int descriptor) {
    return syncfs(descriptor);
}

/* Swift's overlay does not show O_PATH: a folder to make something in, which need not be readable for that. */
static inline int daybook_open_place(const char *path) {
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Swift's overlay does not show mallopt. */
static inline int daybook_limit_arenas(int count) {
    return mallopt(M_ARENA_MAX, count);
}
