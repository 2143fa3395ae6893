import Console
import Logging

@main
enum Main {
    static func main() async {
        // Standard output is for results.
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        await Program.run(Daybookd.self)
    }
}
