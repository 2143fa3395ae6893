extension Numeric: Hashable {
    /// True where both are the same number, whatever their scales.
    public static func == (left: Numeric, right: Numeric) -> Bool {
        left.sign == right.sign && left.weight == right.weight && left.digits == right.digits
    }

    /// Feeds in the number without its scale.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(sign)
        hasher.combine(weight)
        hasher.combine(digits)
    }
}

extension Numeric: Comparable {
    /// PostgreSQL's order: -Infinity, numbers, Infinity, NaN.
    public static func < (left: Numeric, right: Numeric) -> Bool {
        guard left.rank == right.rank else { return left.rank < right.rank }
        switch left.sign {
        case .plus: return left.hasSmallerMagnitude(than: right)
        case .minus: return right.hasSmallerMagnitude(than: left)
        case .notANumber, .plusInfinity, .minusInfinity: return false
        }
    }

    /// Where values of this sign stand among the others.
    private var rank: Int {
        switch sign {
        case .minusInfinity: 0
        case .minus: 1
        case .plus: 2
        case .plusInfinity: 3
        case .notANumber: 4
        }
    }

    private func hasSmallerMagnitude(than other: Numeric) -> Bool {
        guard !digits.isEmpty, !other.digits.isEmpty else { return digits.isEmpty && !other.digits.isEmpty }
        guard weight == other.weight else { return weight < other.weight }
        return digits.lexicographicallyPrecedes(other.digits)
    }
}
