#include "CRE2.h"

#include <re2/re2.h>
#include <string.h>

#include <memory>
#include <string>

struct tagstream_re2 {
    re2::RE2 pattern;
    std::string error;

    tagstream_re2(re2::StringPiece text, const re2::RE2::Options &options) : pattern(text, options) {
        if (!pattern.ok()) error = pattern.error();
    }
};

tagstream_re2 *tagstream_re2_create(const char *pattern, size_t length, int64_t max_mem) {
    try {
        re2::RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(max_mem);
        // Nobody asks where a group matched, and without captures the program is smaller.
        options.set_never_capture(true);
        return new tagstream_re2(re2::StringPiece(pattern, length), options);
    } catch (...) {
        return nullptr;
    }
}

void tagstream_re2_destroy(tagstream_re2 *pattern) { delete pattern; }

const char *tagstream_re2_error(const tagstream_re2 *pattern) {
    return pattern->pattern.ok() ? nullptr : pattern->error.c_str();
}

int tagstream_re2_is_too_large(const tagstream_re2 *pattern) {
    return pattern->pattern.error_code() == re2::RE2::ErrorPatternTooLarge;
}

int tagstream_re2_size(const tagstream_re2 *pattern) { return pattern->pattern.ProgramSize(); }

int tagstream_re2_search(const tagstream_re2 *pattern, const void *text, size_t length) {
    try {
        re2::StringPiece subject(static_cast<const char *>(text), length);
        return pattern->pattern.Match(subject, 0, length, re2::RE2::UNANCHORED, nullptr, 0) ? 1 : 0;
    } catch (...) {
        return -1;
    }
}

ptrdiff_t tagstream_find(const void *text, size_t length, const void *needle, size_t needle_length) {
    if (needle_length == 0) return 0;
    const void *found = memmem(text, length, needle, needle_length);
    return found ? static_cast<const char *>(found) - static_cast<const char *>(text) : -1;
}
