"""Korean (한국어)."""

KOREAN = {
    "did_you_mean": "{hint!r}을(를) 뜻하셨나요?",
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
