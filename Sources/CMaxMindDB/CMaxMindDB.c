#define _GNU_SOURCE
#include "CMaxMindDB.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

struct tagstream_mmdb {
    MMDB_s database;
};

// An anonymous file with these bytes, which nobody can change any more; -1 where it cannot be had.
static int sealed_copy(const void *bytes, size_t length) {
    // Older kernels do not know the flag; some newer ones refuse to do without.
    int file = memfd_create("tagstream-mmdb", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (file < 0 && errno == EINVAL) file = memfd_create("tagstream-mmdb", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = write(file, rest, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            int error = errno;
            close(file);
            errno = error;
            return -1;
        }
        rest += written;
        length -= (size_t)written;
    }
    fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    return file;
}

tagstream_mmdb *tagstream_mmdb_open(const void *bytes, size_t length, const char **reason) {
    *reason = "out of memory";
    tagstream_mmdb *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return NULL;
    int file = sealed_copy(bytes, length);
    if (file < 0) {
        *reason = strerror(errno);
        free(opened);
        return NULL;
    }
    // libmaxminddb opens by name only.
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    int status = MMDB_open(name, MMDB_MODE_MMAP, &opened->database);
    close(file);
    if (status != MMDB_SUCCESS) {
        *reason = MMDB_strerror(status);
        free(opened);
        return NULL;
    }
    *reason = NULL;
    return opened;
}

void tagstream_mmdb_close(tagstream_mmdb *database) {
    MMDB_close(&database->database);
    free(database);
}

int64_t tagstream_mmdb_find(const tagstream_mmdb *database, const uint8_t *address, int is_ipv4) {
    int status = MMDB_SUCCESS;
    MMDB_lookup_result_s found;
    if (is_ipv4) {
        struct sockaddr_in name = {.sin_family = AF_INET};
        memcpy(&name.sin_addr, address + 12, 4);
        found = MMDB_lookup_sockaddr(&database->database, (const struct sockaddr *)&name, &status);
    } else {
        if (database->database.metadata.ip_version == 4) return -1;
        struct sockaddr_in6 name = {.sin6_family = AF_INET6};
        memcpy(&name.sin6_addr, address, 16);
        found = MMDB_lookup_sockaddr(&database->database, (const struct sockaddr *)&name, &status);
    }
    if (status != MMDB_SUCCESS) return -2;
    return found.found_entry ? (int64_t)found.entry.offset : -1;
}

tagstream_mmdb_value tagstream_mmdb_get(const tagstream_mmdb *database, uint32_t record, const char *const *path) {
    tagstream_mmdb_value value = {.kind = TAGSTREAM_MMDB_NOTHING};
    MMDB_entry_s entry = {.mmdb = &database->database, .offset = record};
    MMDB_entry_data_s data;
    if (MMDB_aget_value(&entry, &data, path) != MMDB_SUCCESS || !data.has_data) return value;
    value.kind = TAGSTREAM_MMDB_INTEGER;
    switch (data.type) {
    case MMDB_DATA_TYPE_UTF8_STRING:
        value.kind = TAGSTREAM_MMDB_TEXT;
        value.text = data.utf8_string;
        value.length = data.data_size;
        break;
    case MMDB_DATA_TYPE_DOUBLE:
        value.kind = TAGSTREAM_MMDB_DOUBLE;
        value.number = data.double_value;
        break;
    case MMDB_DATA_TYPE_FLOAT:
        value.kind = TAGSTREAM_MMDB_DOUBLE;
        value.number = data.float_value;
        break;
    case MMDB_DATA_TYPE_UINT16: value.integer = data.uint16; break;
    case MMDB_DATA_TYPE_UINT32: value.integer = data.uint32; break;
    case MMDB_DATA_TYPE_INT32: value.integer = data.int32; break;
    case MMDB_DATA_TYPE_UINT64:
        value.kind = data.uint64 <= INT64_MAX ? TAGSTREAM_MMDB_INTEGER : TAGSTREAM_MMDB_OTHER;
        value.integer = (int64_t)data.uint64;
        break;
    case MMDB_DATA_TYPE_BOOLEAN:
        value.kind = TAGSTREAM_MMDB_BOOLEAN;
        value.integer = data.boolean;
        break;
    default: value.kind = TAGSTREAM_MMDB_OTHER; break;
    }
    return value;
}
