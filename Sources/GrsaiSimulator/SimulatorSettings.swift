import Domain

/// How a simulator is started.
public struct SimulatorSettings: Sendable {
    /// The address to listen on.
    public let host: String
    /// The port; 0 takes a free one.
    public let port: Int
    /// The key that clients must send.
    public let key: String
    /// Simulated seconds a real second; 0 stands still, and only `POST /admin/clock` moves it.
    public let timeScale: Int64
    public let knobs: Knobs
    /// A file to which every accepted task is appended, one JSON object a line.
    public let journal: String?

    public static let standardKey = "sk-simulator"

    /// - Throws: `DaybookError` of kind `usage` for a port or a time scale out of range, or an empty key.
    public init(
        host: String = "127.0.0.1", port: Int = 0, key: String = standardKey, timeScale: Int64 = 1,
        knobs: Knobs = .calm, journal: String? = nil
    ) throws {
        guard Limits.ports.contains(port) else { throw DaybookError.usage("A port is a number from 0 to 65535.") }
        guard Limits.timeScales.contains(timeScale) else {
            throw DaybookError.usage("The time scale is a number from 0 to 100000.")
        }
        guard !key.isEmpty else { throw DaybookError.usage("The key must not be empty.") }
        self.host = host
        self.port = port
        self.key = key
        self.timeScale = timeScale
        self.knobs = knobs
        self.journal = journal
    }
}
