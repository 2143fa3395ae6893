internal import Domain
internal import Foundation
internal import Postgres
internal import Schema

extension Purge {
    /// Takes class after class, then certifies.
    ///
    /// `plan` is what was just counted; a resumed run counts again.
    func go(_ run: PurgeRun, plan: RetentionPlan?) async throws -> Outcome {
        let planned = plan?.dueRows ?? 0
        // Read once: what the run does is bound to the tables as they were when it began.
        let shape = try await Uninterrupted.run(connection) { session in
            let shape = try DeploymentShape(session)
            // Again: an application may have got other tables since the plan, or since an interruption.
            try shape.requirePurgeable(session)
            try PurgeReach.requireRights(shape, session)
            try PurgeReach.refuseCascades(shape, session)
            let months = try WholePartitions.find(session, shape, run.terms).map(\.name)
            let due = plan.map { Set($0.lines.filter { $0.dueRows > 0 }.map(\.dataClass)) }
            try Obstacles.refuse(
                Obstacles.find(shape, months: months, session), due: due ?? Set(run.terms.classes(shape)),
                months: months)
            return shape
        }
        // Before anything touches a task: what a settlement is taken to be does not move with it.
        try await Uninterrupted.transaction(connection) { try SettlementCapture.run($0, catalog: Catalog($0)) }
        var taken = try await Uninterrupted.run(connection) { try RunRecord.takenRows(run.id, $0) }
        var lines: [PlanLine] = []
        for dataClass in run.terms.classes(shape) {
            try await dropWholePartitions(run, dataClass, shape)
            var left = plan?.lines.filter { $0.dataClass == dataClass }
            for pass in 0...Limits.purgePasses {
                // The plan was counted a moment ago; after each pass the table is asked again.
                let counted = if pass == 0, let left { left } else { try await count(run, dataClass, shape) }
                left = counted
                if pass == Limits.purgePasses || counted.allSatisfy({ $0.dueRows == 0 }) { break }
                try await Uninterrupted.changing(connection) { session in
                    let isFirst = try pass == 0 && !hasSwept(run, dataClass, session)
                    let isOpen = try !RunRecord.sweeps(run.id, dataClass, .sweeping, session).isEmpty
                    try RunRecord.beginSweeps(run.id, dataClass, again: !isFirst && !isOpen, session)
                }
                let ending = try await sweep(run, dataClass, shape, taken: taken, planned: planned)
                taken = ending.takenRows
                if ending.wasStopped { throw CancellationError() }
            }
            lines += left ?? []
        }
        return try await finish(run, lines: lines)
    }

    private func hasSwept(_ run: PurgeRun, _ dataClass: DataClass, _ session: Session) throws -> Bool {
        try !RunRecord.sweeps(run.id, dataClass, .done, session).isEmpty
    }

    /// What is due by the run's cutoffs, and what is held, now.
    private func count(_ run: PurgeRun, _ dataClass: DataClass, _ shape: DeploymentShape) async throws -> [PlanLine] {
        try await Uninterrupted.transaction(connection, TransactionOptions()) { session in
            let rests = try PlanReader.prepareCounting(session, rests: settings.pauses.rests)
            return try PlanReader.lines(ClassQuery(dataClass, shape), run.terms, rests, session)
        }
    }

    /// The same of all classes.
    func countAll(_ run: PurgeRun) async throws -> [PlanLine] {
        var lines: [PlanLine] = []
        let shape = try await Uninterrupted.run(connection) { try DeploymentShape($0) }
        for dataClass in run.terms.classes(shape) { lines += try await count(run, dataClass, shape) }
        return lines
    }

    private func sweep(
        _ run: PurgeRun, _ dataClass: DataClass, _ shape: DeploymentShape, taken: Int64, planned: Int64
    ) async throws -> TableSweep.Ending {
        var ending = TableSweep.Ending(takenRows: taken, wasStopped: false)
        let (relations, statement) = try await Uninterrupted.run(connection) { session in
            (
                try RunRecord.sweeps(run.id, dataClass, .sweeping, session),
                try SweepStatement(dataClass, shape, run.terms, session)
            )
        }
        for relation in relations {
            let step = SweepStep(
                run: run, statement: statement, dataClass: dataClass, relation: relation, key: key(run))
            let sweep = TableSweep(
                step: step, connection: connection, journal: journal, tell: tell, plannedRows: planned,
                pauses: settings.pauses)
            ending = try await sweep.run(takenBefore: ending.takenRows)
            if ending.wasStopped { return ending }
        }
        return ending
    }

    /// The key of the run's archive: nil for one that was begun without, whatever key was named now.
    func key(_ run: PurgeRun) -> [UInt8]? { run.isEncrypted ? settings.archive?.key : nil }

    /// Writes the manifest, certifies in one transaction, and puts the certificate where it belongs.
    ///
    /// - Parameter lines: What was counted after the last pass over each class.
    func finish(_ run: PurgeRun, lines: [PlanLine]) async throws -> Outcome {
        let manifest = try await Uninterrupted.run(connection) { try ArchiveManifest(run, $0) }
        let owed = try await owed(run)
        let digest = try run.archive.map { try manifest.write(to: $0) }
        let (certificate, taken) = try await Uninterrupted.changing(connection, TransactionOptions()) { session in
            (
                try certify(run, lines: lines, owed: owed, manifestDigest: digest, session),
                try RunRecord.takenRows(run.id, session)
            )
        }
        journal.certify(certificate.sequence)
        let files = try await publishCertificates()
        try settings.issuer.requireThere(
            [certificate], of: "Purge \(run.id) is done", advice: "make room there.")
        return Outcome(
            run: run.id, takenRows: taken, remainingRows: lines.reduce(0) { $0 + $1.dueRows },
            certificate: (certificate.sequence, certificate.sha256),
            files: files, owed: owed)
    }

    /// Ends the run and certifies it, in the transaction that settles what it pays of earlier debts.
    private func certify(
        _ run: PurgeRun, lines: [PlanLine], owed: [OwedRows], manifestDigest: String?, _ session: Session
    ) throws -> CertificateIssuer.Issued {
        try RetentionSession.prepare(session)
        try RunRecord.finish(run.id, manifestDigest: manifestDigest, session)
        try OwedRows.settle(run.id, session)
        let erased = try Certificate.Erased(run: run.id, owed: owed, session)
        return try settings.issuer.issue(
            .init(kind: erased == nil ? .purge : .erasure, run: run.id, lines: lines, erased: erased), session)
    }

    /// What an erasure leaves.
    private func owed(_ run: PurgeRun) async throws -> [OwedRows] {
        guard let erasure = run.terms.erasure else { return [] }
        return try await Uninterrupted.transaction(connection, TransactionOptions()) { session in
            try PlanReader.prepareCounting(session, rests: settings.pauses.rests)
            return try OwedRows.count([erasure], try DeploymentShape(session), session)[erasure.run, default: []]
        }
    }
}
