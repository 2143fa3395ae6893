/// Chance without chance: every roll is a function of the seed, its subject and its name.
struct Dice: Sendable, Hashable {
    let seed: Int64
    /// What is decided about: a submission's nonce or number, or one poll of a task.
    let subject: String

    /// A number below `sides`.
    func roll(_ name: String, sides: UInt64) -> UInt64 {
        number(name) % sides
    }

    /// True for as many of a thousand subjects as the knob says.
    func strikes(_ knob: Knob, _ knobs: Knobs) -> Bool {
        roll(knob.rawValue, sides: 1000) < UInt64(clamping: knobs[knob])
    }

    /// One of knobs that exclude each other, or none: the first that a single roll falls into.
    func choose(_ name: String, _ group: [Knob], _ knobs: Knobs) -> Knob? {
        let roll = Int64(roll(name, sides: 1000))
        var reached: Int64 = 0
        for knob in group {
            reached += knobs[knob]
            if roll < reached { return knob }
        }
        return nil
    }

    /// 64 bits: FNV-1a over seed, subject and name, mixed by the finalizer of SplitMix64.
    func number(_ name: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(seed)/\(subject)/\(name)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }

    /// 32 hexadecimal digits in the form of a UUID.
    func uuid(_ name: String) -> String {
        let digits = Self.hex(number(name + "/high")) + Self.hex(number(name + "/low"))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
