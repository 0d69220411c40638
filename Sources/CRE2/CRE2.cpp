#include "CRE2.h"

#include <re2/re2.h>
#include <re2/set.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace {

// A search whose program and text multiply to at most this many steps is never given up: RE2's slowest engine, the NFA, is done with
// it in less than two milliseconds.
constexpr uint64_t kFreeSteps = 250000;
// Programs of at most so many instructions find room for their automata in every budget that is given out.
constexpr int kSurelySmall = 400;

struct GivenUp {};

// What the search that runs on this thread may still do; null while nothing limits it.
struct Watch {
    int refills;
};
thread_local Watch *watch = nullptr;

// RE2 calls these from within a search. A lazy automaton that outgrows its cache begins anew, or leaves the rest to the NFA, which
// takes a step for each instruction and byte. Both are reported before they happen, and an exception ends the search instead: what
// RE2 holds at these points are scoped locks and scoped memory.
void BeforeRefill(const re2::hooks::DFAStateCacheReset &) {
    if (watch == nullptr) return;
    if (watch->refills == 0) throw GivenUp();
    --watch->refills;
}

void BeforeNFA(const re2::hooks::DFASearchFailure &) {
    if (watch != nullptr) throw GivenUp();
}

const bool hooked = [] {
    re2::hooks::SetDFAStateCacheResetHook(BeforeRefill);
    re2::hooks::SetDFASearchFailureHook(BeforeNFA);
    return true;
}();

re2::RE2::Options OptionsFor(int64_t max_mem) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_mem);
    // Nobody asks where a group matched, and without captures the program is smaller.
    options.set_never_capture(true);
    return options;
}

bool Match(const re2::RE2 &pattern, const re2::StringPiece &text) {
    return pattern.Match(text, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

// While it lives, the searches of this thread are limited.
struct Scope {
    explicit Scope(Watch *of_search) { watch = of_search; }
    ~Scope() { watch = nullptr; }
};

// The same as Match, but 0 or 1, and -1 when the search was given up. Takes what it refilled from the allowance.
int MatchWatched(const re2::RE2 &pattern, const re2::StringPiece &text, int *refills) {
    Watch allowed{*refills};
    Scope scope(&allowed);
    int found;
    try {
        found = Match(pattern, text) ? 1 : 0;
    } catch (const GivenUp &) {
        found = -1;
    }
    *refills = allowed.refills;
    return found;
}

// Whether the automata of a pattern fit into the budget at all; where they do not, RE2 uses the NFA for every text.
bool HasRoom(const re2::RE2 &pattern, int64_t max_mem) {
    if (pattern.ProgramSize() <= kSurelySmall) return true;
    // A pattern that is tied to the end is searched for backwards.
    if (pattern.ReverseProgramSize() < 0) return false;
    // A pattern that may be tied to an end is tried by relatives that are not: a literal prefix, for one, would be compared before
    // there is an automaton.
    const std::string &text = pattern.pattern();
    bool may_begin = strchr("^\\(", text.front()) != nullptr;
    bool may_end = strchr("$z)", text.back()) != nullptr;
    int refills = 8;
    if (!may_begin && MatchWatched(pattern, "x y", &refills) < 0) return false;
    for (const char *behind : {")", ")y?"}) {
        bool is_tied_to_end = behind[1] == '\0';
        if (is_tied_to_end ? !may_begin : !may_end) continue;
        re2::RE2 relative("x?(?:" + pattern.pattern() + behind, OptionsFor(max_mem));
        if (!relative.ok()) {
            if (relative.error_code() == re2::RE2::ErrorPatternTooLarge) return false;
            continue;
        }
        refills = 8;
        if (MatchWatched(relative, "x y", &refills) < 0) return false;
    }
    return true;
}

}  // namespace

struct tagstream_re2 {
    re2::RE2 pattern;
    std::string error;
    bool has_room;
    uint64_t size;
    // Whether something was searched for already: before that the cache is empty, and never has to be emptied.
    mutable std::atomic<bool> is_warm{false};

    tagstream_re2(re2::StringPiece text, int64_t max_mem) : pattern(text, OptionsFor(max_mem)) {
        if (!pattern.ok()) error = pattern.error();
        has_room = pattern.ok() && HasRoom(pattern, max_mem);
        size = pattern.ok() ? static_cast<uint64_t>(pattern.ProgramSize()) : 0;
    }
};

tagstream_re2 *tagstream_re2_create(const char *pattern, size_t length, int64_t max_mem) {
    try {
        return new tagstream_re2(re2::StringPiece(pattern, length), max_mem);
    } catch (...) {
        return nullptr;
    }
}

void tagstream_re2_destroy(tagstream_re2 *pattern) { delete pattern; }

const char *tagstream_re2_error(const tagstream_re2 *pattern) {
    return pattern->pattern.ok() ? nullptr : pattern->error.c_str();
}

int tagstream_re2_is_too_large(const tagstream_re2 *pattern) {
    return pattern->pattern.ok() ? !pattern->has_room
                                 : pattern->pattern.error_code() == re2::RE2::ErrorPatternTooLarge;
}

int tagstream_re2_size(const tagstream_re2 *pattern) { return pattern->pattern.ProgramSize(); }

int tagstream_re2_search(const tagstream_re2 *pattern, const void *text, size_t length, int32_t *refills) {
    try {
        re2::StringPiece subject(static_cast<const char *>(text), length);
        bool is_warm = pattern->is_warm.load(std::memory_order_relaxed);
        if (!is_warm) pattern->is_warm.store(true, std::memory_order_relaxed);
        if (pattern->size * length <= kFreeSteps) return Match(pattern->pattern, subject) ? 1 : 0;
        // One refill, because others may have filled the cache; a search that fills a whole one by itself is given up.
        int allowed = is_warm && *refills > 0 ? 1 : 0;
        int left = allowed;
        int found = MatchWatched(pattern->pattern, subject, &left);
        *refills -= allowed - left;
        return found;
    } catch (...) {
        return -1;
    }
}

struct tagstream_re2_set {
    re2::RE2::Set set;
    explicit tagstream_re2_set(int64_t max_mem) : set(OptionsFor(max_mem), re2::RE2::UNANCHORED) {}
};

tagstream_re2_set *tagstream_re2_set_create(const tagstream_re2 *const *patterns, size_t count, int64_t max_mem) {
    try {
        auto set = std::make_unique<tagstream_re2_set>(max_mem);
        for (size_t index = 0; index < count; ++index) {
            if (set->set.Add(patterns[index]->pattern.pattern(), nullptr) != static_cast<int>(index)) return nullptr;
        }
        if (!set->set.Compile()) return nullptr;
        // A set whose automaton has no room is known by its first search.
        std::vector<int32_t> found(count);
        return tagstream_re2_set_search(set.get(), "x y", 3, found.data()) < 0 ? nullptr : set.release();
    } catch (...) {
        return nullptr;
    }
}

void tagstream_re2_set_destroy(tagstream_re2_set *set) { delete set; }

ptrdiff_t tagstream_re2_set_search(const tagstream_re2_set *set, const void *text, size_t length, int32_t *found) {
    // Kept, so that a search allocates no list of its own.
    thread_local std::vector<int> matching;
    try {
        re2::StringPiece subject(static_cast<const char *>(text), length);
        Watch allowed{1};
        Scope scope(&allowed);
        re2::RE2::Set::ErrorInfo error;
        // Most texts contain none, and to know that RE2 allocates nothing.
        if (!set->set.Match(subject, nullptr, &error)) {
            return error.kind == re2::RE2::Set::kNoError ? 0 : -1;
        }
        if (!set->set.Match(subject, &matching, &error)) return -1;
        for (size_t index = 0; index < matching.size(); ++index) found[index] = matching[index];
        return static_cast<ptrdiff_t>(matching.size());
    } catch (...) {
        return -1;
    }
}

int tagstream_re2_span(const tagstream_re2 *pattern, const void *text, size_t length, size_t from, size_t *begin, size_t *end) {
    try {
        re2::StringPiece subject(static_cast<const char *>(text), length);
        re2::StringPiece match;
        pattern->is_warm.store(true, std::memory_order_relaxed);
        if (!pattern->pattern.Match(subject, from, length, re2::RE2::UNANCHORED, &match, 1)) return 0;
        *begin = static_cast<size_t>(match.data() - subject.data());
        *end = *begin + match.size();
        return 1;
    } catch (...) {
        return -1;
    }
}

ptrdiff_t tagstream_find(const void *text, size_t length, const void *needle, size_t needle_length) {
    if (needle_length == 0) return 0;
    const char *from = static_cast<const char *>(text);
#ifdef __SSE2__
    // Sixteen places at once: where the needle's first and last byte both stand, the rest is compared. memmem prepares a table for
    // every search, which takes longer than most URLs are. A text that is full of such places is left to it: it is linear.
    const char *wanted = static_cast<const char *>(needle);
    const __m128i first = _mm_set1_epi8(wanted[0]);
    const __m128i last = _mm_set1_epi8(wanted[needle_length - 1]);
    size_t offset = 0;
    int attempts = 8;
    while (attempts > 0 && offset + needle_length + 15 <= length) {
        const __m128i heads = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + offset));
        const __m128i tails = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + offset + needle_length - 1));
        unsigned places = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(heads, first), _mm_cmpeq_epi8(tails, last)));
        for (; places != 0; places &= places - 1) {
            const size_t place = offset + __builtin_ctz(places);
            if (memcmp(from + place, wanted, needle_length) == 0) return static_cast<ptrdiff_t>(place);
            --attempts;
        }
        // The last sixteen places overlap with those before them.
        if (offset + needle_length + 15 == length) return -1;
        offset = offset + needle_length + 31 <= length ? offset + 16 : length - needle_length - 15;
    }
#else
    const size_t offset = 0;
#endif
    const void *found = memmem(from + offset, length - offset, needle, needle_length);
    return found ? static_cast<const char *>(found) - from : -1;
}
