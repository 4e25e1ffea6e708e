"""Tables about how many pictures a held-out model recognises (`das_core.report.recognition`)."""

from collections.abc import Sequence

from das_core.report.recognition import Verdict

# The head of a table whose rows are made by `summarise`; `RULE` is the line below this head. Further columns go in
# front, in both lines: `"| settings " + HEADER` and `"|---" + RULE`.
HEADER = "| first as it is | from afar | in grey | recognised (all three) | mean p as it is | from afar | in grey |"
TEXT_HEADER = HEADER.replace("mean p", "mean cosine")  # head of a table about verdicts of `judge_text`
RULE = "|---" * 7 + "|"  # line between the head of a table and its rows


def summarise(verdicts: Sequence[Verdict]) -> str:
    """Return the row of a markdown table, with the columns of `HEADER`, about the verdicts of a judge."""
    if not verdicts:
        raise ValueError("there are no verdicts to sum up; judge at least one image")
    count = len(verdicts)
    by_condition = list(zip(*verdicts, strict=True))
    shares = [sum(answer.rank == 0 for answer in answers) / count for answers in by_condition]
    shares.append(sum(verdict.recognised for verdict in verdicts) / count)
    means = [sum(answer.score for answer in answers) / count for answers in by_condition]
    return f"| {' | '.join([*(f'{share:.0%}' for share in shares), *(f'{mean:.3f}' for mean in means)])} |"


def format_cells(verdict: Verdict) -> str:
    """Return four cells of a markdown table: the scores in the three forms, and whether the image is recognised."""
    scores = (f"{a.score:.3f}" + (f" (choice {a.rank + 1})" if a.rank else "") for a in verdict)
    return f"{' | '.join(scores)} | {'yes' if verdict.recognised else 'no'}"
