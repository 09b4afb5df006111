/* A disk that forgets, fills up and fails: preloaded into the program by the tests in `disk.rs`.
 *
 * It stands between the program and the files below one directory, and remembers of every page
 * (4 KiB) what it was when it was last synced, and of every directory what was made, renamed and
 * removed since it was last synced. At a cut it puts that back and ends the process, as if the power
 * had gone: what was never synced is gone, or, where pages may be torn, a random part of it. The
 * process's own memory of the files is not asked; nothing but the system's calls is.
 *
 *   FORGETFUL_DIRECTORY  the directory, as an absolute path; what is in it is watched
 *   FORGETFUL_CONTROL    a file of words, read again whenever it was replaced:
 *     cut=N         the power goes at the N-th call from now (writing, truncating, syncing, making,
 *                   renaming, removing); 1 is the next one
 *     torn=1        of what was not synced a random part stays, page by page
 *     seed=N        for that randomness
 *     lie=1         syncing answers "done" and does nothing
 *     fail=ERRNO    this error (a number) ...
 *     on=CALLS      ... of `write`, `sync` or `any` ...
 *     after=N       ... from the N-th such call on (1: at once) ...
 *     times=N       ... so many times; 0 is until the file says otherwise
 *     only=TEXT     ... where the path has this in it
 *
 * What it did is appended to the control file's name with `.report`. Files ending in `-shm` are
 * SQLite's shared memory, which no power cut leaves and none needs: they are removed. Syncing does
 * not reach the real disk, for the process alone is to be cut off here.
 *
 * A sync that fails loses what it should have written, though a later one succeeds: that is how
 * Linux has it, and why a program must not take the later one for the earlier.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, BUCKETS = 4096, FDS = 65536, STATUS = 87 };

/* A page as it was when it was last synced. */
struct page {
  uint64_t index;
  int lost; /* a sync of it has failed, and it was not written since */
  struct page *next;
  unsigned char old[PAGE];
};

/* A file, by what it is and not by its name. */
struct file {
  dev_t device;
  ino_t inode;
  int fd; /* our own; never closed, for closing one lets go of the process's locks on the file */
  off_t synced_size;
  char *path;
  struct page *pages[BUCKETS];
  struct file *next;
};

/* A change of a directory since it was last synced. */
struct change {
  enum { MADE, RENAMED, REMOVED, MADE_DIRECTORY } kind;
  char *directory;
  char *path;  /* what was made, removed, or renamed to */
  char *from;  /* what it was called before */
  char *saved; /* where what is gone from `path` is kept meanwhile */
  struct change *before;
};

struct control {
  long cut, seed, torn, lie, fail, after, times;
  int on_write, on_sync;
  char only[256];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char watched[PATH_MAX], control_path[PATH_MAX], keep_directory[PATH_MAX];
static size_t watched_length;
static struct file *files, *by_fd[FDS];
static char *directory_by_fd[FDS];
static struct change *changes;
static struct control control;
static struct stat control_seen;
static long calls, failures, reported, saved_count;
static uint64_t chance;
static pid_t self;

/* The system's calls, past ourselves. */
static int real_open(const char *path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
static int real_close(int fd) { return (int)syscall(SYS_close, fd); }

__attribute__((constructor)) static void begin(void) {
  const char *directory = getenv("FORGETFUL_DIRECTORY"), *file = getenv("FORGETFUL_CONTROL");
  self = getpid();
  if (!directory || !file) return;
  snprintf(watched, sizeof watched, "%s/", directory);
  watched_length = strlen(watched);
  snprintf(control_path, sizeof control_path, "%s", file);
  snprintf(keep_directory, sizeof keep_directory, "%s.kept", file);
  syscall(SYS_mkdirat, AT_FDCWD, keep_directory, 0700);
}

static void report(const char *form, ...) {
  char line[PATH_MAX + 256], path[PATH_MAX + 16];
  va_list values;
  if (reported++ > 1000) return;
  va_start(values, form);
  int length = vsnprintf(line, sizeof line - 1, form, values);
  va_end(values);
  if (length < 0) return;
  if ((size_t)length > sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  snprintf(path, sizeof path, "%s.report", control_path);
  int fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  syscall(SYS_write, fd, line, (size_t)length);
  real_close(fd);
}

/* SplitMix64. */
static uint64_t draw(void) {
  uint64_t z = (chance += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void *grab(size_t bytes) {
  void *memory = calloc(1, bytes);
  if (!memory) {
    report("no memory");
    syscall(SYS_exit_group, 88);
  }
  return memory;
}

static char *copy(const char *text) { return strcpy(grab(strlen(text) + 1), text); }

/* Reads the words again if the file was replaced. */
static void read_control(void) {
  struct stat now;
  char text[1024], *rest, *word;
  if (stat(control_path, &now) != 0) return;
  if (now.st_ino == control_seen.st_ino && now.st_mtim.tv_nsec == control_seen.st_mtim.tv_nsec &&
      now.st_mtim.tv_sec == control_seen.st_mtim.tv_sec)
    return;
  int fd = real_open(control_path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  ssize_t length = syscall(SYS_read, fd, text, sizeof text - 1);
  real_close(fd);
  if (length < 0) return;
  text[length] = 0;
  control_seen = now;
  memset(&control, 0, sizeof control);
  control.after = 1;
  calls = failures = 0;
  for (word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
    char *value = strchr(word, '=');
    if (!value) continue;
    *value++ = 0;
    long number = atol(value);
    if (!strcmp(word, "cut")) control.cut = number;
    if (!strcmp(word, "seed")) chance = (uint64_t)number;
    if (!strcmp(word, "torn")) control.torn = number;
    if (!strcmp(word, "lie")) control.lie = number;
    if (!strcmp(word, "fail")) control.fail = number;
    if (!strcmp(word, "after")) control.after = number;
    if (!strcmp(word, "times")) control.times = number;
    if (!strcmp(word, "only")) snprintf(control.only, sizeof control.only, "%s", value);
    if (!strcmp(word, "on")) {
      control.on_write = !strcmp(value, "write") || !strcmp(value, "any");
      control.on_sync = !strcmp(value, "sync") || !strcmp(value, "any");
    }
  }
}

/* The name as an absolute one, if it lies below the directory; else nothing. */
static char *below(int at, const char *path) {
  char whole[2 * PATH_MAX];
  if (!watched_length || !path || getpid() != self) return NULL;
  if (path[0] == '/') {
    snprintf(whole, sizeof whole, "%s", path);
  } else {
    char here[PATH_MAX];
    if (at == AT_FDCWD) {
      if (!getcwd(here, sizeof here)) return NULL;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      ssize_t length = readlink(link, here, sizeof here - 1);
      if (length < 0) return NULL;
      here[length] = 0;
    }
    while (path[0] == '.' && path[1] == '/') path += 2;
    snprintf(whole, sizeof whole, "%s/%s", here, path);
  }
  /* "./" in the middle, as in a data directory given as ./data. */
  for (char *dot; (dot = strstr(whole, "/./"));) memmove(dot, dot + 2, strlen(dot + 2) + 1);
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  int inside = !strncmp(whole, watched, watched_length);
  int itself = length + 1 == watched_length && !strncmp(whole, watched, length);
  return inside || itself ? copy(whole) : NULL;
}

static char *directory_of(const char *path) {
  char *directory = copy(path), *slash = strrchr(directory, '/');
  if (slash && slash != directory) *slash = 0;
  return directory;
}

static int is_shared_memory(const char *path) {
  size_t length = strlen(path);
  return length > 4 && !strcmp(path + length - 4, "-shm");
}

static void push(int kind, const char *path, const char *from, const char *saved) {
  struct change *change = grab(sizeof *change);
  change->kind = kind;
  change->path = copy(path);
  change->directory = directory_of(path);
  change->from = from ? copy(from) : NULL;
  change->saved = saved ? copy(saved) : NULL;
  change->before = changes;
  changes = change;
}

static struct page **find(struct file *file, uint64_t index) {
  struct page **at = &file->pages[index % BUCKETS];
  while (*at && (*at)->index != index) at = &(*at)->next;
  return at;
}

/* Remembers the pages of a range as they are, unless they are remembered already. */
static void remember(struct file *file, off_t from, off_t length) {
  if (length <= 0) return;
  uint64_t last = (uint64_t)(from + length - 1) / PAGE;
  for (uint64_t index = (uint64_t)from / PAGE; index <= last; index++) {
    struct page **at = find(file, index);
    if (!*at) {
      struct page *page = grab(sizeof *page);
      page->index = index;
      size_t got = 0;
      while (got < PAGE) {
        ssize_t n = syscall(SYS_pread64, file->fd, page->old + got, PAGE - got,
                            (off_t)(index * PAGE + got));
        if (n <= 0) break;
        got += (size_t)n;
      }
      *at = page;
    }
    (*at)->lost = 0;
  }
}

static off_t size_of(struct file *file) {
  struct stat now;
  return fstat(file->fd, &now) == 0 ? now.st_size : 0;
}

/* What was written is on disk from here on. */
static void synced(struct file *file) {
  for (int bucket = 0; bucket < BUCKETS; bucket++) {
    struct page **at = &file->pages[bucket];
    while (*at) {
      struct page *page = *at;
      if (page->lost) {
        at = &page->next;
      } else {
        *at = page->next;
        free(page);
      }
    }
  }
  file->synced_size = size_of(file);
}

static void sync_failed(struct file *file) {
  for (int bucket = 0; bucket < BUCKETS; bucket++)
    for (struct page *page = file->pages[bucket]; page; page = page->next) page->lost = 1;
}

static void directory_synced(const char *directory) {
  struct change **at = &changes;
  while (*at) {
    struct change *change = *at;
    if (strcmp(change->directory, directory)) {
      at = &change->before;
      continue;
    }
    *at = change->before;
    if (change->saved) syscall(SYS_unlinkat, AT_FDCWD, change->saved, 0);
    free(change->directory), free(change->path), free(change->from), free(change->saved);
    free(change);
  }
}

/* Puts a file back; where pages may be torn, a random part of it. */
static void put_back(struct file *file, long *back, long *stayed) {
  off_t now = size_of(file), end = file->synced_size;
  int shorter = now < end && control.torn && draw() % 2;
  if (shorter) end = now;
  for (int bucket = 0; bucket < BUCKETS; bucket++)
    for (struct page *page = file->pages[bucket]; page; page = page->next) {
      off_t from = (off_t)(page->index * PAGE), to = from + PAGE;
      if (control.torn && !page->lost && draw() % 2) {
        (*stayed)++;
        if (to > now) to = now;
        if (to > end) end = to;
        continue;
      }
      (*back)++;
      syscall(SYS_pwrite64, file->fd, page->old, PAGE, from);
    }
  syscall(SYS_ftruncate, file->fd, end);
}

static void undo(struct change *change) {
  switch (change->kind) {
  case MADE:
    syscall(SYS_unlinkat, AT_FDCWD, change->path, 0);
    break;
  case MADE_DIRECTORY:
    syscall(SYS_unlinkat, AT_FDCWD, change->path, AT_REMOVEDIR);
    break;
  case RENAMED:
    syscall(SYS_renameat2, AT_FDCWD, change->path, AT_FDCWD, change->from, 0);
    if (change->saved)
      syscall(SYS_renameat2, AT_FDCWD, change->saved, AT_FDCWD, change->path, 0);
    break;
  case REMOVED:
    if (change->saved)
      syscall(SYS_renameat2, AT_FDCWD, change->saved, AT_FDCWD, change->path, 0);
    break;
  }
}

static void remove_shared_memory(const char *directory, int depth) {
  DIR *open = opendir(directory);
  struct dirent *entry;
  if (!open) return;
  while ((entry = readdir(open))) {
    char path[PATH_MAX + 256];
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    if (entry->d_type == DT_DIR && depth < 4) remove_shared_memory(path, depth + 1);
    else if (is_shared_memory(path)) syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  }
  closedir(open);
}

static void cut(const char *call, const char *path) {
  long back = 0, stayed = 0, undone = 0, kept = 0, count = 0;
  for (struct file *file = files; file; file = file->next) put_back(file, &back, &stayed);
  /* A directory's changes reach the disk in their order: a random number of the first ones has. */
  for (struct change *change = changes; change; change = change->before) count++;
  if (control.torn) kept = (long)(draw() % (uint64_t)(count + 1));
  for (struct change *change = changes; change && undone < count - kept; change = change->before) {
    undo(change);
    undone++;
  }
  watched[watched_length - 1] = 0;
  remove_shared_memory(watched, 0);
  report("cut call=%ld at=%s path=%s pages_back=%ld pages_stayed=%ld changes_undone=%ld", calls,
         call, path, back, stayed, undone);
  syscall(SYS_exit_group, STATUS);
}

/* Counts a call: the power may go, or the call may have to fail. Gives the error, or 0. */
static int counted(int is_sync, const char *call, const char *path) {
  read_control();
  calls++;
  if (control.cut && calls >= control.cut) cut(call, path);
  if (!control.fail || !(is_sync ? control.on_sync : control.on_write)) return 0;
  if (control.only[0] && !strstr(path, control.only)) return 0;
  if (++failures < control.after) return 0;
  if (control.times && failures >= control.after + control.times) return 0;
  report("failed call=%ld at=%s path=%s error=%ld", calls, call, path, control.fail);
  return (int)control.fail;
}

/* The file that a descriptor stands for, if it is watched. Holds for this very moment only: a number
 * is used again for something else when it was closed past us. */
static struct file *file_of(int fd) {
  struct stat now;
  if (fd < 0 || fd >= FDS || !by_fd[fd] || getpid() != self) return NULL;
  if (fstat(fd, &now) != 0 || now.st_dev != by_fd[fd]->device || now.st_ino != by_fd[fd]->inode)
    by_fd[fd] = NULL;
  return by_fd[fd];
}

static struct file *watch(int fd, const char *path) {
  struct stat now;
  if (fd < 0 || fd >= FDS || fstat(fd, &now) != 0) return NULL;
  by_fd[fd] = NULL;
  free(directory_by_fd[fd]);
  directory_by_fd[fd] = NULL;
  if (S_ISDIR(now.st_mode)) {
    directory_by_fd[fd] = copy(path);
    return NULL;
  }
  if (!S_ISREG(now.st_mode) || is_shared_memory(path)) return NULL;
  struct file *file = files;
  while (file && (file->device != now.st_dev || file->inode != now.st_ino)) file = file->next;
  if (!file) {
    int own = real_open(path, O_RDWR | O_CLOEXEC, 0);
    if (own < 0) return NULL;
    file = grab(sizeof *file);
    file->device = now.st_dev;
    file->inode = now.st_ino;
    file->fd = own;
    file->synced_size = now.st_size;
    file->path = copy(path);
    file->next = files;
    files = file;
  }
  return by_fd[fd] = file;
}

static int resize(struct file *file, int fd, off_t length) {
  off_t now = size_of(file);
  if (length < now) remember(file, length, now - length);
  return (int)syscall(SYS_ftruncate, fd, length);
}

static int opened(int at, const char *path, int flags, mode_t mode) {
  char *name = below(at, path);
  if (!name) return (int)syscall(SYS_openat, at, path, flags, mode);
  struct stat before;
  pthread_mutex_lock(&lock);
  int there = stat(name, &before) == 0, error = 0, fd = -1;
  if (!there && (flags & O_CREAT)) error = counted(0, "create", name);
  if (error) {
    errno = error;
  } else {
    fd = real_open(name, flags & ~O_TRUNC, mode);
    if (fd >= 0) {
      if (!there && (flags & O_CREAT) && !is_shared_memory(name)) push(MADE, name, NULL, NULL);
      struct file *file = watch(fd, name);
      if (flags & O_TRUNC && there) {
        if (file) resize(file, fd, 0);
        else if (!directory_by_fd[fd]) syscall(SYS_ftruncate, fd, 0);
      }
    }
  }
  error = errno;
  pthread_mutex_unlock(&lock);
  free(name);
  errno = error;
  return fd;
}

static mode_t mode_of(int flags, va_list *values) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(*values, mode_t) : 0;
}

#define OPEN(name)                                  \
  int name(const char *path, int flags, ...) {      \
    va_list values;                                 \
    va_start(values, flags);                        \
    mode_t mode = mode_of(flags, &values);          \
    va_end(values);                                 \
    return opened(AT_FDCWD, path, flags, mode);     \
  }
#define OPEN_AT(name)                                    \
  int name(int at, const char *path, int flags, ...) {   \
    va_list values;                                      \
    va_start(values, flags);                             \
    mode_t mode = mode_of(flags, &values);               \
    va_end(values);                                      \
    return opened(at, path, flags, mode);                \
  }
OPEN(open)
OPEN(open64)
OPEN_AT(openat)
OPEN_AT(openat64)
int creat(const char *path, mode_t mode) {
  return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
  pthread_mutex_lock(&lock);
  if (fd >= 0 && fd < FDS) {
    by_fd[fd] = NULL;
    free(directory_by_fd[fd]);
    directory_by_fd[fd] = NULL;
  }
  int done = real_close(fd), error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

/* Where a write without a place of its own goes. */
static off_t place(struct file *file, int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && flags & O_APPEND ? size_of(file) : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

/* One write; `at` is -1 where the descriptor says where. A full disk takes half of it first. */
static ssize_t written(int fd, const struct iovec *parts, int count, off_t at, const char *call) {
  size_t length = 0;
  for (int part = 0; part < count; part++) length += parts[part].iov_len;
  pthread_mutex_lock(&lock);
  struct file *file = file_of(fd);
  ssize_t done = -1;
  int error = file ? counted(0, call, file->path) : 0;
  if (error == ENOSPC && count == 1 && length > 1 && failures == control.after) {
    size_t half = length / 2;
    remember(file, at < 0 ? place(file, fd) : at, (off_t)half);
    done = at < 0 ? syscall(SYS_write, fd, parts[0].iov_base, half)
                  : syscall(SYS_pwrite64, fd, parts[0].iov_base, half, at);
    error = errno;
  } else if (!error) {
    if (file) remember(file, at < 0 ? place(file, fd) : at, (off_t)length);
    else pthread_mutex_unlock(&lock); /* a socket may take its time */
    done = at < 0 ? syscall(SYS_writev, fd, parts, count)
                  : syscall(SYS_pwritev, fd, parts, count, (unsigned long)at, 0ul);
    error = errno;
  }
  if (file) pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec part = {(void *)bytes, length};
  if (fd < 0 || fd >= FDS || !by_fd[fd]) return syscall(SYS_write, fd, bytes, length);
  return written(fd, &part, 1, -1, "write");
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  struct iovec part = {(void *)bytes, length};
  return written(fd, &part, 1, at, "pwrite");
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  return pwrite(fd, bytes, length, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (fd < 0 || fd >= FDS || !by_fd[fd]) return syscall(SYS_writev, fd, parts, count);
  return written(fd, parts, count, -1, "writev");
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return written(fd, parts, count, at, "pwritev");
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  return written(fd, parts, count, at, "pwritev");
}

int ftruncate(int fd, off_t length) {
  pthread_mutex_lock(&lock);
  struct file *file = file_of(fd);
  int error = file ? counted(0, "ftruncate", file->path) : 0, done = -1;
  if (!error) {
    done = file ? resize(file, fd, length) : (int)syscall(SYS_ftruncate, fd, length);
    error = errno;
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

/* Reserving room would write past us; the caller does without. */
int posix_fallocate(int fd, off_t at, off_t length) {
  return by_fd[fd & (FDS - 1)] ? EINVAL : (int)-syscall(SYS_fallocate, fd, 0, at, length);
}
int fallocate(int fd, int mode, off_t at, off_t length) {
  if (by_fd[fd & (FDS - 1)]) return errno = EOPNOTSUPP, -1;
  return (int)syscall(SYS_fallocate, fd, mode, at, length);
}
/* Copying within the system too. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length,
                        unsigned flags) {
  if (out >= 0 && out < FDS && by_fd[out]) return errno = ENOSYS, -1;
  return syscall(SYS_copy_file_range, in, in_at, out, out_at, length, flags);
}

static int flushed(int fd, const char *call) {
  pthread_mutex_lock(&lock);
  struct file *file = file_of(fd);
  char *directory = fd >= 0 && fd < FDS && !file ? directory_by_fd[fd] : NULL;
  int error = 0, done = 0;
  if (file || directory) {
    error = counted(1, call, file ? file->path : directory);
    if (error) {
      if (file) sync_failed(file);
      done = -1;
    } else if (!control.lie) {
      if (file) synced(file);
      else directory_synced(directory);
    }
  } else {
    done = (int)syscall(SYS_fsync, fd);
    error = errno;
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
int fsync(int fd) { return flushed(fd, "fsync"); }
int fdatasync(int fd) { return flushed(fd, "fdatasync"); }

/* Keeps what is called `path`, so that it can be put back; gives where. */
static char *save(const char *path) {
  char name[PATH_MAX + 32];
  snprintf(name, sizeof name, "%s/%ld-%d", keep_directory, saved_count++, (int)self);
  return syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, name, 0) == 0 ? copy(name) : NULL;
}

static int removed(int at, const char *path, int flags) {
  char *name = flags & AT_REMOVEDIR ? NULL : below(at, path);
  if (!name) return (int)syscall(SYS_unlinkat, at, path, flags);
  pthread_mutex_lock(&lock);
  int error = counted(0, "unlink", name), done = -1;
  if (!error) {
    char *saved = is_shared_memory(name) ? NULL : save(name);
    done = (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
    error = errno;
    if (done == 0 && saved) push(REMOVED, name, NULL, saved);
    else if (saved) syscall(SYS_unlinkat, AT_FDCWD, saved, 0);
    free(saved);
  }
  pthread_mutex_unlock(&lock);
  free(name);
  errno = error;
  return done;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }

static int renamed(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  char *old = below(from_at, from), *new = below(to_at, to);
  if (!old || !new) {
    free(old), free(new);
    return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
  }
  pthread_mutex_lock(&lock);
  int error = counted(0, "rename", new), done = -1;
  if (!error) {
    char *saved = save(new);
    done = (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, flags);
    error = errno;
    if (done == 0) push(RENAMED, new, old, saved);
    else if (saved) syscall(SYS_unlinkat, AT_FDCWD, saved, 0);
    free(saved);
  }
  pthread_mutex_unlock(&lock);
  free(old), free(new);
  errno = error;
  return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) {
  return renamed(from_at, from, to_at, to, 0);
}
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  return renamed(from_at, from, to_at, to, flags);
}

static int made_directory(int at, const char *path, mode_t mode) {
  char *name = below(at, path);
  int done = (int)syscall(SYS_mkdirat, at, path, mode), error = errno;
  if (name && done == 0) {
    pthread_mutex_lock(&lock);
    push(MADE_DIRECTORY, name, NULL, NULL);
    pthread_mutex_unlock(&lock);
  }
  free(name);
  errno = error;
  return done;
}
int mkdir(const char *path, mode_t mode) { return made_directory(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return made_directory(at, path, mode); }
