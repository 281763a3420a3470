"""English names of key values beside the Chinese ones, those that the service knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton.inspection.v1 import summary_pb2

    from cotton_client.render.labels import Labels

    EnglishNames = Mapping[tuple[int, str], str]


def english_names(header: summary_pb2.SummaryHeader, labels: Labels) -> EnglishNames:
    """The names by key and value; none where only Chinese is asked for."""
    if labels == "zh":
        return {}
    return {(each.key, each.value): each.label_en for each in header.labels if each.label_en}


def named_value(key: int, value: str, english: EnglishNames) -> str:
    """A value as people read it: "第八师 (Eighth Division)", "not given" for lots that lack it."""
    text = names.key_value(key, value) or "not given"
    name = english.get((key, value))
    return text if name is None or name == text else f"{text} ({name})"
