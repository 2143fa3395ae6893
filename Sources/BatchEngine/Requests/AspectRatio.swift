/// The shape of a video.
public enum AspectRatio: String, Sendable, Hashable, CaseIterable {
    case landscape = "16:9"
    case portrait = "9:16"
}
