"""`empla bench memory` counts messages, misses nothing and leaks nothing; how fast it is, it says itself."""

import random
import xml.etree.ElementTree as ET

from empla.bench import memory as benching
from empla.bench.plot import Axis, Line, chart
from empla.settings import Settings


async def test_a_report_has_each_combination_with_the_messages_and_the_exact_answer(settings: Settings):
    told: list[str] = []
    report = await benching.run(
        settings, sizes=(5, 60), employed=(1, 3), most=100, queries=6, adds=4, progress=told.append
    )
    assert [(each.employees, each.memories) for each in report.recalled] == [(1, 5), (3, 5), (1, 60)]
    for each in report.recalled:
        assert each.speeds["by meaning"].statements == (1 if each.memories > 10 else 4)  # a short one looks further
        assert each.speeds["in full"].statements == 3
        assert (each.overlap, each.short, each.leaks) == (1.0, 0, 0)
        assert each.ratio > 0
    assert [(each.memories, each.fewer, each.more) for each in report.scaled] == [(5, 1, 3)]
    assert report.added.single.statements == 4
    assert report.added.bulk_per_second >= report.added.embedded_per_second > 0
    drawn = ET.fromstring(benching.plot(report))  # noqa: S314 — our own
    assert len([node for node in drawn if node.tag.endswith("polyline")]) == 4
    assert told[:2] == ["starting a server", "1 × 5 memories"]


def test_the_texts_are_the_same_each_time():
    first, second = (benching.texts(random.Random(1), 3, ("hiring",)) for _ in range(2))  # noqa: S311
    assert first == second
    assert len(set(first)) == 3


def test_a_chart_names_its_axes_and_lines_and_keeps_what_it_is_told():
    drawn = chart(
        "a < b", x=Axis("n", is_log=True), y=Axis("ms"), lines=[Line("ours & theirs", [(10, 1.5), (100_000, 12.0)])]
    )
    texts = [node.text for node in ET.fromstring(drawn).iter() if node.tag.endswith("text")]  # noqa: S314 — our own
    assert {"a < b", "n", "ms", "ours & theirs", "10", "100,000", "0", "12"} <= set(texts)


def test_a_chart_of_one_point_is_drawn():
    ET.fromstring(chart("t", x=Axis("x", is_log=True), y=Axis("y", is_log=True), lines=[Line("a", [(10, 5)])]))  # noqa: S314
