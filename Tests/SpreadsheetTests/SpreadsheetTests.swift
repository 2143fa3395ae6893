import Testing

/// Everything about workbooks, one test after another: some of them measure the process or limit it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SpreadsheetTests {}
