/// How far a word is from another one that may have been meant.
enum Misspelling {
    /// The letters that have to be changed, put in, left out or swapped with their neighbour; nil for more than `most`.
    static func edits(_ one: [Character], _ other: [Character], most: Int) -> Int? {
        guard abs(one.count - other.count) <= most else { return nil }
        var before: [Int] = []
        var last = Array(0...other.count)
        for row in one.indices {
            var line = [row + 1]
            for column in other.indices {
                let isSame = one[row] == other[column]
                var edits = min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, line[column] + 1)
                if row > 0, column > 0, one[row] == other[column - 1], one[row - 1] == other[column] {
                    edits = min(edits, before[column - 1] + 1)
                }
                line.append(edits)
            }
            (before, last) = (last, line)
        }
        return last[other.count] <= most ? last[other.count] : nil
    }
}
