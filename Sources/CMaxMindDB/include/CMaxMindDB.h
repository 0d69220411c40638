#ifndef TAGSTREAM_CMAXMINDDB_H
#define TAGSTREAM_CMAXMINDDB_H
// libmaxminddb behind a plain interface: open a database from memory, find an address's record, read one value of it.
//
// What is opened here has been checked by the caller (Sources/Tagstream/Enrich/GeoIP/MMDBCheck.swift): libmaxminddb 1.7 follows
// pointers in a database's description without a budget, and computes the size of the search tree in 32 bits.
//
// Threads: a database may be read from any number of threads at once; nothing in it changes. Opening and closing belong to one owner.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// An open database.
typedef struct tagstream_mmdb tagstream_mmdb;

/// What a value is.
enum {
    TAGSTREAM_MMDB_NOTHING = 0,
    TAGSTREAM_MMDB_TEXT = 1,
    TAGSTREAM_MMDB_INTEGER = 2,
    TAGSTREAM_MMDB_DOUBLE = 3,
    TAGSTREAM_MMDB_BOOLEAN = 4,
    TAGSTREAM_MMDB_OTHER = 5,
};

/// A value of a record; `text` lies in the database's memory.
typedef struct tagstream_mmdb_value {
    int32_t kind;
    const void *text;
    size_t length;
    int64_t integer;
    double number;
} tagstream_mmdb_value;

/// Opens a private copy of the bytes: an anonymous file that is sealed, so nobody can truncate what libmaxminddb has mapped.
///
/// Returns null and a reason, a text that is never freed, when it cannot be done.
tagstream_mmdb *tagstream_mmdb_open(const void *bytes, size_t length, const char **reason);

/// Closes a database; nobody may be reading it.
void tagstream_mmdb_close(tagstream_mmdb *database);

/// The offset in the data section of an address's record; -1 where it has none, -2 where the search tree is broken.
///
/// An address is 16 bytes in network order; an IPv4 address is its last four, and `is_ipv4` says so.
int64_t tagstream_mmdb_find(const tagstream_mmdb *database, const uint8_t *address, int is_ipv4);

/// Reads the value at a path of keys (and decimal indices of arrays), which ends with null.
///
/// `TAGSTREAM_MMDB_NOTHING` where the path leads nowhere or the record is broken.
tagstream_mmdb_value tagstream_mmdb_get(const tagstream_mmdb *database, uint32_t record, const char *const *path);

/// Asks the processor to fetch what lies at an address, which need not be readable, and does not wait for it. Swift has no word for it.
static inline void tagstream_prefetch(const void *address) { __builtin_prefetch(address); }

#ifdef __cplusplus
}
#endif
#endif
