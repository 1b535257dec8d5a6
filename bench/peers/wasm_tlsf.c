/*
 * The TLSF of native_tlsf.h as a module of WebAssembly: what it needs of a C library, and its calls under
 * the names that replay/replay.ts has for them.
 *
 *   clang --target=wasm32 -O3 -mbulk-memory -nostdlib -Wl,--no-entry -Wl,--import-memory wasm_tlsf.c
 */
#include <stddef.h>

/* The heap begins behind the data; who makes the memory makes it large enough. */
extern unsigned char __heap_base;

static void *aligned_alloc(size_t alignment, size_t byte_length) {
  (void)byte_length;
  return (void *)(((size_t)&__heap_base + alignment - 1) & ~(alignment - 1));
}
#define abort() __builtin_trap()
#define memset(to, byte, byte_length) __builtin_memset(to, byte, byte_length)
#define memcpy(to, from, byte_length) __builtin_memcpy(to, from, byte_length)

#include "native_tlsf.h"

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("open") void wasm_open(void) { tlsf_open(); }
EXPORT("malloc") void *wasm_malloc(size_t byte_length) { return tlsf_malloc(byte_length); }
EXPORT("calloc") void *wasm_calloc(size_t byte_length) { return tlsf_calloc(byte_length); }
EXPORT("memalign") void *wasm_memalign(size_t alignment, size_t byte_length) {
  return tlsf_memalign(alignment, byte_length);
}
EXPORT("realloc") void *wasm_realloc(void *address, size_t byte_length) {
  return tlsf_realloc(address, byte_length);
}
EXPORT("free") void wasm_free(void *address) { tlsf_free(address); }
