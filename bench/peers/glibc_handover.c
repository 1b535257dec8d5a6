/*
 * Producer and consumer on two threads with the C library's malloc; the counterpart of
 * replay/handover.ts, which says how they hand over.
 *
 *   glibc_handover BATCHES   prints nanoseconds per block
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_BLOCKS = 1024, PAGES = 4 };

struct page { int full; void *blocks[BATCH_BLOCKS]; };

static struct page pages[PAGES];
static size_t sizes[BATCH_BLOCKS];
static long batches;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void await(struct page *page, int full) {
  pthread_mutex_lock(&lock);
  while (page->full != full) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

static void set(struct page *page, int full) {
  pthread_mutex_lock(&lock);
  page->full = full;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
}

static void *consume(void *unused) {
  for (long batch = 0; batch < batches; batch++) {
    struct page *page = &pages[batch % PAGES];
    await(page, 1);
    for (int i = 0; i < BATCH_BLOCKS; i++) free(page->blocks[i]);
    set(page, 0);
  }
  return unused;
}

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int count, char **arguments) {
  batches = count > 1 ? atol(arguments[1]) : 0;
  if (batches < 1) {
    fprintf(stderr, "usage: glibc_handover BATCHES\n");
    return 1;
  }
  /* The sizes of replay/handover.ts: xorshift 13, 17, 5 from the same seed. */
  uint32_t state = 11;
  for (int i = 0; i < BATCH_BLOCKS; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    sizes[i] = 16 + state % 241;
  }
  double before = now_ns();
  pthread_t consumer;
  if (pthread_create(&consumer, NULL, consume, NULL) != 0) return 1;
  for (long batch = 0; batch < batches; batch++) {
    struct page *page = &pages[batch % PAGES];
    await(page, 0);
    for (int i = 0; i < BATCH_BLOCKS; i++) page->blocks[i] = malloc(sizes[i]);
    set(page, 1);
  }
  pthread_join(consumer, NULL);
  printf("%.4f\n", (now_ns() - before) / ((double)batches * BATCH_BLOCKS));
  return 0;
}
