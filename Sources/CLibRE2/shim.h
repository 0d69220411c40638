// RE2 is a C++ library: Swift sees it through CRE2's plain C header. This module only carries pkg-config's flags to the linker.
#ifndef TAGSTREAM_CLIBRE2_H
#define TAGSTREAM_CLIBRE2_H
#endif
