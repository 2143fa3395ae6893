/// What will become of one submission, all of it decided when it arrives.
struct Fate: Sendable, Hashable {
    /// One of `Knob.refusals`, or nil: it is taken.
    let refusal: Knob?
    /// One of `Knob.replies`, or nil: the answer is as documented.
    let reply: Knob?
    /// One of `Knob.outcomes`, or nil: a video.
    let outcome: Knob?
    /// Runs under a status word that nobody knows.
    let hidesStatus: Bool
    /// Microseconds from acceptance to the end.
    let latency: Int64
    /// Microseconds from acceptance during which a poll finds nothing.
    let notFound: Int64
    /// Microseconds from the end during which the video's address works.
    let urlLife: Int64
    /// What happens to its callbacks, of the knobs `callback_…`.
    let callbackFaults: Set<Knob>

    init(_ dice: Dice, model: SimulatedModel, knobs: Knobs) {
        refusal = dice.choose("refusal", Knob.refusals, knobs)
        reply = dice.choose("reply", Knob.replies, knobs)
        outcome = dice.choose("outcome", Knob.outcomes, knobs)
        hidesStatus = dice.strikes(.unknownStatus, knobs)
        let whole = Latency(p50Seconds: knobs[model.p50], p95Seconds: knobs[model.p95])
            .microseconds(atMillionths: Int64(dice.roll("latency", sides: 1_000_001)))
        // A prompt is refused before anything is rendered.
        latency = outcome == .inputModeration ? max(1_000_000, whole / 10) : whole
        notFound = knobs[.notFoundSeconds] * 1_000_000
        urlLife = knobs[.urlLifeSeconds] * 1_000_000
        callbackFaults = Set(
            [.callbackMissing, .callbackDuplicate, .callbackOutOfOrder, .callbackForged]
                .filter { dice.strikes($0, knobs) })
    }
}
