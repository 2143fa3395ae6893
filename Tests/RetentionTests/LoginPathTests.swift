import Testing

@testable import Retention

/// The login's search path while a deployment's triggers run.
@Suite struct LoginPathTests {
    @Test(arguments: [
        (#""$user", public"#, #""$user", public, pg_temp"#),
        (#"public, pg_catalog"#, "public, pg_temp"),
        (#"pg_temp, "pg_catalog", "their, schema", "a ""b""""#, #""their, schema", "a ""b""", pg_temp"#),
        (#""""#, "pg_temp"), ("", "pg_temp"),
    ])
    func `PostgreSQL's own catalogue comes before it and what is temporary behind it`(path: String, guarded: String) {
        #expect(LoginPath(path).guarded == guarded)
    }
}
