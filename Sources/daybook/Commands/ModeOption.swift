import ArgumentParser
import Domain

/// Who may read what a command writes.
struct ModeOption: ParsableArguments {
    @Option(
        name: .customLong("mode"),
        help: ArgumentHelp(
            "The permissions of the files that are written, in octal, such as 0640 for a group that reads along; a "
                + "folder that is made gets those that go with it. Default: 0600, the owner alone.",
            valueName: "octal"),
        transform: { text in
            guard let mode = OutputMode(text) else {
                throw ValidationError(
                    "\"\(text.prefix(20))\" is no mode of a file, such as 0640: three or four octal digits with which "
                        + "the owner reads and writes, nobody executes, and not everybody writes.")
            }
            return mode
        })
    var chosen: OutputMode?

    var mode: OutputMode { chosen ?? .ownerOnly }

    /// Refuses permissions for what goes to standard output.
    func require(output: String?) throws {
        guard output != nil || chosen == nil else {
            throw ValidationError("--mode is of a file that is written: name it with --output, or leave --mode out.")
        }
    }
}
