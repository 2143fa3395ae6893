/// The version of both programs.
public enum Version {
    public static let current = "0.2.0-dev"
}
