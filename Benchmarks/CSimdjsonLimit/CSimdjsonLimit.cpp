#include "CSimdjsonLimit.h"

#include <simdjson.h>

#include <cstring>
#include <vector>

using namespace simdjson;

namespace {
// Touches a value as a consumer would: text decoded, everything else by its range.
size_t touch(ondemand::value value) {
    switch (value.type().value()) {
        case ondemand::json_type::string: return value.get_string().value().size();
        case ondemand::json_type::object: return value.get_object().value().raw_json().value().size();
        case ondemand::json_type::array: return value.get_array().value().raw_json().value().size();
        default: return value.raw_json_token().size();
    }
}
}  // namespace

extern "C" int64_t tagstream_limit(
    const char *record, size_t length, size_t capacity, char *row, const char *row_source, size_t row_length) {
    static thread_local ondemand::parser outer_parser, inner_parser;
    static thread_local std::vector<char> inner(1 << 21);
    static thread_local size_t sink = 0;
    int64_t properties = 0;
    try {
        auto document = outer_parser.iterate(record, length, capacity);
        for (auto field : document.get_object()) {
            std::string_view key = field.unescaped_key();
            if (key != "data") {
                sink += touch(field.value());
                continue;
            }
            std::string_view data = field.value().get_string();
            std::memcpy(inner.data(), data.data(), data.size());
            auto event = inner_parser.iterate(inner.data(), data.size(), inner.size());
            for (auto part : event.get_object()) {
                std::string_view name = part.unescaped_key();
                if (name != "properties") {
                    sink += touch(part.value());
                    continue;
                }
                for (auto property : part.value().get_object()) {
                    sink += std::string_view(property.unescaped_key()).size();
                    sink += touch(property.value());
                    ++properties;
                }
            }
        }
    } catch (const simdjson_error &) {
        return -1;
    }
    std::memcpy(row, row_source, row_length);
    return properties;
}
