// simdjson is a C++ library: this module only carries pkg-config's flags to the linker; CSimdjsonLimit uses it.
#ifndef TAGSTREAM_CLIBSIMDJSON_H
#define TAGSTREAM_CLIBSIMDJSON_H
#endif
