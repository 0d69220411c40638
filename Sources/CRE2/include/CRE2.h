#ifndef TAGSTREAM_CRE2_H
#define TAGSTREAM_CRE2_H
// RE2 for Swift: see CRE2.cpp.
#endif
