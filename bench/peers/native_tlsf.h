/*
 * Two-level segregated fit in C, the yardstick of the algorithm: what the same placement costs when
 * it is compiled ahead. Written after the paper (Masmano, Ripoll, Crespo, Real, ECRTS 2004) with the
 * block layout of allocator/layout/block_layout.ts: 4 bytes of header, granules of 8 bytes, 32 lists a
 * level, the rounded size kept. Like the usual implementations it checks nothing and counts nothing.
 */
#include <stdint.h>
#ifndef __wasm__
#include <stdlib.h>
#include <string.h>
#endif

enum { FREE_BIT = 1, PREVIOUS_FREE_BIT = 2, FLAG_BITS = 7 };
enum { HEAP_BYTES = 1 << 30, LEVELS = 26, FIRST_BLOCK = 1, SMALLEST_GRANULES = 2 };

static int32_t *words; /* 8-byte aligned, so that headers at odd indices give aligned payloads */
static uint32_t first_level;
static uint32_t second_level[LEVELS];
static int32_t heads[LEVELS * 32];

static inline uint32_t granules_of(int32_t header) { return (uint32_t)header >> 3; }

static inline uint32_t class_shift(uint32_t granules) {
  return 26 - (uint32_t)__builtin_clz(granules | 32);
}

static inline uint32_t list_of(uint32_t granules) {
  uint32_t shift = class_shift(granules);
  return (shift << 5) + (granules >> shift);
}

static inline uint32_t rounded(uint32_t granules) {
  uint32_t shift = class_shift(granules);
  return ((granules + (1u << shift) - 1) >> shift) << shift;
}

static inline void insert(int32_t block, uint32_t granules) {
  uint32_t list = list_of(granules);
  int32_t head = heads[list];
  words[block + 1] = 0;
  words[block + 2] = head;
  heads[list] = block;
  if (head != 0) words[head + 1] = block;
  second_level[list >> 5] |= 1u << (list & 31);
  first_level |= 1u << (list >> 5);
}

static inline void unlink_block(int32_t block, uint32_t granules) {
  int32_t previous = words[block + 1], next = words[block + 2];
  if (next != 0) words[next + 1] = previous;
  if (previous != 0) {
    words[previous + 2] = next;
    return;
  }
  uint32_t list = list_of(granules);
  heads[list] = next;
  if (next != 0) return;
  second_level[list >> 5] &= ~(1u << (list & 31));
  if (second_level[list >> 5] == 0) first_level &= ~(1u << (list >> 5));
}

static inline void mark_free(int32_t block, uint32_t granules) {
  words[block] = (int32_t)(granules << 3) | FREE_BIT;
  words[block + 2 * granules - 1] = block;
  insert(block, granules);
}

static void tlsf_open(void) {
  words = aligned_alloc(8, HEAP_BYTES);
  if (words == NULL) abort();
  int32_t sentinel = HEAP_BYTES / 4 - 1;
  words[sentinel] = PREVIOUS_FREE_BIT;
  mark_free(FIRST_BLOCK, (uint32_t)(sentinel - FIRST_BLOCK) / 2);
}

/* Takes a block off its list and frees what it has beyond `wanted`. */
static inline void use(int32_t block, uint32_t available, uint32_t wanted, int32_t flags) {
  uint32_t rest = available - wanted;
  if (rest >= SMALLEST_GRANULES) {
    words[block] = (int32_t)(wanted << 3) | flags;
    mark_free(block + 2 * (int32_t)wanted, rest);
  } else {
    words[block] = (int32_t)(available << 3) | flags;
    words[block + 2 * available] &= ~PREVIOUS_FREE_BIT;
  }
}

static inline uint32_t granules_for(size_t byte_length) {
  if (byte_length > HEAP_BYTES) return HEAP_BYTES;
  uint32_t granules = ((uint32_t)byte_length + 11) >> 3;
  return rounded(granules < SMALLEST_GRANULES ? SMALLEST_GRANULES : granules);
}

static inline int32_t find(uint32_t granules) {
  uint32_t list = list_of(granules);
  uint32_t level = list >> 5;
  uint32_t lists = level < LEVELS ? second_level[level] & (~0u << (list & 31)) : 0;
  if (lists == 0) {
    uint32_t levels = level + 1 < LEVELS ? first_level & (~0u << (level + 1)) : 0;
    if (levels == 0) return 0;
    level = (uint32_t)__builtin_ctz(levels);
    lists = second_level[level];
  }
  return heads[(level << 5) + (uint32_t)__builtin_ctz(lists)];
}

static void *tlsf_malloc(size_t byte_length) {
  uint32_t granules = granules_for(byte_length);
  int32_t block = find(granules);
  if (block == 0) return NULL;
  uint32_t available = granules_of(words[block]);
  unlink_block(block, available);
  use(block, available, granules, 0);
  return words + block + 1;
}

static void tlsf_free(void *address) {
  if (address == NULL) return;
  int32_t block = (int32_t)((int32_t *)address - words) - 1;
  uint32_t granules = granules_of(words[block]);
  int32_t end = block + 2 * (int32_t)granules;
  if (words[end] & FREE_BIT) {
    uint32_t right = granules_of(words[end]);
    unlink_block(end, right);
    granules += right;
  } else {
    words[end] |= PREVIOUS_FREE_BIT;
  }
  if (words[block] & PREVIOUS_FREE_BIT) {
    block = words[block - 1];
    uint32_t left = granules_of(words[block]);
    unlink_block(block, left);
    granules += left;
  }
  mark_free(block, granules);
}

static void *tlsf_calloc(size_t byte_length) {
  void *address = tlsf_malloc(byte_length);
  if (address != NULL) memset(address, 0, byte_length);
  return address;
}

static void *tlsf_memalign(size_t alignment, size_t byte_length) {
  if (alignment <= 8) return tlsf_malloc(byte_length);
  uint32_t granules = granules_for(byte_length);
  uint32_t step = (uint32_t)(alignment / 8);
  int32_t block = find(rounded(granules + step + 1));
  if (block == 0) return NULL;
  uint32_t available = granules_of(words[block]);
  unlink_block(block, available);
  uint32_t gap = (uint32_t)(-((uintptr_t)(words + block + 1) / 8) & (step - 1));
  if (gap == 1) gap += step;
  if (gap != 0) mark_free(block, gap);
  use(block + 2 * (int32_t)gap, available - gap, granules, gap != 0 ? PREVIOUS_FREE_BIT : 0);
  return words + block + 2 * gap + 1;
}

static void *tlsf_realloc(void *address, size_t byte_length) {
  int32_t block = (int32_t)((int32_t *)address - words) - 1;
  uint32_t size = granules_of(words[block]), wanted = granules_for(byte_length);
  int32_t end = block + 2 * (int32_t)size;
  int32_t flags = words[block] & FLAG_BITS;
  if (wanted <= size) {
    if (size - wanted >= SMALLEST_GRANULES) {
      words[block] = (int32_t)(wanted << 3) | flags;
      words[block + 2 * wanted] = (int32_t)((size - wanted) << 3);
      tlsf_free(words + block + 2 * wanted + 1);
    }
    return address;
  }
  uint32_t right = words[end] & FREE_BIT ? granules_of(words[end]) : 0;
  if (size + right >= wanted) {
    unlink_block(end, right);
    use(block, size + right, wanted, flags);
    return address;
  }
  void *moved = tlsf_malloc(byte_length);
  if (moved == NULL) return NULL;
  memcpy(moved, address, (size_t)size * 8 - 4);
  tlsf_free(address);
  return moved;
}
