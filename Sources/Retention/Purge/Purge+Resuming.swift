internal import Domain
internal import Postgres

extension Purge {
    /// How an interrupted run is continued.
    public struct Resumption: Sendable {
        /// True takes nothing more: what the run did is certified, whatever became of its archive or key.
        public var endsNow: Bool
        /// The folder of archives that was named; nil for the one that the run began with.
        public var archive: String?
        /// True if it was said that no archive is to be kept.
        public var withoutArchive: Bool

        public init(endsNow: Bool = false, archive: String? = nil, withoutArchive: Bool = false) {
            self.endsNow = endsNow
            self.archive = archive
            self.withoutArchive = withoutArchive
        }
    }

    /// Continues a run that was interrupted; nil if there is none.
    ///
    /// Throws `configuration` where the run's archive is another, not whole, or its key is not the one that was named;
    /// ``StoppedRun`` where it ends before its end.
    public func resume(_ resumption: Resumption = Resumption()) async throws -> Outcome? {
        try await telling { try await goOn(resumption) }
    }

    private func goOn(_ resumption: Resumption) async throws -> Outcome? {
        try await takeLock()
        let files = try await publishCertificates()
        guard let run = try await Uninterrupted.run(connection, PurgeRun.unfinished) else {
            return files.isEmpty ? nil : Self.nothing(files)
        }
        try await note(run)
        // First of all: until then its rows are in no report.
        try await giveBackDetached(run)
        try run.requireArchive(resumption)
        try await Uninterrupted.run(connection) { [settings] session in
            try settings.issuer.requirePlace(session)
        }
        if let folder = run.archive, !resumption.endsNow {
            guard !run.isEncrypted || settings.archive?.key != nil else {
                throw DaybookError.configuration(
                    "Purge \(run.id) encrypts its archive; name the key with ", .choose(.archiveKey).then("."))
            }
            let recorded = try await Uninterrupted.run(connection) { try RunRecord.recordedFiles(run.id, $0) }
            try folder.requireWhole(recorded, key: run.isEncrypted ? settings.archive?.key : nil)
            try folder.make()
            folder.removeUnrecorded(recorded)
        }
        if resumption.endsNow {
            tell(.step("certifying what purge \(run.id) did, and taking nothing more"))
            return try await end(run)
        }
        let isBound = try await Uninterrupted.run(connection) { session in
            try PurgeReach.refuseHiddenRows(session)
            return try run.isBound(session)
        }
        guard isBound else {
            let reason = "the policies changed, or a hold was released, since purge \(run.id) began"
            tell(.step(reason + ": certifying what it did"))
            return try await end(run)
        }
        return try await go(run, plan: nil)
    }

    /// Ends a run where it is.
    private func end(_ run: PurgeRun) async throws -> Outcome {
        if let folder = run.archive {
            try folder.make()
            try await run.forgetUnrecorded(connection)
        }
        return try await finish(run, lines: try await countAll(run))
    }

    /// What is due by the run's cutoffs, and what is held, of all classes now.
    private func countAll(_ run: PurgeRun) async throws -> [PlanLine] {
        var lines: [PlanLine] = []
        let shape = try await Uninterrupted.run(connection) { try DeploymentShape($0) }
        for dataClass in run.terms.classes(shape) { lines += try await count(run, dataClass, shape) }
        return lines
    }
}
