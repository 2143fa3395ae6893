import Postgres

/// A command as it was typed, to be typed again with some options set otherwise.
public struct TypedCommand {
    private var words: [String]

    /// - Parameter arguments: The program and its arguments.
    public init(_ arguments: [String]) { words = arguments }

    /// True where it is the command of those names.
    public func names(_ names: [String]) -> Bool { words.dropFirst().starts(with: names) }

    /// Gives an option a value, in the place where it has one or at the end.
    public mutating func set(_ option: String, to value: String) {
        if let place = words.firstIndex(where: { $0.hasPrefix(option + "=") }) {
            words[place] = option + "=" + value
        } else if let place = words.firstIndex(of: option), place + 1 < words.count {
            words[place + 1] = value
        } else {
            words += [option, value]
        }
    }

    /// Adds a flag that is not there.
    public mutating func set(_ flag: String) {
        if !words.contains(flag) { words.append(flag) }
    }

    /// What a shell takes for the same words. A connection string that holds a password is not shown again: its
    /// place is taken by the variable that a shell may have it from.
    public var text: String { words.map(Self.quoted).joined(separator: " ") }

    private static func quoted(_ word: String) -> String {
        for prefix in ["", "--database=", "--replica="] where word.hasPrefix(prefix) {
            let holdsPassword = ConnectionSettings(conninfo: String(word.dropFirst(prefix.count))).holdsPassword
            if holdsPassword { return prefix + "\"$DATABASE_URL\"" }
        }
        let isPlain = word.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                || "-_./:=@%+,".unicodeScalars.contains(scalar)
        }
        return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
