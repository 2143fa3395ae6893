import Testing

@testable import Schema

/// One text of a query, for a history that is here and for one that is divided by its customers.
@Suite struct DividedSQLTests {
    @Test(arguments: [
        ("ON b.id = t.id /* divided: AND b.user_id = t.user_id */", "ON b.id = t.id  AND b.user_id = t.user_id "),
        ("a AS /* divided: NOT */ MATERIALIZED (", "a AS  NOT  MATERIALIZED ("),
        ("WHERE true\n    OFFSET 0\n) AS s", "WHERE true\n    \n) AS s"),
        // What keeps rows away stays, and so do comments, strings and names.
        ("LIMIT 3 OFFSET 10", "LIMIT 3 OFFSET 10"), ("LIMIT 3 offset  0", "LIMIT 3 "),
        ("SELECT 'OFFSET 0', \"OFFSET\" 0 -- OFFSET 0\n", "SELECT 'OFFSET 0', \"OFFSET\" 0 -- OFFSET 0\n"),
        ("SELECT '/* divided: x */', 1 /* divides: y */", "SELECT '/* divided: x */', 1 /* divides: y */"),
        ("OFFSET :first", "OFFSET :first"), ("OFFSET 0x10", "OFFSET 0x10"),
    ])
    func `what counts where the history is divided`(text: String, divided: String) {
        #expect(DividedSQL.text(text) == divided)
    }
}
