#include <zlib.h>

/* deflateInit2 and inflateInit2 are macros, which Swift does not see. 15 + 16 makes gzip's format of it, -15 leaves the
   bare stream, as the members of a ZIP archive have it. */
static inline int daybook_deflate_begin(z_stream *stream, int level, int is_bare) {
    return deflateInit2(stream, level, Z_DEFLATED, is_bare ? -15 : 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
static inline int daybook_inflate_begin(z_stream *stream, int is_bare) {
    return inflateInit2(stream, is_bare ? -15 : 15 + 16);
}
