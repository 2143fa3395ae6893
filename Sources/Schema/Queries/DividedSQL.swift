/// How a query is written where Citus divides the history by its customers: the same text, in which what stands in
/// `/* divided: … */` counts, and `OFFSET 0` does not.
///
/// On one server a batch is found by its id. Where its customer says on which server it is, a join names him as well:
/// else the whole table would come to the coordinator. `OFFSET 0`, which keeps the planner of one server from taking a
/// query apart, would bring it there too.
enum DividedSQL {
    private static let opening = "/* divided:"

    static func text(_ sql: String) -> String {
        let tokens = SQLScanner.tokens(sql)
        var text = ""
        var index = tokens.startIndex
        while index < tokens.endIndex {
            let source = tokens[index].source
            if source.hasPrefix(opening) {
                text += source.dropFirst(opening.count).dropLast(2)
            } else if source.uppercased() == "OFFSET", let zero = zero(after: index, in: tokens) {
                index = zero
            } else {
                text += source
            }
            index += 1
        }
        return text
    }

    /// Where the 0 stands that is all of an `OFFSET`.
    private static func zero(after index: Int, in tokens: [SQLScanner.Token]) -> Int? {
        let next = tokens[(index + 1)...].firstIndex { !$0.source.allSatisfy(\.isWhitespace) }
        return next.flatMap { tokens[$0] == .word("0") ? $0 : nil }
    }
}
