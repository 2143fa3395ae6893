public import Formats

/// The answers of Atlassian Statuspage: `scheduled-maintenances.json` and `incidents.json`.
public enum StatuspageExport {
    /// What one answer has at most: the newest.
    private static let mostListed = 50

    /// Reads the maintenance windows. One that was announced anew counts as announced by that update.
    ///
    /// Throws ``MonitorDefect``, also for a window that nobody announced.
    public static func maintenance(_ document: JSON) throws(MonitorDefect) -> MonitorExport<AnnouncedWindow> {
        var export = MonitorExport<AnnouncedWindow>()
        let listed = try ExportValue(document, "").required("scheduled_maintenances").list()
        for window in listed {
            let name = try window.required("name").text()
            let createdAt = try window.required("created_at").instant()
            let startsAt = try window.required("scheduled_for").instant()
            let endsAt = try window.required("scheduled_until").instant()
            guard endsAt > startsAt else {
                throw MonitorDefect("\(window.place), \(name), does not end after its start")
            }
            let again = try announcements(window).dropFirst().last
            if let again, again > createdAt {
                export.warnings.append(
                    "\(name) of \(startsAt) was announced again at \(again), and counts as announced then.")
            }
            export.rows.append(
                AnnouncedWindow(
                    startsAt: startsAt, endsAt: endsAt, announcedAt: max(createdAt, again ?? createdAt), reason: name,
                    components: try components(window)))
        }
        warnOfBound(listed.count, of: "maintenance windows", &export.warnings)
        return export
    }

    /// Reads the incidents. Those without impact are passed over.
    ///
    /// Throws ``MonitorDefect``, also for an incident whose end is not known yet.
    public static func incidents(_ document: JSON) throws(MonitorDefect) -> MonitorExport<ToldIncident> {
        var export = MonitorExport<ToldIncident>()
        let listed = try ExportValue(document, "").required("incidents").list()
        for incident in listed {
            let name = try incident.required("name").text()
            if try incident.member("impact")?.text() == "none" {
                export.warnings.append("\(name) had no impact, and was passed over.")
                continue
            }
            guard let resolvedAt = try incident.member("resolved_at")?.instant() else {
                throw MonitorDefect(
                    "\(incident.place), \(name), is not resolved, so its end is not known; import again when it is")
            }
            let began = incident.member("started_at")
            let startsAt = if let began { try began.instant() } else { try incident.required("created_at").instant() }
            guard resolvedAt > startsAt else {
                throw MonitorDefect("\(incident.place), \(name), does not end after its start")
            }
            export.rows.append(
                ToldIncident(
                    startsAt: startsAt, endsAt: resolvedAt, evidence: try incident.member("shortlink")?.text() ?? name,
                    components: try components(incident)))
        }
        warnOfBound(listed.count, of: "incidents", &export.warnings)
        return export
    }

    private static func components(_ value: ExportValue) throws(MonitorDefect) -> [String] {
        var names: [String] = []
        for component in try value.member("components")?.list() ?? [] {
            names.append(try component.required("name").text())
        }
        return names
    }

    /// The instants at which a window was announced, and announced again, in their order.
    private static func announcements(_ window: ExportValue) throws(MonitorDefect) -> [Instant] {
        var instants: [Instant] = []
        for update in try window.member("incident_updates")?.list() ?? [] {
            guard try update.member("status")?.text() == "scheduled" else { continue }
            instants.append(try update.required("created_at").instant())
        }
        return instants.sorted()
    }

    private static func warnOfBound(_ count: Int, of what: String, _ warnings: inout [String]) {
        guard count == mostListed else { return }
        warnings.append(
            "There are exactly \(mostListed) \(what), as many as a status page tells at once: older ones are missing.")
    }
}
