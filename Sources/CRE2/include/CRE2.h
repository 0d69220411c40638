#ifndef TAGSTREAM_CRE2_H
#define TAGSTREAM_CRE2_H
// RE2 behind a plain C interface, because Swift's C++ interoperability would infect every module that imports this one.
//
// Threads: a compiled pattern may be matched from any number of threads at once (RE2's own guarantee; its lazy automaton is
// guarded inside). Creating and destroying belong to one owner.
// Exceptions never cross this boundary.
//
// Time: RE2 runs a lazy automaton, a few machine instructions a byte, as long as its states fit into a cache. Where they do not, it
// would go on with its NFA, which takes a step for each instruction of the program and each byte of the text: 250 ms for a program of
// 1,000 and a text of 50 KB. Such a search is given up instead, unless program and text are small together.

#include "CRE2Rules.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled pattern.
typedef struct tagstream_re2 tagstream_re2;

/// Compiles a UTF-8 pattern with RE2's Perl syntax: case-sensitive, `.` excludes newline, errors are not logged.
///
/// `max_mem` is RE2's budget in bytes for the program and its automata. Never returns null, except when memory is exhausted; ask
/// `tagstream_re2_error` whether the pattern compiled.
tagstream_re2 *tagstream_re2_create(const char *pattern, size_t length, int64_t max_mem);

/// Destroys a pattern; nobody may be matching it.
void tagstream_re2_destroy(tagstream_re2 *pattern);

/// Why the pattern did not compile, null-terminated and owned by the pattern; null when it compiled.
const char *tagstream_re2_error(const tagstream_re2 *pattern);

/// Whether the pattern cannot be used because its program, or two dozen states of its automaton, are larger than the budget.
///
/// A pattern may be too large although it compiled.
int tagstream_re2_is_too_large(const tagstream_re2 *pattern);

/// How many instructions the compiled program has.
int tagstream_re2_size(const tagstream_re2 *pattern);

/// Whether the pattern occurs anywhere in the text: 1 or 0; -1 when the search was given up, or memory is exhausted.
///
/// Given up is a search that fills the automaton's cache by itself. What earlier searches left in the cache may be thrown away once in
/// a search, as long as `refills` allows it; each time is taken from it. With none left, a search still ends well as long as the
/// cache has room.
int tagstream_re2_search(const tagstream_re2 *pattern, const void *text, size_t length, int32_t *refills);

/// Patterns that are searched for together, in one pass over the text.
typedef struct tagstream_re2_set tagstream_re2_set;

/// Compiles patterns that compiled one by one into a set, within a budget of `max_mem` bytes for the program and its automaton.
///
/// Null when they do not fit together, or memory is exhausted.
tagstream_re2_set *tagstream_re2_set_create(const tagstream_re2 *const *patterns, size_t count, int64_t max_mem);

/// Destroys a set; nobody may be matching it.
void tagstream_re2_set_destroy(tagstream_re2_set *set);

/// How many of the patterns occur in the text; their places in the list are written to `found`, which has room for all of them.
///
/// -1 when the search was given up, because the text filled the automaton's cache twice, or memory is exhausted: then each pattern
/// has to be asked by itself. Allocates while patterns are found, and not where none is.
ptrdiff_t tagstream_re2_set_search(const tagstream_re2_set *set, const void *text, size_t length, int32_t *found);

/// Where the pattern first matches at or behind `from`: 1 and the range of the leftmost match, or 0; -1 when memory is exhausted.
///
/// For patterns and texts that are small together: never given up. What stands before `from` counts for `^` and `\b`.
int tagstream_re2_span(const tagstream_re2 *pattern, const void *text, size_t length, size_t from, size_t *begin, size_t *end);

/// Where `needle` first occurs in `text`, as an offset; -1 where it does not. Linear time.
ptrdiff_t tagstream_find(const void *text, size_t length, const void *needle, size_t needle_length);

#ifdef __cplusplus
}
#endif
#endif
