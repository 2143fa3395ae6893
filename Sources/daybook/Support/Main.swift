import Domain
import Spreadsheet

@main
enum Main {
    static func main() async {
        await Program.run(Daybook.self) { error in
            (error as? SpreadsheetError).map { DaybookError(.output, $0.sentence) }
        }
    }
}
