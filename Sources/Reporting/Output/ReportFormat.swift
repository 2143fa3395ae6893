/// The forms in which a report is written.
public enum ReportFormat: String, Sendable, CaseIterable {
    case xlsx
    case html
    case csv
}
