/*
 * Replays an allocation program on the C library's malloc or, compiled with -DTLSF, on the TLSF of
 * native_tlsf.h; the counterpart of replay/replay.ts.
 *
 *   glibc_replay time FILE MINIMUM_MS   prints nanoseconds per timed operation, on a warm heap
 *   glibc_replay fresh FILE             prints the same for one replay on a fresh heap
 *   glibc_replay space FILE             prints the most bytes that malloc held from the system
 *
 * FILE holds int32 words in the machine's order: operations, blocks, first timed operation, end of
 * the timed ones, then four words per operation: kind, block, size, alignment (replay/program.ts).
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef TLSF
#include "native_tlsf.h"
#define OPEN() tlsf_open()
#define ALLOCATE(size) tlsf_malloc(size)
#define CLEARED(size) tlsf_calloc(size)
#define ALIGNED(alignment, size) tlsf_memalign(alignment, size)
#define RESIZE(address, size) tlsf_realloc(address, size)
#define RELEASE(address) tlsf_free(address)
#else
#define OPEN() ((void)0)
#define ALLOCATE(size) malloc(size)
#define CLEARED(size) calloc(1, size)
#define ALIGNED(alignment, size) memalign(alignment, size)
#define RESIZE(address, size) realloc(address, size)
#define RELEASE(address) free(address)
#endif

enum { MALLOC, CALLOC, MEMALIGN, REALLOC, FREE };

/* An operation between two looks at the allocator's footprint: a look walks the free lists. */
enum { LOOK_EVERY = 256 };

/* How many times the wanted time may pass until replays end; replay/replay.ts has the same. */
enum { OVERALL_FACTOR = 5 };

struct operation { int32_t kind, block, size, alignment; };
struct header { int32_t operations, blocks, timed_from, timed_to; };

static void fail(const char *text) {
  fprintf(stderr, "glibc_replay: %s\n", text);
  exit(1);
}

static void replay(const struct operation *at, const struct operation *end, void **handles) {
  for (; at < end; at++) {
    void *handle = NULL;
    switch (at->kind) {
      case MALLOC: handle = ALLOCATE((size_t)at->size); break;
      case FREE:
        RELEASE(handles[at->block]);
        handles[at->block] = NULL;
        continue;
      case REALLOC: handle = RESIZE(handles[at->block], (size_t)at->size); break;
      case CALLOC: handle = CLEARED((size_t)at->size); break;
      case MEMALIGN: handle = ALIGNED((size_t)at->alignment, (size_t)at->size); break;
      default: fail("unknown kind of operation");
    }
    if (handle == NULL) fail("no memory");
    handles[at->block] = handle;
  }
}

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double timed_section_ns(const struct header *header, const struct operation *operations,
                               void **handles) {
  replay(operations, operations + header->timed_from, handles);
  double before = now_ns();
  replay(operations + header->timed_from, operations + header->timed_to, handles);
  double after = now_ns();
  replay(operations + header->timed_to, operations + header->operations, handles);
  return after - before;
}

static double warm_replays_ns(const struct header *header, const struct operation *operations,
                              void **handles, double minimum_ns) {
  double timed = 0;
  long replays = 0;
  timed_section_ns(header, operations, handles); /* warms the heap */
  double end = now_ns() + minimum_ns * OVERALL_FACTOR;
  do {
    timed += timed_section_ns(header, operations, handles);
    replays++;
  } while (timed < minimum_ns && now_ns() < end);
  return timed / (double)replays;
}

static size_t footprint(void) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  struct mallinfo2 info = mallinfo2();
  return info.arena + info.hblkhd;
#else
  fail("mallinfo2 needs glibc 2.33 or later");
  return 0;
#endif
}

static size_t peak_footprint(const struct header *header, const struct operation *operations,
                             void **handles, size_t before) {
  size_t peak = 0;
  for (int32_t from = 0; from < header->operations; from += LOOK_EVERY) {
    int32_t end = from + LOOK_EVERY < header->operations ? from + LOOK_EVERY : header->operations;
    replay(operations + from, operations + end, handles);
    size_t held = footprint();
    if (held > peak) peak = held;
  }
  return peak - before;
}

/* The program and the table of handles lie in the same heap; what they take is there before the
 * first replay, so the footprint is counted from that point on. */
int main(int count, char **arguments) {
  if (count < 3) fail("usage: glibc_replay time|fresh|space FILE [MINIMUM_MS]");
  FILE *file = fopen(arguments[2], "rb");
  if (file == NULL) fail("cannot open the program");
  struct header header;
  if (fread(&header, sizeof header, 1, file) != 1) fail("the program has no header");
  size_t wanted = (size_t)header.operations;
  struct operation *operations = malloc(wanted * sizeof *operations);
  void **handles = calloc((size_t)header.blocks, sizeof *handles);
  if (operations == NULL || handles == NULL) fail("no memory for the program");
  if (fread(operations, sizeof *operations, wanted, file) != wanted) fail("the program is cut");
  fclose(file);
  OPEN();
  double timed_operations = (double)(header.timed_to - header.timed_from);
  if (strcmp(arguments[1], "space") == 0) {
    printf("%zu\n", peak_footprint(&header, operations, handles, footprint()));
  } else if (strcmp(arguments[1], "fresh") == 0) {
    /* The table's pages are touched here, so that only the heap's own first touches count. */
    memset(handles, 1, (size_t)header.blocks * sizeof *handles);
    printf("%.4f\n", timed_section_ns(&header, operations, handles) / timed_operations);
  } else {
    double minimum_ns = count > 3 ? atof(arguments[3]) * 1e6 : 0;
    double timed = warm_replays_ns(&header, operations, handles, minimum_ns);
    printf("%.4f\n", timed / timed_operations);
  }
  return 0;
}
