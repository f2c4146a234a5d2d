"""English."""

ENGLISH = {
    "did_you_mean": "Did you mean {hint!r}?",
    # data: reading
    # data: columns
    # data: splitting
    # recipe
    # bases
    # forms, tasks, methods
    # engine
    # artifact, use
    # compare
    # terminal
}
