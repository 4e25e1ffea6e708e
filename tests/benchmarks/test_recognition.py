"""Tables about recognition: rows, headers and cells."""

import pytest

from benchmarks.recognition import HEADER, RULE, TEXT_HEADER, format_cells, summarise
from das_core.report.recognition import Answer, Verdict


def test_a_row_counts_and_averages_each_condition_by_itself_in_the_columns_of_the_headers() -> None:
    verdicts = [
        Verdict(Answer(0.9, 0), Answer(0.5, 0), Answer(0.25, 0)),
        Verdict(Answer(0.8, 0), Answer(0.1, 3), Answer(0.25, 0)),
        Verdict(Answer(0.7, 0), Answer(0.3, 0), Answer(0.0, 9)),
        Verdict(Answer(0.2, 1), Answer(0.1, 0), Answer(0.1, 1)),
    ]
    assert [verdict.recognised for verdict in verdicts] == [True, False, False, False]
    assert summarise(verdicts) == "| 75% | 75% | 50% | 25% | 0.650 | 0.250 | 0.150 |"
    with pytest.raises(ValueError, match="no verdicts to sum up"):
        summarise([])
    row = summarise([Verdict(Answer(0.9, 0), Answer(0.5, 0), Answer(0.25, 0))])
    assert {text.count("|") for text in (HEADER, TEXT_HEADER, RULE, row)} == {8}
    assert all(text.startswith("|") and text.endswith("|") for text in (HEADER, TEXT_HEADER, RULE, row))
    assert "mean p" in HEADER
    assert "mean cosine" in TEXT_HEADER


def test_cells_name_the_choice_where_the_right_one_is_not_first() -> None:
    verdict = Verdict(Answer(0.9, 0), Answer(0.104, 2), Answer(0.25, 0))
    assert format_cells(verdict) == "0.900 | 0.104 (choice 3) | 0.250 | no"
    verdict = Verdict(Answer(0.9, 0), Answer(0.5, 0), Answer(0.25, 0))
    assert format_cells(verdict) == "0.900 | 0.500 | 0.250 | yes"
