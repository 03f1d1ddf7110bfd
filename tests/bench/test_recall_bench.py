"""The evidence of real conversations is recalled: more of it than by BM25, and than by BM25 and vectors together."""

import json
import os
from pathlib import Path

import pytest

from empla.bench import recall as benching
from empla.bench.recall import Conversation
from empla.errors import InvalidError, UsageError
from empla.settings import Settings

SHARED = Path(os.environ.get("EMPLA_SHARED") or Path(__file__).parents[2].parent / "shared")
LOCOMO = SHARED / "bench" / "recall" / "data" / "locomo_half.json"
needs_locomo = pytest.mark.skipif(
    not LOCOMO.is_file(), reason=f"no conversations in {LOCOMO}; EMPLA_SHARED names another place"
)
QUESTIONS = 100


@pytest.fixture
def conversation() -> Conversation:
    """The first conversation, with every other of its questions."""
    first = benching.read(LOCOMO)[0]
    return first.model_copy(update={"questions": first.questions[::2][:QUESTIONS]})


@needs_locomo
async def test_recall_beats_bm25_by_a_tenth_and_the_hybrid_by_a_twentieth(
    settings: Settings, conversation: Conversation
):
    report = await benching.run(settings, conversations=[conversation], form="structured", progress=lambda _: None)
    at_ten = {each.name: each.at[10] for each in report.measured}
    assert at_ten["ours"] >= at_ten["BM25"] + 0.10
    assert at_ten["ours"] >= at_ten["z-score hybrid"] + 0.05
    assert all(at_ten["ours"] > at_ten[name] for name in benching.RANKINGS if name != "ours")
    assert {each.than: each.low > 0 for each in report.differences} == {"BM25": True, "z-score hybrid": True}
    assert [list(each.at) for each in report.measured] == [list(benching.CURVE)] * len(at_ten)
    assert benching.plot(report).count("<polyline") == 4


def _told(**more: object) -> list[dict[str, object]]:
    return [
        {
            "sample_id": "c1",
            "conversation": {
                "session_2_date_time": "1:05 pm on 9 May, 2023",
                "session_2": [{"speaker": "Ann", "dia_id": "D2:1", "text": "Hello", "blip_caption": "a dog"}],
                "session_1_date_time": "11:56 am on 8 May, 2023",
                "session_1": [{"speaker": "Bo", "dia_id": "D1:1", "text": ""}],
                **more,
            },
            "qa": [
                {"question": "Which animal?", "evidence": ["D2:1; D1:1", "D9:9"], "category": 1},
                {"question": "Nothing answers it", "evidence": ["D1:1"], "category": 5},
                {"question": "Without evidence", "category": 2},
            ],
        }
    ]


def test_sessions_are_read_in_their_order_with_pictures_and_evidence(tmp_path: Path):
    (tmp_path / "some.json").write_text(json.dumps(_told()))
    [found] = benching.read(tmp_path)
    assert [(turn.speaker, turn.text, turn.at.day, turn.at.hour) for turn in found.turns] == [
        ("Bo", "-", 8, 11),
        ("Ann", "Hello [image: a dog]", 9, 13),
    ]
    assert [(question.text, set(question.evidence)) for question in found.questions] == [("Which animal?", {0, 1})]


def test_without_data_it_says_where_there_is_some(tmp_path: Path):
    with pytest.raises(UsageError, match=r"locomo10\.json.*--data"):
        benching.read(None)
    with pytest.raises(UsageError, match="there is no"):
        benching.read(tmp_path / "nowhere")
    with pytest.raises(InvalidError, match="no conversation"):
        benching.read(tmp_path)
    (tmp_path / "other.json").write_text(json.dumps(_told(session_1_date_time="yesterday")))
    with pytest.raises(InvalidError, match="does not read as"):
        benching.read(tmp_path / "other.json")
