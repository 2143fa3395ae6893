internal import Domain
internal import Postgres
internal import Schema

/// What the purging role may do to every table that it will name, asked before the first row is gone.
enum PurgeRights {
    /// Throws `configuration` naming the first table or column on which a right is missing, as after the application
    /// made another partition or column.
    static func require(_ shape: DeploymentShape, _ session: Session) throws {
        for dataClass in shape.classes {
            let columns: [String] =
                switch dataClass {
                case .taskContent: shape.redaction.names
                case .apiUsage: shape.usage.names
                case .accessLog, .probes: []
                }
            for relation in try TableName.leaves(of: DeploymentShape.table(dataClass).fullName, session) {
                let rows = try session.query(
                    missing,
                    [.text(TableName.quoted(relation, session)), .bool(dataClass.action == .redact), .texts(columns)])
                guard let row = rows.first else { continue }
                throw DaybookError.configuration(
                    "The role \(try row.text("role")) may not \(try row.text("right")) on \(relation), so nothing was "
                        + "purged. Grant it that, or run again: daybook database roles")
            }
        }
    }

    private static let missing = """
        SELECT current_user::text AS role, needed.name AS right FROM (
            SELECT 'SELECT' AS name, has_table_privilege($1, 'SELECT') AS held
            UNION ALL SELECT 'DELETE', $2 OR has_table_privilege($1, 'DELETE')
            UNION ALL SELECT 'UPDATE (' || c.name || ')', NOT $2 OR has_column_privilege($1, c.name, 'UPDATE')
            FROM unnest($3::text[]) AS c (name)
            WHERE EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = to_regclass($1) AND a.attname = c.name AND NOT a.attisdropped)
        ) AS needed WHERE NOT needed.held LIMIT 1
        """
}
