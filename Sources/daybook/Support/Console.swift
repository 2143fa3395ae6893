// Every command has a database and prints something, so every file of this program sees the module.
@_exported import Console
