#ifndef TAGSTREAM_CALLOCATIONCOUNTER_H
#define TAGSTREAM_CALLOCATIONCOUNTER_H
#include <stdint.h>
/// How often this process has asked glibc for memory so far (malloc, calloc, realloc and the aligned ones). The benchmark
/// executable replaces these functions by ones that count; nothing else links this target.
uint64_t tagstream_allocations(void);
/// How many bytes are in use in the main arena and in mappings of their own: all of them in a process of one thread.
int64_t tagstream_allocated_bytes(void);
#endif
