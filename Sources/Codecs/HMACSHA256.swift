private import COpenSSL

/// HMAC with SHA-256 (RFC 2104, FIPS 198-1).
public enum HMACSHA256 {
    /// The 32 bytes of a message's code under a key of any length.
    public static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 32
        // A pointer to an empty array may be null, and a null key means the one of before.
        let keyBytes = key.isEmpty ? [0] : key
        let made = HMAC(EVP_sha256(), keyBytes, Int32(key.count), message, message.count, &code, &count)
        precondition(made != nil && count == 32, "libcrypto has no HMAC-SHA-256")
        return code
    }
}
