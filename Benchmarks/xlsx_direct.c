/* The drill-down written straight through libxlsxwriter: what the report's workbook is measured against.
 *
 * cc -O2 xlsx_direct.c -o xlsx_direct -lxlsxwriter
 * ./xlsx_direct tasks.csv out.xlsx TEMPORARY-DIRECTORY
 *
 * Reads the tasks.csv of a report row by row while it writes, and makes the sheet Tasks of it: the same cells, formats and column widths,
 * one row in memory at a time. A field with quotes is refused: the benchmark's data have none. "-" reads standard input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xlsxwriter.h>

enum { COLUMNS = 13, BATCH_INDEX = 4, FIRST_INSTANT = 5, LAST_INSTANT = 7, SECONDS = 8 };

static const double widths[COLUMNS] = {38, 18, 11, 38, 9, 25, 25, 25, 11, 11, 13, 14, 15};

static void fail(const char *reason) {
    fprintf(stderr, "xlsx_direct: %s\n", reason);
    exit(1);
}

static void check(lxw_error error) {
    if (error != LXW_NO_ERROR) fail(lxw_strerror(error));
}

/* Cuts a line of CSV into its fields, in place. */
static void split(char *line, size_t length, char *fields[COLUMNS]) {
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = 0;
    if (memchr(line, '"', length)) fail("a field with quotes");
    for (int column = 0; column < COLUMNS; column++) {
        if (!line) fail("a line with too few fields");
        fields[column] = line;
        char *comma = strchr(line, ',');
        if (comma) *comma++ = 0;
        line = comma;
    }
    if (line) fail("a line with too many fields");
}

static int digits(const char *text, int count) {
    int value = 0;
    while (count-- > 0) {
        if (*text < '0' || *text > '9') fail("an instant of another form");
        value = value * 10 + (*text++ - '0');
    }
    return value;
}

/* 2026-10-12T10:19:50.511549+00:00, or as PostgreSQL writes it, 2026-10-12 10:19:50.51+00, in days since the last of
 * 1899, in whole milliseconds. */
static double serial(const char *text) {
    if (strlen(text) < 22) fail("an instant of another form");
    int year = digits(text, 4), month = digits(text + 5, 2);
    long day = digits(text + 8, 2);
    /* Years that begin in March, so that the leap day is the last. */
    if (month < 3) { year--; month += 12; }
    day += 365L * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 - 693900;
    long second = digits(text + 11, 2) * 3600L + digits(text + 14, 2) * 60L + digits(text + 17, 2);
    long millisecond = 0;
    const char *offset = text + 19;
    if (*offset == '.') {
        int places = 0;
        for (offset++; *offset >= '0' && *offset <= '9'; offset++) {
            if (places++ < 3) millisecond = millisecond * 10 + (*offset - '0');
        }
        for (; places < 3; places++) millisecond *= 10;
    }
    if (strcmp(offset, "+00") != 0 && strcmp(offset, "+00:00") != 0) fail("an instant of another form");
    return (double)(day * 86400000L + second * 1000L + millisecond) / 86400000.0;
}

/* One format for each kind of column: the library compares a format that equals another one anew for every cell. */
typedef struct { lxw_format *text, *instant, *integer, *seconds; } formats_by_kind;

static lxw_format *make_format(lxw_workbook *book, uint8_t alignment, uint8_t indent, const char *number_format) {
    lxw_format *format = workbook_add_format(book);
    if (!format) fail("no format can be made");
    if (number_format) format_set_num_format(format, number_format);
    format_set_align(format, alignment);
    format_set_align(format, LXW_ALIGN_VERTICAL_TOP);
    if (indent) format_set_indent(format, indent);
    return format;
}

static lxw_format *format_of(const formats_by_kind *formats, int column) {
    if (column == BATCH_INDEX) return formats->integer;
    if (column == SECONDS) return formats->seconds;
    return column >= FIRST_INSTANT && column <= LAST_INSTANT ? formats->instant : formats->text;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: xlsx_direct TASKS-CSV FILE TEMPORARY-DIRECTORY\n");
        return 64;
    }
    FILE *input = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
    if (!input) fail("the tasks cannot be read");
    setvbuf(input, NULL, _IOFBF, 1 << 18);

    lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = argv[3]};
    lxw_workbook *book = workbook_new_opt(argv[2], &options);
    if (!book) fail("no workbook can be made");
    lxw_worksheet *sheet = workbook_add_worksheet(book, "Tasks");
    if (!sheet) fail("no sheet can be made");
    const formats_by_kind by_kind = {
        .text = make_format(book, LXW_ALIGN_LEFT, 0, NULL), .instant = make_format(book, LXW_ALIGN_LEFT, 1, "yyyy\\-mm\\-dd hh:mm:ss.000"),
        .integer = make_format(book, LXW_ALIGN_RIGHT, 0, "#,##0"), .seconds = make_format(book, LXW_ALIGN_RIGHT, 0, "#,##0.000"),
    };
    lxw_format *formats[COLUMNS];
    for (int column = 0; column < COLUMNS; column++) {
        formats[column] = format_of(&by_kind, column);
        check(worksheet_set_column(sheet, column, column, widths[column], NULL));
    }
    worksheet_freeze_panes(sheet, 1, 1);

    char *line = NULL, *fields[COLUMNS];
    size_t capacity = 0;
    ssize_t length;
    lxw_row_t row = 0;
    while ((length = getline(&line, &capacity, input)) > 0) {
        split(line, (size_t)length, fields);
        for (int column = 0; column < COLUMNS; column++) {
            if (!*fields[column]) continue;
            if (row > 0 && (column == BATCH_INDEX || column == SECONDS)) {
                check(worksheet_write_number(sheet, row, column, strtod(fields[column], NULL), formats[column]));
            } else if (row > 0 && column >= FIRST_INSTANT && column <= LAST_INSTANT) {
                check(worksheet_write_number(sheet, row, column, serial(fields[column]), formats[column]));
            } else {
                check(worksheet_write_string(sheet, row, column, fields[column], formats[column]));
            }
        }
        row++;
    }
    if (ferror(input) || row == 0) fail("the tasks cannot be read");
    check(worksheet_autofilter(sheet, 0, 0, row > 1 ? row - 1 : 1, COLUMNS - 1));
    check(workbook_close(book));
    return 0;
}
