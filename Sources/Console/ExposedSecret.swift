import Foundation
import Synchronization

/// Tells of passwords on the command line, which every user of the machine sees in the list of processes.
public enum ExposedSecret {
    /// What to do about a password of the database.
    public static let passwordFile = "put it into ~/.pgpass (chmod 600), and leave it out here"
    /// The same of a mail server's.
    public static let netrcFile = "put it into ~/.netrc (chmod 600), and leave it out here"

    private static let told = Mutex<Set<String>>([])

    /// Says once an option that what it was given holds a password.
    ///
    /// - Parameter advice: What to do instead.
    public static func tell(of option: String, advice: String) {
        guard told.withLock({ $0.insert(option).inserted }) else { return }
        let program = CommandLine.arguments.first?.split(separator: "/").last ?? "daybook"
        Terminal.say(
            "\(program): the password in \(option) is to be seen in the list of processes, by everybody on this "
                + "machine; \(advice).")
    }

    /// Says so where an address has a password in it.
    public static func tell(ofAddress address: String?, in option: String, advice: String) {
        guard let address, URLComponents(string: address)?.password?.isEmpty == false else { return }
        tell(of: option, advice: advice)
    }
}
