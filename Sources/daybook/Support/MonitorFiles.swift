import ArgumentParser
import Console
import Domain
import Formats
import Postgres
import Schema

/// What a file of probes was exported from.
enum ProbeSource: String, ExpressibleByArgument, CaseIterable {
    case csv
    case prometheus
    case uptimeKuma = "uptime-kuma"
    case gatus
}

/// What a file of windows or of outages was exported from.
enum PageSource: String, ExpressibleByArgument, CaseIterable {
    case csv
    case statuspage
}

/// A name of a monitor or of a status page, and the name of ours for it.
struct NamedTarget {
    let theirs: String
    let ours: String

    /// Reads `NAME=TARGET`, as an option's value.
    @Sendable static func parse(_ text: String) throws -> NamedTarget {
        // Addresses have = in them, targets have not.
        guard let sign = text.lastIndex(of: "="), sign != text.startIndex else {
            throw ValidationError("\"\(text)\" is not a name and ours for it, such as 'Video API=batch-api'.")
        }
        let ours = String(text[text.index(after: sign)...])
        guard !ours.isEmpty, ours.count <= Limits.windowTargetLength else {
            throw ValidationError(
                "\"\(text)\" names no target of 1 to \(Limits.windowTargetLength) characters after its =.")
        }
        return NamedTarget(theirs: String(text[..<sign]), ours: ours)
    }
}

/// Exports of monitors and status pages as rows to import.
enum MonitorFiles {
    /// The rows of an export of probes, in the order of the table's columns, and what to know of them.
    ///
    /// Throws `badData` naming the file and the place of what is wrong with it.
    static func probes(
        _ path: String, _ source: ProbeSource, label: String, names: [NamedTarget], now: Instant
    ) throws -> (source: ImportSource, warnings: [String]) {
        let file = ImportFile(path: path)
        return try refusing(path) {
            var export = try read(file, source, label: label)
            try export.requirePast(now)
            try export.rename(Dictionary(uniqueKeysWithValues: names.map { ($0.theirs, $0.ours) }))
            let rows: [[String?]] = export.rows.map {
                [
                    $0.target, $0.probedAt.description, $0.isUp ? "true" : "false",
                    $0.latencyMilliseconds.map(String.init),
                ]
            }
            return (.rows(rows, path: path), export.warnings)
        }
    }

    private static func read(
        _ file: ImportFile, _ source: ProbeSource, label: String
    ) throws -> MonitorExport<ProbeReading> {
        switch source {
        case .csv: preconditionFailure("A CSV file of ours is imported row by row.")
        case .prometheus: return try PrometheusExport.read(try file.document(), label: label)
        case .gatus: return try GatusExport.read(try file.document())
        case .uptimeKuma:
            var reader = KumaExport()
            try file.records { try reader.read($0) }
            return try reader.finish()
        }
    }

    /// The windows of a status page, each of the targets that stand for its components; of every target where
    /// `isForAll`.
    static func maintenance(
        _ path: String, names: [NamedTarget], isForAll: Bool
    ) throws -> (source: ImportSource, warnings: [String]) {
        try refusing(path) {
            let export = try StatuspageExport.maintenance(try ImportFile(path: path).document())
            let components = Set(export.rows.flatMap(\.components)).inNaturalOrder(of: \.self)
            guard isForAll || !names.isEmpty else {
                throw MonitorDefect(
                    "its windows are of components, and only those of ours may exclude minutes: say which by --target, "
                        + "as in --target '\(components.first ?? "API")=batch-api', or --all-targets; it has "
                        + (components.isEmpty ? "none" : components.joined(separator: ", ")))
            }
            try require(names, among: components)
            var warnings = export.warnings
            var rows: [[String?]] = []
            for window in export.rows {
                let targets =
                    isForAll ? [""] : names.filter { window.components.contains($0.theirs) }.map(\.ours)
                if targets.isEmpty {
                    warnings.append(
                        "\(window.reason) of \(window.startsAt) was left out: no --target names a component of it.")
                }
                try requireRemark(window.reason)
                for target in targets {
                    rows.append([
                        window.startsAt.description, window.endsAt.description, window.announcedAt.description,
                        window.reason, target,
                    ])
                }
            }
            return (.rows(rows, path: path), warnings)
        }
    }

    /// The incidents of a provider's status page as outages of a model, those of some components where there are any.
    static func outages(
        _ path: String, model: String, components: [String]
    ) throws -> (source: ImportSource, warnings: [String]) {
        try refusing(path) {
            let export = try StatuspageExport.incidents(try ImportFile(path: path).document())
            let known = Set(export.rows.flatMap(\.components)).inNaturalOrder(of: \.self)
            if let unknown = components.first(where: { !known.contains($0) }) {
                throw MonitorDefect(
                    "no incident of it is of \(unknown); there are those of \(known.joined(separator: ", "))")
            }
            let chosen = export.rows.filter {
                components.isEmpty || !Set($0.components).isDisjoint(with: components)
            }
            let left = export.rows.count - chosen.count
            let rows: [[String?]] = try chosen.map {
                try requireRemark($0.evidence)
                return [model, $0.startsAt.description, $0.endsAt.description, $0.evidence]
            }
            return (
                .rows(rows, path: path),
                export.warnings + (left > 0 ? ["\(left) incidents of other components were left out."] : [])
            )
        }
    }

    private static func require(_ names: [NamedTarget], among components: [String]) throws(MonitorDefect) {
        if let unknown = names.first(where: { !components.contains($0.theirs) }) {
            throw MonitorDefect(
                "no window of it is of \(unknown.theirs); there are those of \(components.joined(separator: ", "))")
        }
    }

    private static func requireRemark(_ text: String) throws(MonitorDefect) {
        if text.count > Limits.remarkLength {
            throw MonitorDefect("\"\(text.prefix(40))…\" is longer than \(Limits.remarkLength) characters")
        }
    }

    private static func refusing<Result>(_ path: String, _ read: () throws -> Result) throws -> Result {
        do {
            return try read()
        } catch let defect as MonitorDefect {
            throw DaybookError.badData("\(path): \(defect.sentence). Nothing was imported.")
        }
    }
}
