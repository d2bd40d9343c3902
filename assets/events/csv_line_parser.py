"""Parses CSV lines of the archive by the event contract: cuts each into field tokens, then reads it like a message.

A field's text counts as a JSON string of the same text, an empty field as null, so one set of rules covers both.
Add here: how a line is cut. Not here: what a field must look like (`message_parser`).
"""

import csv
import functools
import json
import operator
from collections.abc import Sequence

import polars as pl

from assets.events.contract import (
    EVENT,
    EXTRA,
    FIELDS,
    INTEGERS,
    NONE_ADDED,
    OPTIONAL,
    AddedFields,
)
from assets.events.csv_file import cut
from assets.events.good_fields import DAY, EVENT_TYPE, INTEGER, PRICE, TIME_OF_DAY, in_range, only_where
from assets.events.json_tokens import Tokens, tokens_of
from assets.events.message_parser import TOKENS, decode, judge_tokens

_UNUSUAL = r'["\\\x00-\x1f\x7f]'
"""Lines with these take the slow path: quotes, and characters that JSON escapes with a backslash."""

_KINDS = {**EVENT, **EXTRA}

_GOOD = {"event_time": f"{DAY} {TIME_OF_DAY} UTC", "event_type": EVENT_TYPE, "price": PRICE}
"""Fields that match are certainly good; all others are judged by the rules for messages."""
_TEXT = r'[^,"\\\x00-\x1f\x7f]*'
_NOTHING = r"[^\s\S]"

_PLAIN_TIME = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC,"


def parse_lines(lines: pl.DataFrame, added: AddedFields = NONE_ADDED) -> pl.DataFrame:
    """Read every line; returns the shape of `parse_events`.

    `lines` has at least `key` (the header of the line's file, binary), `value` (the line) and `ingested_at`. A line has
    no Kafka timestamp, so `ingested_at` takes its place: an event from the future is refused. `added` names the fields
    that some lines are older than.
    Lines that look good are read column by column. The others, and so all refused ones, are first cut into tokens.
    """
    if lines.is_empty():
        return _judged(lines, added)
    indexed = lines.with_row_index("_line")
    parts = [(_names(part["key"][0]), part) for part in indexed.partition_by("key")]
    read = pl.concat([_good_lines(part, names) for names, part in parts])
    if len(parts) == 1 and read.height == lines.height:
        return read.drop("_line")
    others = _judged(indexed.join(read, on="_line", how="anti"), added)
    return pl.concat([read, others]).sort("_line").drop("_line")


def _judged(lines: pl.DataFrame, added: AddedFields) -> pl.DataFrame:
    """Any lines, by the rules for messages."""
    indexed = lines.with_row_index("_row")
    tokens = [_tokens(part, _names(header)) for (header,), part in indexed.partition_by("key", as_dict=True).items()]
    dated = lines.with_columns(kafka_timestamp="ingested_at")
    judged = judge_tokens(dated, pl.concat([TOKENS.to_frame(), *tokens]), added)
    return judged.with_columns(lines["kafka_timestamp"])


def _good_lines(lines: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The lines that are certainly good events, with their fields. The rules for messages give the same result."""
    text = decode(lines["value"])
    lines, text = only_where(text.str.contains(_good_line(names)).fill_null(value=False), lines, text)
    parts = text.str.split_exact(",", len(names) - 1).struct.unnest()
    part = dict(zip(names, parts.get_columns(), strict=True))
    part[names[-1]] = part[names[-1]].str.strip_suffix("\r")
    fields = pl.DataFrame([_field(name, part.get(name), lines.height) for name in FIELDS])
    could_be_read = [~fields[name].is_null() | (text == "") for name, text in part.items() if name in FIELDS]
    read = pl.concat([lines, fields], how="horizontal")
    possible = read.select(in_range("ingested_at")).to_series()
    (good,) = only_where(functools.reduce(operator.and_, could_be_read, possible), read)
    return good.with_columns(reason=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))


def _good_line(names: Sequence[str]) -> str:
    """A pattern of good lines with these columns. Matches nothing if a required column is missing or one repeats."""
    if not set(FIELDS) - set(OPTIONAL) <= set(names) or len(set(names)) < len(names):
        return _NOTHING
    shapes = {**_GOOD, **dict.fromkeys(INTEGERS, INTEGER)}
    fields = (f"(?:{shapes.get(name, _TEXT)}){'?' if name in OPTIONAL else ''}" for name in names)
    return rf"\A{','.join(fields)}\r?\z"


def _field(name: str, text: pl.Series | None, rows: int) -> pl.Series:
    if text is None:
        return pl.Series(name, [None], _KINDS[name]).new_from_index(0, rows)
    if name == "event_time":
        return text.str.to_datetime("%Y-%m-%d %H:%M:%S UTC", time_unit="us", time_zone="UTC", strict=False).alias(name)
    return text.replace("", None).cast(_KINDS[name], strict=False).alias(name)


def dates_of(lines: pl.DataFrame) -> pl.Series:
    """The UTC day of each line's event; null where it can't be read. Cheaper than parsing the whole line."""
    text = decode(lines["value"])
    is_plain = text.str.contains(_PLAIN_TIME) & lines["key"].bin.starts_with(b"event_time,")
    dates = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).set(~is_plain.fill_null(value=False), None)
    if is_plain.all() and text.null_count() == 0:
        return dates
    rest = parse_lines(lines.filter(~is_plain.fill_null(value=False)))
    spelled = rest.select(pl.when(pl.col("reason").is_null()).then(pl.col("event_time").dt.date())).to_series()
    return dates.scatter((~is_plain.fill_null(value=False)).arg_true(), spelled)


def _names(header: bytes) -> list[str]:
    return next(cut([header.decode()], strict=False))


def _tokens(lines: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    text = lines.select("_row", _text=decode(lines["value"]).str.strip_suffix("\r"))
    is_plain = ~pl.col("_text").str.contains(_UNUSUAL)
    plain = text.filter(is_plain)
    unusual = lines.select("_row", "value").join(plain, on="_row", how="anti")
    return pl.concat([_plain_tokens(plain, names), _unusual_tokens(unusual, names)])


def _plain_tokens(text: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    parts = [f"field_{place}" for place in range(len(names) + 1)]
    cut = text.select("_row", _parts=pl.col("_text").str.splitn(",", len(parts))).unnest("_parts")
    columns = pl.sum_horizontal(pl.col(part).is_not_null() for part in parts)
    fields = {name: pl.col(part) for name, part in zip(names, parts, strict=False)}
    quoted = {name: pl.concat_str(pl.lit('"'), text, pl.lit('"')) for name, text in fields.items()}
    return cut.select(
        "_row",
        _problem=pl.when(columns != len(names)).then(pl.lit("bad_line")),
        _problem_detail=pl.when(columns != len(names)).then(pl.format("not {} columns", pl.lit(len(names)))),
        **{
            f"_{name}": pl.when(fields[name] != "").then(quoted[name]) if name in fields else pl.lit(None, pl.String)
            for name in FIELDS
        },
    )


def _unusual_tokens(lines: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    rows = [(row, *_line_tokens(value, names)) for row, value in lines.iter_rows()]
    return pl.DataFrame(rows, schema=TOKENS, orient="row")


def _line_tokens(line: bytes, names: Sequence[str]) -> Tokens:
    try:
        (fields,) = cut([line.decode().removesuffix("\r")])
    except UnicodeDecodeError:
        return tokens_of(line)
    except (csv.Error, ValueError) as error:
        return ("bad_line", str(error), *(None for _ in FIELDS))
    if len(fields) != len(names):
        return ("bad_line", f"not {len(names)} columns", *(None for _ in FIELDS))
    known = dict(zip(names, fields, strict=True))
    return (None, None, *(json.dumps(known[name]) if known.get(name) else None for name in FIELDS))
