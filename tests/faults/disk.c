/* A disk that fails, for tests: preloaded (LD_PRELOAD), it lets every call that writes beneath one folder fail once a mark file
 * exists, with the error of a full disk (ENOSPC), a broken one (EIO) or one that can only be read (EROFS).
 *
 * environment: REVEILLE_FAULT_MARK   the file that switches it on
 *              REVEILLE_DISK_ROOT    the folder, as its real path
 *              REVEILLE_DISK_ERRNO   the error's number
 *
 * It sees what goes through libc. Calls that a program makes past libc (renameat2 of rustix) reach the disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The next function of that name: libc's. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int beneath(const char *path) {
    const char *root = getenv("REVEILLE_DISK_ROOT");
    size_t length = root ? strlen(root) : 0;
    return length && path && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* The error to fail with, 0 while the disk is well. */
static int trouble(void) {
    const char *mark = getenv("REVEILLE_FAULT_MARK"), *number = getenv("REVEILLE_DISK_ERRNO");
    int before = errno;
    int down = mark && number && access(mark, F_OK) == 0;
    errno = before;
    return down ? atoi(number) : 0;
}

static int trouble_at(const char *path) { return beneath(path) ? trouble() : 0; }

static int trouble_of(int fd) {
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return trouble_at(path);
}

static int trouble_in(int folder, const char *path) {
    if (path && path[0] == '/') return trouble_at(path);
    return folder == AT_FDCWD ? 0 : trouble_of(folder);
}

#define FAIL_IF(error) do { int number = (error); if (number) { errno = number; return -1; } } while (0)

/* Opening: a new file always fails, one that is there only where nothing may be written. */
static int trouble_opening(int folder, const char *path, int flags) {
    int error = (flags & (O_CREAT | O_WRONLY | O_RDWR)) ? trouble_in(folder, path) : 0;
    if (error == 0 || error == EROFS) return error;
    int before = errno;
    int there = faccessat(folder, path, F_OK, 0) == 0;
    errno = before;
    return there ? 0 : error;
}

#define OPEN(name)                                                                  \
    int name(const char *path, int flags, ...) {                                    \
        va_list more;                                                               \
        va_start(more, flags);                                                      \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;   \
        va_end(more);                                                               \
        FAIL_IF(trouble_opening(AT_FDCWD, path, flags));                            \
        return REAL(name)(path, flags, mode);                                       \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                \
    int name(int folder, const char *path, int flags, ...) {                        \
        va_list more;                                                               \
        va_start(more, flags);                                                      \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;   \
        va_end(more);                                                               \
        FAIL_IF(trouble_opening(folder, path, flags));                              \
        return REAL(name)(folder, path, flags, mode);                               \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *bytes, size_t count) {
    FAIL_IF(trouble_of(fd));
    return REAL(write)(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    FAIL_IF(trouble_of(fd));
    return REAL(writev)(fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    FAIL_IF(trouble_of(fd));
    return REAL(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    FAIL_IF(trouble_of(fd));
    return REAL(pwrite64)(fd, bytes, count, at);
}

int fsync(int fd) {
    FAIL_IF(trouble_of(fd));
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    FAIL_IF(trouble_of(fd));
    return REAL(fdatasync)(fd);
}

/* A full disk lets a file be shortened. */
static int trouble_resizing(int fd, off64_t length) {
    struct stat64 found;
    int error = trouble_of(fd);
    return error == ENOSPC && fstat64(fd, &found) == 0 && length <= found.st_size ? 0 : error;
}

int ftruncate(int fd, off_t length) {
    FAIL_IF(trouble_resizing(fd, length));
    return REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    FAIL_IF(trouble_resizing(fd, length));
    return REAL(ftruncate64)(fd, length);
}

int fallocate(int fd, int mode, off_t at, off_t length) {
    FAIL_IF(trouble_of(fd));
    return REAL(fallocate)(fd, mode, at, length);
}

int fallocate64(int fd, int mode, off64_t at, off64_t length) {
    FAIL_IF(trouble_of(fd));
    return REAL(fallocate64)(fd, mode, at, length);
}

/* These give the error back instead of setting it. */
int posix_fallocate(int fd, off_t at, off_t length) {
    int error = trouble_of(fd);
    return error ? error : REAL(posix_fallocate)(fd, at, length);
}

int posix_fallocate64(int fd, off64_t at, off64_t length) {
    int error = trouble_of(fd);
    return error ? error : REAL(posix_fallocate64)(fd, at, length);
}

int rename(const char *from, const char *to) {
    FAIL_IF(trouble_at(to));
    return REAL(rename)(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    FAIL_IF(trouble_in(to_folder, to));
    return REAL(renameat)(from_folder, from, to_folder, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    FAIL_IF(trouble_in(to_folder, to));
    return REAL(renameat2)(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    int before = errno, there = access(path, F_OK) == 0;
    errno = before;
    FAIL_IF(there ? 0 : trouble_at(path));
    return REAL(mkdir)(path, mode);
}

int link(const char *from, const char *to) {
    FAIL_IF(trouble_at(to));
    return REAL(link)(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    FAIL_IF(trouble_in(to_folder, to));
    return REAL(linkat)(from_folder, from, to_folder, to, flags);
}

/* A full disk lets a file be removed. */
int unlink(const char *path) {
    int error = trouble_at(path);
    FAIL_IF(error == ENOSPC ? 0 : error);
    return REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags) {
    int error = trouble_in(folder, path);
    FAIL_IF(error == ENOSPC ? 0 : error);
    return REAL(unlinkat)(folder, path, flags);
}
