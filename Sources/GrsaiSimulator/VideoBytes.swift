/// A small file that looks like an MP4 and is the same for the same task every time.
enum VideoBytes {
    static func of(_ id: String) -> [UInt8] {
        let dice = Dice(seed: 0, subject: id)
        let count = 1024 + Int(dice.roll("length", sides: 1024))
        var bytes: [UInt8] = [0, 0, 0, 24] + Array("ftypisom".utf8) + [0, 0, 2, 0] + Array("isomiso2".utf8)
        let size = count + 8
        bytes += [UInt8(size >> 24 & 255), UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255)]
        bytes += Array("mdat".utf8)
        var word = dice.number("content")
        for index in 0..<count {
            if index % 8 == 7 { word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407 }
            bytes.append(UInt8(word >> (UInt64(index % 8) * 8) & 255))
        }
        return bytes
    }
}
