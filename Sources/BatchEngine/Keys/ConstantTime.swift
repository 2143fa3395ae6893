/// Comparisons that take as long for a near miss as for a wild guess.
enum ConstantTime {
    /// True if both are the same bytes. Only their lengths show in the time it takes.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
