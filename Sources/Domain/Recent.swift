/// A memory of what was noted lately: bounded, and forgetting what has not been looked at for longest.
///
/// It keeps two generations. A new one begins when the younger has half of the capacity, and the older is forgotten;
/// what is found in the older moves into the younger. So nothing is ever sorted, and nothing grows.
public struct Recent<Key: Hashable, Value> {
    private let halfCapacity: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    /// A memory of `capacity` entries at most, and at least of half as many.
    public init(capacity: Int) {
        precondition(capacity >= 2, "a memory of less than two entries remembers nothing")
        halfCapacity = capacity / 2
    }

    /// How many entries there are.
    public var count: Int { young.count + old.count }

    /// What is remembered of a key.
    public mutating func find(_ key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old[key] else { return nil }
        note(key, value)
        return value
    }

    public mutating func note(_ key: Key, _ value: Value) {
        old[key] = nil
        if young[key] == nil, young.count >= halfCapacity {
            old = young
            young = [:]
        }
        young[key] = value
    }

    public mutating func forget(_ key: Key) {
        young[key] = nil
        old[key] = nil
    }
}

extension Recent: Sendable where Key: Sendable, Value: Sendable {}
