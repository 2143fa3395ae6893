#include <zlib.h>

/* deflateInit2 and inflateInit2 are macros, which Swift does not see. 15 + 16 makes gzip's format of it. */
static inline int daybook_deflate_begin(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
static inline int daybook_inflate_begin(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}
