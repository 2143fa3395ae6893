import Domain
public import Postgres

/// Who may move credit and should not: PUBLIC and the application's visitors by any function, table or view, and
/// anybody but the service role by the two functions that freeze and settle.
public struct CreditRights: Sendable, Hashable {
    /// One object, the right to it, who has it, and the statement that takes it away.
    public struct Finding: Sendable, Hashable {
        /// As SQL writes it; a function with its arguments' types.
        public let object: String
        /// `EXECUTE`, or commands with their columns.
        public let right: String
        /// Roles, `PUBLIC` for everybody, in the order of their names.
        public let grantees: [String]
        /// Why that moves credit.
        public let reason: String
        /// The statement that takes it away.
        public let statement: String
        /// What is wrong, and the statement that ends it.
        public let sentence: String
    }

    public let findings: [Finding]

    /// Reads the rights in the session's transaction.
    public init(_ session: Session) throws {
        let paths = try CreditPaths(session)
        let reading = try CreditGrants(session, paths)
        let outsiders = try Outsiders(session)
        let tables = Self.tables(reading, paths, outsiders)
        let writers = Set(tables.flatMap(\.people))
        findings =
            Self.roles(outsiders) + Self.functions(reading, paths, outsiders, writers: writers)
            + tables.map(\.finding) + Self.defaults(reading, outsiders)
    }

    private static let settling = ["freeze_credits_for_batch", "finalize_batch_credits"]

    /// Visitors who need no right.
    private static func roles(_ outsiders: Outsiders) -> [Finding] {
        outsiders.people.filter(\.isSuperuser).map { person in
            let statement = "ALTER ROLE \(person.name) NOSUPERUSER"
            return Finding(
                object: person.name, right: "SUPERUSER", grantees: [person.name], reason: "may do everything",
                statement: statement, sentence: "\(person.name) is a superuser, and may move all credit: \(statement)")
        }
            + outsiders.memberships.filter(\.isAllPowerful).map { membership in
                let statement = "REVOKE \(membership.role) FROM \(membership.member)"
                return Finding(
                    object: membership.role, right: "MEMBER", grantees: [membership.person],
                    reason: "writes every table", statement: statement,
                    sentence: "\(membership.person) is a member of \(membership.role), and may write every table, the "
                        + "credit's too; unless that is meant: \(statement)")
            }
    }

    private static func functions(
        _ reading: CreditGrants, _ paths: CreditPaths, _ outsiders: Outsiders, writers: Set<String>
    ) -> [Finding] {
        paths.routines.flatMap { routine -> [Finding] in
            let isSettling = routine.schema == "public" && settling.contains(routine.name)
            let moving = paths.moving[routine.oid]
            guard isSettling || moving != nil, !routine.isTrigger, routine.schema != "daybook" else { return [] }
            let grants = reading.executions.filter { $0.oid == routine.oid }.filter { grant in
                if isSettling, !grant.stays { return true }
                let people = outsiders.reached(by: grant.grantee, in: routine.schema).filter { !$0.isSuperuser }
                return people.contains { routine.isDefiner || writers.contains($0.name) }
            }
            let how =
                (moving == .may ? "may move credit: what it writes cannot be read from its text" : "moves credit")
                + (routine.isDefiner || isSettling ? "" : ", with its caller's own rights")
            let kind = routine.isProcedure ? "PROCEDURE" : "FUNCTION"
            return Reach.grouped(grants, outsiders, schema: routine.schema).map { reach in
                let statement = reach.statement("ALL", on: kind, routine.signature)
                return Finding(
                    object: routine.signature, right: "EXECUTE", grantees: reach.grantees, reason: how,
                    statement: statement,
                    sentence: "\(reach.subject) may call \(routine.signature), which \(how); unless that is meant: "
                        + statement)
            }
        }
    }

    private static func tables(
        _ reading: CreditGrants, _ paths: CreditPaths, _ outsiders: Outsiders
    ) -> [(finding: Finding, people: [String])] {
        paths.relations.values.filter { $0.name.schema != "daybook" }
            .sorted { ($0.isTable ? 0 : 1, $0.name.description) < ($1.isTable ? 0 : 1, $1.name.description) }
            .flatMap { relation -> [(finding: Finding, people: [String])] in
                let grants = reading.tables.filter { $0.oid == relation.oid }
                return Dictionary(grouping: grants, by: \.grantee).sorted { $0.key < $1.key }.compactMap {
                    grantee, grants in
                    let people = outsiders.reached(by: grantee, in: relation.name.schema).filter { person in
                        !person.isSuperuser
                            && grants.contains { reading.isOpen(relation, $0, to: person, of: outsiders) }
                    }
                    let open = grants.filter { grant in
                        people.contains { reading.isOpen(relation, grant, to: $0, of: outsiders) }
                    }
                    guard !open.isEmpty else { return nil }
                    let reach = Reach(
                        grantees: [grantee], grants: open, people: people,
                        memberships: people.compactMap { outsiders.membership(of: $0, in: grantee) })
                    return (finding(relation, reach, reading, grantee), people.map(\.name))
                }
            }
    }

    private static func finding(
        _ relation: CreditPaths.Relation, _ reach: Reach, _ reading: CreditGrants, _ grantee: String
    ) -> Finding {
        let name = relation.name.description
        let list = Right.list(
            reach.grants.map { Right(grantee, .table, name, $0.privilege, column: $0.column) })
        let reasons = Set(reach.grants.compactMap { $0.command.flatMap { relation.reasons[$0] } })
        let protection =
            reading.policies.contains { $0.oid == relation.oid }
            ? ", within its policies for rows"
            : relation.isTable && !reading.secured.contains(relation.oid) ? ", whose row-level security is off" : ""
        let statement = reach.statement(list, on: "TABLE", name)
        let reason = reasons.isEmpty ? "it holds the credit" : reasons.sorted().joined(separator: ", ")
        return Finding(
            object: name, right: list, grantees: [grantee], reason: reason, statement: statement,
            sentence:
                "\(reach.subject) may \(list) on \(name)\(protection) (\(reason)); unless that is meant: \(statement)"
        )
    }

    /// What is given on tables and functions that are yet to be made, a wallet that is made anew among them.
    private static func defaults(_ reading: CreditGrants, _ outsiders: Outsiders) -> [Finding] {
        let reached = reading.defaults.filter { !outsiders.reached(by: $0.grantee, in: "public").isEmpty }
        let groups = Dictionary(grouping: reached) { [$0.owner, $0.schema ?? "", $0.objects, $0.grantee] }
        return groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.compactMap { _, defaults in
            guard let first = defaults.first else { return nil }
            let people = outsiders.reached(by: first.grantee, in: "public").compactMap {
                outsiders.membership(of: $0, in: first.grantee)
            }
            let list = defaults.map(\.privilege).sorted().joined(separator: ", ")
            let place = first.schema.map { " IN SCHEMA \($0)" } ?? ""
            let what =
                "\(first.objects.lowercased()) that \(first.owner) makes" + (first.schema.map { " in \($0)" } ?? "")
            let statement =
                "ALTER DEFAULT PRIVILEGES FOR ROLE \(first.owner)\(place) REVOKE \(list) ON \(first.objects) FROM "
                + first.grantee
            let reach = Reach(grantees: [first.grantee], grants: [], people: [], memberships: people)
            return Finding(
                object: what, right: list, grantees: [first.grantee], reason: "credit's own may be among them",
                statement: statement,
                sentence:
                    "\(reach.subject) will have \(list) on \(what), on those of the credit too; unless that is meant: "
                    + statement)
        }
    }
}

/// By whom a right is reached, and how it is taken away.
private struct Reach {
    let grantees: [String]
    let grants: [CreditGrants.Grant]
    let people: [Outsiders.Person]
    let memberships: [Outsiders.Membership]

    /// Roles that a function is given to: those that keep the right, and lose a visitor, stand alone.
    static func grouped(_ grants: [CreditGrants.Grant], _ outsiders: Outsiders, schema: String) -> [Reach] {
        let byKind = Dictionary(grouping: grants) { $0.stays ? $0.grantee : "" }
        return byKind.sorted { $0.key < $1.key }.map { _, grants in
            let people = Set(grants.flatMap { outsiders.reached(by: $0.grantee, in: schema) })
            let memberships = people.flatMap { person in
                grants.compactMap { outsiders.membership(of: person, in: $0.grantee) }
            }
            return Reach(
                grantees: Set(grants.map(\.grantee)).sorted(), grants: grants,
                people: people.sorted { $0.name < $1.name },
                memberships: memberships.sorted { ($0.role, $0.person) < ($1.role, $1.person) })
        }
    }

    /// The roles, and who works as them.
    var subject: String {
        grantees.map { grantee in
            let members = memberships.filter { $0.role == grantee }.map(\.person)
            guard !members.isEmpty else { return grantee }
            let verb = members.count == 1 ? "is a member" : "are members"
            return "\(grantee) (\(members.joined(separator: " and ")) \(verb))"
        }.joined(separator: ", ")
    }

    /// A right of a role's own is revoked. An owner and the service role keep theirs: there the membership goes.
    func statement(_ rights: String, on kind: String, _ object: String) -> String {
        if grants.contains(where: \.stays) {
            let ends = Set(memberships.map { "REVOKE \($0.role) FROM \($0.member)" }).sorted()
            return ends.isEmpty ? "ALTER \(kind) \(object) OWNER TO CURRENT_USER" : ends.joined(separator: "; ")
        }
        // What was given on goes with it.
        return "REVOKE \(rights) ON \(kind) \(object) FROM \(grantees.joined(separator: ", "))"
            + (grants.contains(where: \.isGrantable) ? " CASCADE" : "")
    }
}
