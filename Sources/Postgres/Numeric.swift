/// An exact decimal, as PostgreSQL's `numeric` holds it: nothing is rounded,
/// and the scale (the digits after the point, zeros included) is kept.
///
/// Equality, order and hash go by value, so `1.0` equals `1.00`; NaN equals
/// itself and is greater than everything, as in PostgreSQL.
public struct Numeric: Sendable {
    enum Sign: UInt16, Sendable {
        case plus = 0x0000
        case minus = 0x4000
        case notANumber = 0xC000
        case plusInfinity = 0xD000
        case minusInfinity = 0xF000
    }

    /// What the value is; zero is always `plus`.
    let sign: Sign
    /// The power of 10,000 of the first digit.
    let weight: Int
    /// How many decimal digits are shown after the point.
    public let scale: Int
    /// Digits of base 10,000, the first and the last never 0.
    let digits: [Int16]

    /// Not a number.
    public static let notANumber = Numeric(special: .notANumber)
    /// `Infinity`.
    public static let infinity = Numeric(special: .plusInfinity)
    /// `-Infinity`.
    public static let negativeInfinity = Numeric(special: .minusInfinity)
    /// 0, with no digit after the point.
    public static let zero = Numeric(sign: .plus, weight: 0, scale: 0, digits: [])

    private init(special sign: Sign) {
        self.sign = sign
        weight = 0
        scale = 0
        digits = []
    }

    /// A value from digits that may begin or end in zeros.
    init(sign: Sign, weight: Int, scale: Int, digits: some Collection<Int16>) {
        let leadingZeros = digits.prefix { $0 == 0 }.count
        var kept = Array(digits.dropFirst(leadingZeros))
        while kept.last == 0 { kept.removeLast() }
        self.sign = kept.isEmpty && sign == .minus ? .plus : sign
        self.weight = kept.isEmpty ? 0 : weight - leadingZeros
        self.scale = scale
        self.digits = kept
    }

    /// So many units of 10^-`scale`: `Numeric(units: -1_500, scale: 3)` is -1.500.
    ///
    /// Precondition: `scale` is from 0 to 16,383, PostgreSQL's largest.
    public init(units: Int64, scale: Int = 0) {
        precondition((0...Self.scaleMax).contains(scale), "a scale is from 0 to \(Self.scaleMax)")
        let decimals = Array(String(units.magnitude).utf8).map { $0 - UInt8(ascii: "0") }
        self.init(
            sign: units < 0 ? .minus : .plus,
            decimals: decimals,
            pointPosition: decimals.count - scale,
            scale: scale
        )
    }

    /// The most digits after the point that PostgreSQL takes.
    static let scaleMax = 16_383
    /// The most digits before the point that PostgreSQL takes.
    static let integerDigitsMax = 131_072

    /// False for NaN and the two infinities.
    public var isFinite: Bool { sign == .plus || sign == .minus }

    /// The value as a whole number of 10^-`digits` units, or nil where it is
    /// not one or does not fit: `1.5` scaled by 3 is 1,500, scaled by 0 nil.
    ///
    /// Precondition: `digits` is not negative.
    public func scaled(by digits: Int) -> Int64? {
        precondition(digits >= 0, "units are 1 or smaller")
        guard isFinite else { return nil }
        var units: Int64 = 0
        for (position, digit) in self.digits.enumerated() {
            let exponent = 4 * (weight - position) + digits
            // Ten to the 19th is beyond Int64, and the first digit is never 0.
            guard exponent <= 18 else { return nil }
            var term = Int64(digit)
            if exponent < 0 {
                guard exponent > -4 else { return nil }
                let divisor = Self.powerOfTen(-exponent)
                guard term % divisor == 0 else { return nil }
                term /= divisor
            } else {
                let (product, overflow) = term.multipliedReportingOverflow(by: Self.powerOfTen(exponent))
                guard !overflow else { return nil }
                term = product
            }
            // Subtracting for negative values reaches Int64.min.
            let (sum, overflow) =
                sign == .minus ? units.subtractingReportingOverflow(term) : units.addingReportingOverflow(term)
            guard !overflow else { return nil }
            units = sum
        }
        return units
    }

    private static func powerOfTen(_ exponent: Int) -> Int64 {
        var power: Int64 = 1
        for _ in 0..<exponent { power *= 10 }
        return power
    }
}

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

extension Numeric {
    /// Decodes the wire format: counts of digits, weight, sign and scale as
    /// 16-bit numbers, then the digits (`numeric_send` in PostgreSQL's numeric.c).
    init(binary bytes: UnsafeRawBufferPointer) throws(CellFault) {
        guard bytes.count >= 8 else { throw .malformed }
        let count = Int(bytes.bigEndian(at: 0, as: UInt16.self))
        guard bytes.count == 8 + count * 2,
            let sign = Sign(rawValue: bytes.bigEndian(at: 4, as: UInt16.self))
        else { throw .malformed }
        switch sign {
        case .notANumber: self = .notANumber
        case .plusInfinity: self = .infinity
        case .minusInfinity: self = .negativeInfinity
        case .plus, .minus:
            let digits = (0..<count).map { bytes.bigEndian(at: 8 + $0 * 2, as: Int16.self) }
            guard digits.allSatisfy({ (0..<10_000).contains($0) }) else { throw .malformed }
            self.init(
                sign: sign,
                weight: Int(bytes.bigEndian(at: 2, as: Int16.self)),
                scale: Int(bytes.bigEndian(at: 6, as: UInt16.self)),
                digits: digits
            )
        }
    }

    /// Appends the wire format.
    func appendBinary(to bytes: inout [UInt8]) {
        bytes.appendBigEndian(UInt16(digits.count))
        bytes.appendBigEndian(Int16(weight))
        bytes.appendBigEndian(sign.rawValue)
        bytes.appendBigEndian(UInt16(scale))
        for digit in digits { bytes.appendBigEndian(digit) }
    }
}
