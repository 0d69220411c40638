#ifndef TAGSTREAM_CRE2RULES_H
#define TAGSTREAM_CRE2RULES_H
// An ordered list of RE2 patterns, of which the first that matches counts, with its groups: what user agents are recognised by.
//
// A list of hundreds is not tried from its beginning. RE2 tells which literals a text must contain so that a pattern can match
// (FilteredRE2); one pass over the text finds them, and only patterns whose literals are there are searched for.
//
// Threads: a compiled list may be searched from any number of threads at once. Adding, compiling and destroying belong to one owner.
// Exceptions never cross this boundary.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A list of patterns.
typedef struct tagstream_rules tagstream_rules;

/// A group's text within the searched one; `offset` is -1 where the group did not take part in the match.
typedef struct tagstream_group {
    int32_t offset;
    int32_t length;
} tagstream_group;

/// Makes an empty list; null when memory is exhausted.
tagstream_rules *tagstream_rules_create(void);

/// Destroys a list; nobody may be searching.
void tagstream_rules_destroy(tagstream_rules *rules);

/// Appends a pattern of at most nine groups; `max_mem` is RE2's budget in bytes for it.
///
/// Returns null, or why it was not taken: a text that the list owns until the next call.
const char *tagstream_rules_add(tagstream_rules *rules, const char *pattern, size_t length, int ignores_case, int64_t max_mem);

/// Prepares the search, once, behind the last pattern. Returns 0, or -1 when memory is exhausted.
int tagstream_rules_compile(tagstream_rules *rules);

/// The index of the first pattern in the list's order that matches anywhere in the text; -1 when none does, or memory is exhausted.
///
/// `groups` gets ten entries: the whole match, and the pattern's groups 1 to 9.
int tagstream_rules_first(const tagstream_rules *rules, const void *text, size_t length, tagstream_group *groups);

/// How many patterns have no literal, and are searched for in every text.
int tagstream_rules_unfiltered(const tagstream_rules *rules);

/// The largest program of the list, in instructions.
int tagstream_rules_largest(const tagstream_rules *rules);

#ifdef __cplusplus
}
#endif
#endif
