public import Domain
import Foundation

/// The newest digest of a chain: who writes it down elsewhere can show later that nothing up to it is missing.
public struct ChainHead: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        /// The certificates of the retention.
        case certificate
        /// The months that were closed and opened again, of all accounts.
        case close
    }

    public let kind: Kind
    /// 64 hexadecimal digits; zeros where there is nothing yet.
    public let digest: String
    /// How many there are.
    public let sequence: Int64
    /// When it was read, by the database's clock.
    public let readAt: Instant

    public init(kind: Kind, digest: String, sequence: Int64, readAt: Instant) {
        self.kind = kind
        self.digest = digest
        self.sequence = sequence
        self.readAt = readAt
    }

    /// Of a chain in which nothing is.
    public static let none = String(repeating: "0", count: 64)

    /// `KIND HEAD SEQUENCE INSTANT`, as it is handed on.
    public var line: String { "\(kind.rawValue) \(digest) \(sequence) \(readAt)" }
}

/// A head as somebody wrote it down: its digest, or the line that was handed on.
public struct WrittenHead: Sendable, Hashable {
    public let digest: String
    /// How many there were; nil where the digest alone was written down.
    public let sequence: Int64?

    /// Throws `usage` for anything else, and for the line of another chain.
    public init(_ text: String, of kind: ChainHead.Kind) throws(DaybookError) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        let isLine = words.count == 4 && words[0] == kind.rawValue
        guard let word = isLine ? words[1] : words.count == 1 ? words[0] : nil, Self.isDigest(word.lowercased()),
            let sequence = isLine ? Int64(words[2]).map(Optional.some) : .some(nil)
        else {
            throw .usage(
                "\(text.prefix(200).debugDescription) is no head of this chain: give its 64 hexadecimal digits, or the "
                    + "line \"\(kind.rawValue) HEAD SEQUENCE INSTANT\" that was handed on.")
        }
        digest = word.lowercased()
        self.sequence = sequence
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }

    /// What a chain says to it.
    public enum Answer: Sendable, Hashable {
        /// Everything up to it is there; so many have followed.
        case holds(at: Int64, followed: Int64)
        /// Something is missing or another: what, as a sentence without its end.
        case lost(String)
    }

    /// Looks for it.
    ///
    /// - Parameters:
    ///   - digests: The digests that headed the chain one after the other, the first of the first one.
    ///   - name: What the chain is made of, with its number.
    public func answer(_ digests: [String], _ name: (Int64) -> String) -> Answer {
        let count = Int64(digests.count)
        let place = digest == ChainHead.none ? 0 : digests.lastIndex(of: digest).map { Int64($0) + 1 }
        if let place, sequence == nil || sequence == place { return .holds(at: place, followed: count - place) }
        let ending = count == 0 ? "nothing is in it" : "it ends with \(name(count))"
        guard let sequence else {
            return .lost(
                "no digest in it is \(digest), which headed it once: what was its newest then was removed or altered; "
                    + ending)
        }
        guard sequence > count else {
            return .lost("something up to \(name(sequence)) was removed or altered since its head was written down")
        }
        let missing = count + 1 == sequence ? name(sequence) + " is" : "\(name(count + 1)) to \(name(sequence)) are"
        return .lost("\(missing) missing since its head was written down; \(ending)")
    }
}

/// Gives the head of a chain to a command of the operator's, who keeps it where no role of the database can write.
public struct HeadCommand: Sendable {
    private let command: String
    private let timeoutSeconds: Int

    /// - Parameter command: What the shell is to run. Nothing is put into it: the head is on its standard input.
    public init(_ command: String, timeoutSeconds: Int = Limits.headCommandSeconds) {
        self.command = command
        self.timeoutSeconds = timeoutSeconds
    }

    /// Runs `/bin/sh -c COMMAND` with the line of a head on its standard input; what it prints goes to standard error.
    /// Nobody's thread waits for it.
    ///
    /// Throws `failed` where it does not end with 0, or not in time: then it is killed, with its group of processes.
    public func give(_ head: ChainHead) async throws {
        let program = ChildProgram(["/bin/sh", "-c", command], keepsOutput: false, timeoutSeconds: timeoutSeconds)
        let end: ChildProgram.End
        do {
            end = try await program.run(input: Array((head.line + "\n").utf8))
        } catch let error as DaybookError {
            throw failure(error.sentence)
        }
        guard !end.wasKilledByUs else { throw failure("the command did not end within \(timeoutSeconds) s.") }
        guard let code = end.exitCode else { throw failure("the command was ended by signal \(end.signal).") }
        guard code == 0 else { throw failure("the command ended with \(code).") }
    }

    private func failure(_ why: String) -> DaybookError { DaybookError(.failed, "The head was not handed on: \(why)") }
}
