/// What of a video is asked for: RFC 9110, one range of bytes at a time.
enum ByteRange: Equatable {
    case whole
    /// The first and the last byte.
    case part(Int64, Int64)
    /// There are no such bytes.
    case unsatisfiable

    /// A header that cannot be read, and one with several ranges, ask for all of it, as the RFC lets a server do.
    init(_ header: String?, size: Int64) {
        guard let header, header.lowercased().hasPrefix("bytes=") else {
            self = .whole
            return
        }
        let parts = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
            .map { $0.trimmingPrefix(while: \.isWhitespace) }
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
            self = .whole
            return
        }
        let (first, last) = (Self.number(parts[0]), Self.number(parts[1]))
        switch (first, last) {
        case (nil, nil): self = .whole
        case (nil, let count?): self = count > 0 && size > 0 ? .part(max(size - count, 0), size - 1) : .unsatisfiable
        case (let first?, let last): self = Self.part(first, last, size)
        }
    }

    private static func part(_ first: Int64, _ last: Int64?, _ size: Int64) -> ByteRange {
        if let last, last < first { return .whole }
        guard first < size else { return .unsatisfiable }
        return .part(first, min(last ?? size - 1, size - 1))
    }

    /// Nil for no digits; more than a number holds is the most that it does.
    private static func number(_ digits: Substring) -> Int64? {
        digits.isEmpty ? nil : Int64(digits) ?? .max
    }
}
