// The whole C API of librdkafka as Debian's librdkafka-dev installs it; found through pkg-config "rdkafka".
#ifndef TAGSTREAM_CLIBRDKAFKA_H
#define TAGSTREAM_CLIBRDKAFKA_H
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#endif
