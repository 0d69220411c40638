#include "CRE2Rules.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

// Shorter literals are in nearly every text, so they tell nothing.
constexpr int kShortestLiteral = 3;
constexpr int kGroups = 10;

// Finds which of some literals occur in a text, in one pass: the automaton of Aho and Corasick with all its transitions written out.
// Bytes that no literal has are one class, so a row has as many columns as there are different bytes and one.
class Literals {
  public:
    void Build(const std::vector<std::string> &literals) {
        std::fill(std::begin(class_of_), std::end(class_of_), 0);
        classes_ = 1;
        for (const std::string &literal : literals) {
            for (unsigned char byte : literal) {
                if (class_of_[byte] == 0) class_of_[byte] = static_cast<uint8_t>(classes_++);
            }
        }
        // The text is searched in lower case, as FilteredRE2 gives its literals.
        for (int byte = 'A'; byte <= 'Z'; ++byte) class_of_[byte] = class_of_[byte + 32];
        AddState();
        for (size_t index = 0; index < literals.size(); ++index) {
            uint32_t state = 0;
            for (unsigned char byte : literals[index]) {
                uint32_t next = At(state, class_of_[byte]);
                if (next == 0) {
                    next = AddState();
                    At(state, class_of_[byte]) = next;
                }
                state = next;
            }
            found_[state] = static_cast<int>(index);
        }
        Link();
    }

    // Appends the literals of the text, each once.
    void Find(const unsigned char *text, size_t length, std::vector<bool> &seen, std::vector<int> &found) const {
        uint32_t state = 0;
        for (size_t offset = 0; offset < length; ++offset) {
            state = next_[state * classes_ + class_of_[text[offset]]];
            for (uint32_t at = found_[state] >= 0 ? state : shorter_[state]; at != 0; at = shorter_[at]) {
                if (seen[found_[at]]) continue;
                seen[found_[at]] = true;
                found.push_back(found_[at]);
            }
        }
    }

  private:
    uint32_t AddState() {
        next_.resize(next_.size() + classes_, 0);
        found_.push_back(-1);
        shorter_.push_back(0);
        return static_cast<uint32_t>(found_.size() - 1);
    }

    uint32_t &At(uint32_t state, int byte_class) { return next_[state * classes_ + byte_class]; }

    // Breadth first: where a literal cannot go on, goes on with the longest end of what was read that begins one.
    void Link() {
        std::vector<uint32_t> fails(found_.size(), 0);
        std::vector<uint32_t> queue;
        for (int c = 0; c < classes_; ++c) {
            if (At(0, c) != 0) queue.push_back(At(0, c));
        }
        for (size_t index = 0; index < queue.size(); ++index) {
            uint32_t state = queue[index];
            uint32_t fail = fails[state];
            shorter_[state] = found_[fail] >= 0 ? fail : shorter_[fail];
            for (int c = 0; c < classes_; ++c) {
                uint32_t next = At(state, c);
                if (next == 0) {
                    At(state, c) = At(fail, c);
                } else {
                    fails[next] = At(fail, c);
                    queue.push_back(next);
                }
            }
        }
    }

    uint8_t class_of_[256];
    int classes_ = 1;
    std::vector<uint32_t> next_;
    // The literal that ends at a state, or -1.
    std::vector<int> found_;
    // The next shorter end of what was read at which a literal ends; 0 where there is none.
    std::vector<uint32_t> shorter_;
};

}  // namespace

struct tagstream_rules {
    re2::FilteredRE2 patterns{kShortestLiteral};
    Literals literals;
    size_t literal_count = 0;
    std::string error;
    int unfiltered = 0;
    int largest = 0;
};

tagstream_rules *tagstream_rules_create(void) {
    try {
        return new tagstream_rules();
    } catch (...) {
        return nullptr;
    }
}

void tagstream_rules_destroy(tagstream_rules *rules) { delete rules; }

const char *tagstream_rules_add(tagstream_rules *rules, const char *pattern, size_t length, int ignores_case, int64_t max_mem) {
    try {
        re2::RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(max_mem);
        options.set_case_sensitive(!ignores_case);
        re2::StringPiece text(pattern, length);
        int id;
        if (rules->patterns.Add(text, options, &id) != re2::RE2::NoError) {
            // FilteredRE2 keeps the code only; the words come from a second try.
            rules->error = re2::RE2(text, options).error();
            return rules->error.c_str();
        }
        const re2::RE2 &added = rules->patterns.GetRE2(id);
        if (added.NumberOfCapturingGroups() >= kGroups) return "it has more than nine groups";
        rules->largest = std::max(rules->largest, added.ProgramSize());
        return nullptr;
    } catch (...) {
        return "out of memory";
    }
}

int tagstream_rules_compile(tagstream_rules *rules) {
    try {
        std::vector<std::string> literals;
        rules->patterns.Compile(&literals);
        rules->literal_count = literals.size();
        rules->literals.Build(literals);
        std::vector<int> always;
        if (rules->patterns.NumRegexps() > 0) rules->patterns.AllPotentials({}, &always);
        rules->unfiltered = static_cast<int>(always.size());
        return 0;
    } catch (...) {
        return -1;
    }
}

int tagstream_rules_first(const tagstream_rules *rules, const void *text, size_t length, tagstream_group *groups) {
    try {
        if (rules->patterns.NumRegexps() == 0) return -1;
        std::vector<bool> seen(rules->literal_count, false);
        std::vector<int> found;
        rules->literals.Find(static_cast<const unsigned char *>(text), length, seen, found);
        std::vector<int> candidates;
        rules->patterns.AllPotentials(found, &candidates);
        re2::StringPiece subject(static_cast<const char *>(text), length);
        re2::StringPiece matched[kGroups];
        for (int candidate : candidates) {
            const re2::RE2 &pattern = rules->patterns.GetRE2(candidate);
            int count = pattern.NumberOfCapturingGroups() + 1;
            if (!pattern.Match(subject, 0, length, re2::RE2::UNANCHORED, matched, count)) continue;
            for (int index = 0; index < kGroups; ++index) {
                bool is_there = index < count && matched[index].data() != nullptr;
                groups[index].offset = is_there ? static_cast<int32_t>(matched[index].data() - subject.data()) : -1;
                groups[index].length = is_there ? static_cast<int32_t>(matched[index].size()) : 0;
            }
            return candidate;
        }
        return -1;
    } catch (...) {
        return -1;
    }
}

int tagstream_rules_unfiltered(const tagstream_rules *rules) { return rules->unfiltered; }

int tagstream_rules_largest(const tagstream_rules *rules) { return rules->largest; }
