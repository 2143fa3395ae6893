internal import CLibPQ

/// Receives the server's notices for one connection, on the thread that uses it.
final class NoticeRelay {
    /// The latest notices, oldest first.
    private(set) var recent: [String] = []
    /// Why the server ended the session, where it said so while nobody asked it anything: libpq hands that over as a
    /// notice, when it comes with the end of the answer before it.
    private(set) var lastWords: PostgresError?
    private let onNotice: (@Sendable (String) -> Void)?
    private static let recentMax = 64

    init(_ onNotice: (@Sendable (String) -> Void)?) {
        self.onNotice = onNotice
    }

    /// Makes libpq hand its notices to this relay, which must outlive the connection.
    func receive(from connection: OpaquePointer) {
        PQsetNoticeReceiver(
            connection,
            { relay, result in
                guard let relay else { return }
                Unmanaged<NoticeRelay>.fromOpaque(relay).takeUnretainedValue().take(result)
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// Forgets the notices so far.
    func clear() {
        recent.removeAll()
    }

    private func take(_ result: OpaquePointer?) {
        let severity = DiagnosticField.severity.text(in: result) ?? "NOTICE"
        // What libpq itself has to say comes without fields.
        let text =
            DiagnosticField.message.text(in: result)
            ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
        if ["FATAL", "PANIC"].contains(severity) {
            // A session that is ended with 40001 is one that stood in the way of a standby.
            lastWords = PostgresError(
                result: result, sql: nil, wasCancelled: false, isLost: true, standsOnStandby: true,
                readsOneMoment: true)
        }
        let notice = "\(severity): \(text.trimmedEnd)"
        if recent.count == Self.recentMax { recent.removeFirst() }
        recent.append(notice)
        onNotice?(notice)
    }
}
