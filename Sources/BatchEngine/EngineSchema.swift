import Domain
public import Postgres

/// Whether a database has the engine.
public enum EngineSchema {
    /// Throws `configuration` where the engine's part of the schema is missing.
    public static func require(_ session: Session) throws {
        let rows = try session.query("SELECT to_regclass('daybook.model_gate') IS NOT NULL AS exists")
        guard try rows[0].bool("exists") else {
            throw DaybookError.configuration(
                "This database has no batch engine; run: daybook database migrate (on a deployment with --engine)")
        }
    }
}
