/// A duration in whole milliseconds, rounded up: a limit that was missed never looks met.
public enum Seconds {
    /// The milliseconds that hold so many microseconds, rounded towards positive infinity.
    public static func milliseconds(roundingUp microseconds: Int64) -> Int64 {
        let (quotient, remainder) = microseconds.flooredDivision(by: 1000)
        return remainder > 0 ? quotient + 1 : quotient
    }

    /// Seconds with three decimals, rounded up: 139,454,001 microseconds are `139.455`.
    public static func text(microseconds: Int64) -> String {
        FixedPoint.text(milliseconds(roundingUp: microseconds), places: 3)
    }
}
