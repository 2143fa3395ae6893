import Foundation
public import Postgres

/// Functions and operators that somebody planted in a database, under every name that SQL of ours uses.
///
/// Each has the very types of PostgreSQL's own, and its schema stands before PostgreSQL's own in the path of every
/// login: whatever is looked up by that path is found there first. Whoever calls one fails, and the server's log names
/// it, whatever becomes of the failure.
public enum PlantedNames {
    /// Every word before a parenthesis in the sources: what of them is a function, PostgreSQL knows.
    private static func words() throws -> Set<String> {
        var words: Set<String> = []
        for folder in ["Sources", "reports"] {
            let root = Deployment.root + "/" + folder
            for path in try FileManager.default.subpathsOfDirectory(atPath: root)
            where path.hasSuffix(".sql") || path.hasSuffix(".swift") {
                let text = try String(contentsOfFile: root + "/" + path, encoding: .utf8)
                words.formUnion(text.matches(of: /([a-z_][a-z0-9_]*)\s*\(/).map { String($0.1) })
            }
        }
        return words
    }

    /// Plants them, and gives how many functions and operators there are now.
    public static func plant(in settings: ConnectionSettings) async throws -> (functions: Int, operators: Int) {
        let names = try words().sorted().map { "'\($0)'" }.joined(separator: ",")
        var settings = settings
        settings.nameLookup = .system
        let connection = try await Connection.open(settings)
        let counts = try await connection.transaction { session in
            try session.executeScript(
                """
                CREATE TEMPORARY TABLE planted_name ON COMMIT DROP AS SELECT unnest(ARRAY[\(names)]) AS name;
                \(planting)
                """)
            let row = try session.query(
                """
                SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc = $1)
                    - (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace) AS functions,
                    (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace) AS operators,
                    current_database()::text AS name
                """, [.text(body)])[0]
            try session.executeScript("ALTER DATABASE \(try row.text("name")) SET search_path = public, pg_catalog")
            return (Int(try row.int("functions")), Int(try row.int("operators")))
        }
        await connection.close()
        return counts
    }

    /// What of it was called in a database, as the server's log has it.
    public static func called(in settings: ConnectionSettings) throws -> [String] {
        let path = try TestCluster.shared.folder + "/log"
        let log = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        let mark = "planted in \(settings.options["dbname"] ?? "") was called"
        return log.split(separator: "\n").filter { $0.contains(mark) }.map(String.init)
    }

    private static let body = """
        BEGIN RAISE EXCEPTION 'what was planted in % was called', current_catalog; END
        """

    /// A function of PostgreSQL's that takes or gives any type is planted for each of some; what cannot be planted, such
    /// as one that takes what only C can, is left out.
    private static let planting = """
        DO $planting$
        DECLARE
            v_made record;
            v_kind text;
            v_source text := $body$\(body)$body$;
            v_types text[] := ARRAY['uuid', 'text', 'bigint', 'integer', 'timestamp with time zone', 'boolean', 'jsonb',
                'numeric', 'date', 'bytea', 'oid', 'name', 'double precision', 'regclass'];
        BEGIN
            FOR v_made IN
                SELECT p.proname, p.oid, t.kind, CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END AS many,
                    format_type(p.prorettype, NULL) AS result, coalesce((
                        SELECT string_agg(CASE WHEN p.provariadic <> 0 AND n = p.pronargs THEN 'VARIADIC ' ELSE '' END
                            || format_type(a, NULL), ', ' ORDER BY n)
                        FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (a, n)), '') AS arguments
                FROM pg_proc AS p
                JOIN (SELECT DISTINCT name FROM planted_name) AS w ON w.name = p.proname
                CROSS JOIN LATERAL (
                    SELECT NULL AS kind
                    UNION ALL
                    SELECT k FROM unnest(v_types) AS k
                    WHERE EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) AS a JOIN pg_type ON pg_type.oid = a
                        WHERE typname LIKE 'any%')
                ) AS t
                WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a', 'w')
            LOOP
                IF v_made.kind IS NOT NULL THEN
                    v_made.arguments := replace(v_made.arguments, 'VARIADIC "any"', v_made.kind);
                    FOREACH v_kind IN ARRAY ARRAY['anycompatiblearray', 'anyarray'] LOOP
                        v_made.arguments := replace(v_made.arguments, v_kind, v_made.kind || '[]');
                        v_made.result := replace(v_made.result, v_kind, v_made.kind || '[]');
                    END LOOP;
                    v_made.arguments := regexp_replace(v_made.arguments, '"any"|any[a-z]+', v_made.kind, 'g');
                    v_made.result := regexp_replace(v_made.result, '"any"|any[a-z]+', v_made.kind, 'g');
                END IF;
                BEGIN
                    EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS %L',
                        v_made.proname, v_made.arguments, v_made.many, v_made.result, v_source);
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END LOOP;
            FOR v_made IN
                SELECT DISTINCT o.oprname, format_type(nullif(o.oprleft, 0), NULL) AS lefthand,
                    format_type(o.oprright, NULL) AS righthand, format_type(o.oprresult, NULL) AS result
                FROM pg_operator AS o WHERE o.oprnamespace = 'pg_catalog'::regnamespace
                UNION
                SELECT n, l, r, CASE WHEN n = '||' THEN 'text' ELSE 'boolean' END
                FROM unnest(ARRAY['=', '<>', '<', '>', '<=', '>=', '||']) AS n,
                    unnest(v_types || 'character varying'::text) AS l, unnest(v_types || 'character varying'::text) AS r
            LOOP
                BEGIN
                    EXECUTE format('CREATE FUNCTION public.planted_operator_%s(%s%s) RETURNS %s LANGUAGE plpgsql AS %L',
                        md5(v_made::text), v_made.lefthand || ', ', v_made.righthand, v_made.result, v_source);
                    EXECUTE format('CREATE OPERATOR public.%s (%s RIGHTARG = %s, FUNCTION = public.planted_operator_%s)',
                        v_made.oprname, 'LEFTARG = ' || v_made.lefthand || ', ', v_made.righthand, md5(v_made::text));
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END LOOP;
        END $planting$
        """
}
