#ifndef TAGSTREAM_CSIMDJSONLIMIT_H
#define TAGSTREAM_CSIMDJSONLIMIT_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/// What the benchmarks call the limit: the least that any consumer of these records has to do. Parses both layers of a gateway's
/// record with simdjson's on-demand API, touching every property's key and value once, and copies a row's worth of bytes.
///
/// @param record   the record's value; `capacity - length` bytes behind it must be readable (simdjson's padding, 64)
/// @param row      where to copy to; `row_length` bytes
/// @return the number of properties, or a negative number when the record is not JSON
int64_t tagstream_limit(const char *record, size_t length, size_t capacity, char *row, const char *row_source, size_t row_length);

#ifdef __cplusplus
}
#endif
#endif
