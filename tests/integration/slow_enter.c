/* Loaded before the server (LD_PRELOAD): after each io_uring_enter that does not wait, one time in SLOW_ONE_IN, the thread
   is off its processor for SLOW_MS milliseconds, as if the machine had something better to do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

static __thread unsigned seed;

static int number(const char *name) {
    const char *text = getenv(name);
    return text ? atoi(text) : 0;
}

long syscall(long call, ...) {
    static long (*next)(long, ...);
    if (!next)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list list;
    long a[6];
    va_start(list, call);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    long result = next(call, a[0], a[1], a[2], a[3], a[4], a[5]);
    int error = errno;
    if (call == SYS_io_uring_enter && a[2] == 0) {
        if (!seed)
            seed = (unsigned)next(SYS_gettid);
        if (rand_r(&seed) % number("SLOW_ONE_IN") == 0) {
            int ms = number("SLOW_MS");
            struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
            nanosleep(&time, NULL);
        }
    }
    errno = error;
    return result;
}
