import Domain

/// The statement of a closed month, as it was kept: what was sent stays what it was.
struct KeptStatement {
    let subject: StatementAccount
    let files: [(name: String, content: [UInt8])]

    /// Puts the files of some formats into the staging folder. The CSV files and the manifest always belong to them.
    func write(baseName: String, staging: StagingFolder, formats: Set<ReportFormat>) throws -> Outputs {
        let outputs = try Outputs(staging: staging, baseName: baseName, formats: formats)
        for (name, content) in files {
            if let own = Self.name(name, below: baseName) {
                if own == "manifest.json" {
                    let sink = try outputs.sink(own)
                    try sink.write(content)
                    _ = try sink.finish()
                } else {
                    try outputs.write(content, to: own)
                }
            } else if let format = ReportFormat(rawValue: String(name.split(separator: ".").last ?? "")),
                formats.contains(format)
            {
                try outputs.writeBeside(content, extension: format.rawValue)
            }
        }
        return outputs
    }

    /// What the statement came to, from its own files.
    func outcome(email: String) throws -> StatementReport.Outcome {
        var summary = StatementSummary()
        for record in try records("summary.csv") {
            guard record.count == 2, let line = StatementLine(rawValue: record[0]) else { continue }
            summary.set(line, Int64(record[1]))
        }
        return StatementReport.Outcome(
            account: subject.account, summary: summary, entries: try records("entries.csv").count, email: email,
            isFinal: subject.isFinal, isClosed: true)
    }

    func manifest() throws -> StatementManifest {
        guard let content = files.first(where: { $0.name.hasSuffix("/manifest.json") })?.content else {
            throw DaybookError.badData("The closed month of \(subject.account.slug) has kept no manifest.")
        }
        return try StatementManifest(json: content)
    }

    /// The records of a CSV file below its header.
    func records(_ name: String) throws -> [[String]] {
        guard let content = files.first(where: { $0.name.hasSuffix("/" + name) })?.content else { return [] }
        return try CSVFile.records(content)
    }

    private static func name(_ name: String, below folder: String) -> String? {
        name.hasPrefix(folder + "/") ? String(name.dropFirst(folder.utf8.count + 1)) : nil
    }
}
