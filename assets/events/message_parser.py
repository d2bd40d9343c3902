"""Turns raw Kafka values into typed columns and a reason code, column by column.

Most values are certainly good events, and read by `good_messages`. Each of the others is cut into one JSON token per
field, in one of three ways. Values with the same keys, in the same order, as the first one: one regular expression.
Other flat JSON objects: one expression per field. The few others: `json_tokens`, one by one. All tokens are then read
alike.

Why regular expressions are safe here: in a flat object whose keys hold no backslash, the text `"price":` can only be a
key, since a quote inside a string always has a backslash before it.

Add here: how a field's token is read. Not here: which fields and reasons there are (`contract`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import polars as pl

from assets.events.avro_decoder import NO_SCHEMAS, Schemas, is_avro, to_json
from assets.events.contract import (
    AHEAD_OF_KAFKA,
    EARLIEST,
    EVENT_TYPES,
    FIELDS,
    INTEGERS,
    LONGEST_TEXT,
    MONEY,
    NONE_ADDED,
    OPTIONAL,
    REASONS,
    TEXTS,
    UTC_MICROSECONDS,
    AddedFields,
)
from assets.events.good_messages import read_good
from assets.events.json_tokens import tokens_of, unescape

_WS = r"[ \t\r\n]*"
_STRING = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_KEY = r'"[^"\\\x00-\x1f]*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_VALUE = f"{_STRING}|{_NUMBER}|true|false|null"
_PAIR = f"{_KEY}{_WS}:{_WS}(?:{_VALUE}){_WS}"
_FLAT_OBJECT = rf"\A{_WS}\{{{_WS}(?:{_PAIR}(?:,{_WS}{_PAIR})*)?\}}{_WS}\z"
_ANY_KEY = f'"[^"\\\\]*"{_WS}:'

_MOST_KEYS = 64
_PLAIN_VALUE = r'"[ !#-\[\]-~]*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|null'
"""What most values look like. An expression without escapes and non-ASCII text is much cheaper to match."""

_PLAIN_KEY = re.compile(r"\w{1,64}", re.ASCII)
"""Keys that may go into a regular expression: no message may make one too large to compile."""

TOKENS = pl.Schema(
    {
        "_row": pl.UInt32(),
        "_problem": pl.String(),
        "_problem_detail": pl.String(),
        **{f"_{field}": pl.String() for field in FIELDS},
    }
)

_EVENT_TIME = (
    r'\A"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
    r'(?:\.[0-9]{1,9})?(?: UTC|Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"\z'
)
_INTEGER = r'\A(?:-?(?:0|[1-9][0-9]*)|"[0-9]+")\z'
_PRICE = r'\A(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|"-?[0-9]+(?:\.[0-9]+)?")\z'
_THREE_DECIMALS = r"\.[0-9]{3}"
_ELEVEN_DIGITS = r"[1-9][0-9]{10}"


def parse_events(
    messages: pl.DataFrame, schemas: Schemas = NO_SCHEMAS, added: AddedFields = NONE_ADDED
) -> pl.DataFrame:
    """Read every value of `messages` by the event contract, those in Avro by `schemas`.

    `messages` has at least `value` (binary) and `kafka_timestamp` (UTC). For rows of bronze, which have `ingested_at`,
    `added` names the fields that some of them are older than. Returns the same rows in the same order, with
    their columns, the fields of the contract, and `reason` and `detail`, both null where the event is accepted. The
    fields of a refused row are unspecified.
    """
    encoded = is_avro(messages["value"], schemas)
    if not encoded.any():
        return _parse_json(messages, added)
    values = messages.with_row_index("_row").select("_row", "value")
    avro = _avro_tokens(values.filter(encoded), schemas)
    return judge_tokens(messages, pl.concat([_tokens(values.filter(~encoded)), avro]), added)


def _parse_json(messages: pl.DataFrame, added: AddedFields) -> pl.DataFrame:
    """Read the messages that are certainly good in the quick way, and judge the others."""
    indexed = messages.with_row_index("_row")
    good = read_good(indexed, decode(messages["value"]))
    if good.height < messages.height:
        others = indexed.join(good, on="_row", how="anti", maintain_order="left")
        values = others.with_row_index("_place").select(pl.col("_place").alias("_row"), "value")
        judged = judge_tokens(others.rename({"_row": "_at"}), _tokens(values), added).rename({"_at": "_row"})
        good = pl.concat([good, judged]).sort("_row")
    return good.drop("_row")


def _avro_tokens(values: pl.DataFrame, schemas: Schemas) -> pl.DataFrame:
    if values.is_empty():
        return pl.DataFrame(schema=TOKENS)
    read = [(row, *to_json(value, schemas)) for row, value in values.iter_rows()]
    shape = {"_row": TOKENS["_row"], "value": pl.Binary(), "_problem": pl.String(), "_problem_detail": pl.String()}
    decoded = pl.DataFrame(read, schema=shape, orient="row")
    good = pl.col("_problem").is_null()
    absent = [pl.lit(None, kind).alias(name) for name, kind in TOKENS.items() if name not in shape]
    refused = decoded.filter(~good).with_columns(absent).select(TOKENS.names())
    return pl.concat([_tokens(decoded.filter(good).select("_row", "value")), refused])


def judge_tokens(messages: pl.DataFrame, tokens: pl.DataFrame, added: AddedFields = NONE_ADDED) -> pl.DataFrame:
    """The result of `parse_events`, from the tokens (TOKENS) of every message; `_row` is the place in `messages`."""
    indexed = messages.with_row_index("_row")
    typed = indexed.join(tokens, on="_row", how="left", maintain_order="left").pipe(_typed)
    if added:
        typed = typed.with_columns(_unless_faulty(added))
    judged = typed.with_columns(reason=_reason())
    refused = judged.filter(pl.col("reason").is_not_null()).select("_row", detail=_detail())
    return judged.join(refused, on="_row", how="left", maintain_order="left").select(
        *messages.columns, *FIELDS, "reason", "detail"
    )


def _tokens(values: pl.DataFrame) -> pl.DataFrame:
    """One row per value: `_row`, the structural problem and its detail, and `_FIELD` = the field's JSON token."""
    rest = values.select("_row", _text=decode(values["value"]))
    found = [TOKENS.to_frame()]
    for cut in (_plain_tokens, _any_alike_tokens, _flat_tokens):
        if rest.height:
            found.append(cut(rest))
            rest = rest.join(found[-1], on="_row", how="anti")
    if rest.height:
        found.append(_other_tokens(rest.select("_row").join(values, on="_row")))
    return pl.concat(found)


def decode(values: pl.Series) -> pl.Series:
    """The values as text, null where the bytes are not UTF-8."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series([_utf8_or_none(value) for value in values], dtype=pl.String)


def _utf8_or_none(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _plain_tokens(text: pl.DataFrame) -> pl.DataFrame:
    return _alike_tokens(text, _PLAIN_VALUE)


def _any_alike_tokens(text: pl.DataFrame) -> pl.DataFrame:
    return _alike_tokens(text, _VALUE)


def _alike_tokens(text: pl.DataFrame, value: str) -> pl.DataFrame:
    """The tokens of the texts with the same keys, in the same order, as the first one, and values that match `value`.

    No rows if the first text is not a flat object.
    """
    keys = _keys(text.head(1))
    known = [key for key in keys if key in FIELDS]
    if not known or len(keys) > _MOST_KEYS or len(set(keys)) < len(keys) or not all(map(_PLAIN_KEY.fullmatch, keys)):
        return pl.DataFrame(schema=TOKENS)
    pairs = (f'"{key}"{_WS}:{_WS}({f"?<{key}>" if key in known else "?:"}{value}){_WS}' for key in keys)
    pattern = rf"\A{_WS}\{{{_WS}{f',{_WS}'.join(pairs)}\}}{_WS}\z"
    found = text.select("_row", _found=pl.col("_text").str.extract_groups(pattern)).unnest("_found")
    tokens = found.filter(pl.col(known[0]).is_not_null()).rename({key: f"_{key}" for key in known})
    absent = [pl.lit(None, pl.String).alias(name) for name in TOKENS if name not in tokens.columns]
    return tokens.with_columns(absent).select(TOKENS.names())


def _keys(first: pl.DataFrame) -> list[str]:
    """The keys of a flat object, in order, repeated ones included; none if the text is anything else."""
    text, key = pl.col("_text"), pl.element().str.strip_suffix(":").str.strip_chars(" \t\r\n").str.strip_chars('"')
    keys = pl.when(text.str.contains(_FLAT_OBJECT)).then(text.str.extract_all(_ANY_KEY).list.eval(key))
    (found,) = first.select(keys).to_series().to_list()
    return found or []


def _flat_tokens(text: pl.DataFrame) -> pl.DataFrame:
    """The tokens of the texts that are flat objects."""
    text = text.filter(pl.col("_text").str.contains(_FLAT_OBJECT))
    found = text.lazy().with_columns(_token(field) for field in FIELDS)
    known = pl.sum_horizontal(pl.col(f"_{field}").is_not_null() for field in FIELDS)
    keys = pl.col("_text").str.count_matches(f'"{_WS}:')
    counted = found.with_columns(_more=keys != known).collect()
    twice = counted.filter("_more").filter(_has_duplicate_key())["_row"]
    duplicated = pl.col("_row").is_in(twice.implode())
    return counted.select(
        "_row",
        pl.when(duplicated).then(pl.lit("duplicate_key")).alias("_problem"),
        pl.lit(None, pl.String).alias("_problem_detail"),
        *(f"_{field}" for field in FIELDS),
    )


def _token(field: str) -> pl.Expr:
    return pl.col("_text").str.extract(f'"{field}"{_WS}:{_WS}({_STRING}|[^,}} \t\r\n]+)').alias(f"_{field}")


def _has_duplicate_key() -> pl.Expr:
    keys = pl.col("_text").str.extract_all(_ANY_KEY).list.eval(pl.element().str.replace(f"{_WS}:", ""))
    return keys.list.n_unique() < keys.list.len()


def _other_tokens(values: pl.DataFrame) -> pl.DataFrame:
    rows = [(row, *tokens_of(value)) for row, value in values.iter_rows()]
    return pl.DataFrame(rows, schema=TOKENS, orient="row")


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the contract's typed columns; null where the token is null, absent or unreadable."""
    frame = frame.with_columns(pl.col(f"_{field}").replace("null", None) for field in FIELDS)
    escaped = _fields_where(frame, FIELDS, lambda token: token.str.contains("\\", literal=True))
    frame = frame.with_columns(_plain(frame[f"_{field}"]) for field in escaped - set(TEXTS))
    quoted = _fields_where(frame, ("event_type", "price", *INTEGERS), lambda token: token.str.starts_with('"'))

    def bare(field: str) -> pl.Expr:
        return _unquoted(pl.col(f"_{field}")) if field in quoted else pl.col(f"_{field}")

    return frame.with_columns(
        *((_unescaped(frame[f"_{name}"]) if name in escaped else _text(f"_{name}")).alias(name) for name in TEXTS),
        *(bare(field).cast(pl.Int64, strict=False).alias(field) for field in INTEGERS),
        _event_times(frame["_event_time"]).alias("event_time"),
        price=bare("price").cast(MONEY, strict=False),
        event_type=bare("event_type").replace_strict(EVENT_TYPES, default=None, return_dtype=pl.String),
    )


def _fields_where(frame: pl.DataFrame, fields: Sequence[str], holds: Callable[[pl.Expr], pl.Expr]) -> set[str]:
    """The fields in which at least one token has a property. Most batches need no costly reading of any field."""
    found = frame.select(holds(pl.col(f"_{field}")).any().alias(field) for field in fields)
    return {field for field, is_there in found.row(0, named=True).items() if is_there}


def _unquoted(token: pl.Expr) -> pl.Expr:
    return token.str.strip_prefix('"').str.strip_suffix('"')


def _text(column: str) -> pl.Expr:
    """The texts of JSON string tokens without escapes; null where the text is empty."""
    return _unquoted(pl.col(column)).replace("", None)


def _plain(tokens: pl.Series) -> pl.Series:
    """The tokens with string escapes resolved; strings that no table can hold stay unchanged."""
    escaped = tokens.filter(tokens.str.contains("\\", literal=True)).unique()
    texts = [unescape(token) for token in escaped]
    plain = [token if text is None else f'"{text}"' for token, text in zip(escaped, texts, strict=True)]
    return tokens.replace(escaped, pl.Series(plain, dtype=pl.String))


def _unescaped(tokens: pl.Series) -> pl.Series:
    """The texts of JSON string tokens; null where the text is empty or can't be stored."""
    strings = tokens.str.strip_prefix('"').str.strip_suffix('"')
    escaped = tokens.filter(tokens.str.contains("\\", literal=True)).unique()
    plain = pl.Series([unescape(token) for token in escaped], dtype=pl.String)
    strings = strings.set(tokens.is_in(escaped.implode()), None).fill_null(
        tokens.replace_strict(escaped, plain, default=None, return_dtype=pl.String)
    )
    return strings.replace("", None)


def _event_times(tokens: pl.Series) -> pl.Series:
    """UTC microseconds of quoted times, null where a token is not a time; digits past the microsecond are cut off.

    The regular expression only tests whether a token is a time. Its parts are then cut out by position: capturing
    groups would take three times as long.
    """
    token, tail = pl.col("token"), pl.col("tail")
    known = pl.LazyFrame({"token": tokens}).select(token=pl.when(token.str.contains(_EVENT_TIME)).then(token))
    cut = known.select(
        clock=token.str.slice(1, 19).str.replace("T", " ", literal=True),
        tail=token.str.slice(20).str.strip_suffix('"'),
    ).with_columns(zone=tail.str.find("[-+ Z]").cast(pl.Int64))
    parts = cut.select("clock", fraction=tail.str.slice(1, (pl.col("zone") - 1).clip(0)), zone=tail.str.slice("zone"))
    ahead = pl.duration(hours=_number("zone", 1), minutes=_number("zone", -2))
    micros = pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64, strict=False)
    seconds = pl.col("clock").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    local = seconds + pl.duration(microseconds=micros)
    utc = pl.when(pl.col("zone").str.starts_with("-")).then(local + ahead).otherwise(local - ahead)
    return parts.select(event_time=utc.dt.replace_time_zone("UTC").cast(UTC_MICROSECONDS)).collect().to_series()


def _number(text: str, place: int) -> pl.Expr:
    """The two digits at this place; 0 where there are none, as in `Z` and ` UTC`."""
    return pl.col(text).str.slice(place, 2).cast(pl.Int64, strict=False).fill_null(0)


_Problem = tuple[str, pl.Expr, pl.Expr]
"""A reason code, its detail, and where it holds. The first that holds is the row's reason."""


@cache
def _reason() -> pl.Expr:
    return pl.coalesce(pl.when(found).then(pl.lit(code)) for code, _, found in _problems())


@cache
def _detail() -> pl.Expr:
    return pl.coalesce(pl.when(found).then(detail) for _, detail, found in _problems())


def _problems() -> list[_Problem]:
    return [*_structure_problems(), *_field_problems()]


def _structure_problems() -> Iterable[_Problem]:
    problem, detail = pl.col("_problem"), pl.col("_problem_detail").fill_null("")
    return [(reason, detail, problem == reason) for reason in REASONS]


def _field_problems() -> Iterable[_Problem]:
    yield from (_problem(field, "missing_field", pl.col(f"_{field}").is_null()) for field in FIELDS if _required(field))
    yield from _event_time_problems()
    yield _problem("event_type", "unknown_event_type", pl.col("event_type").is_null())
    yield from (problem for field in INTEGERS for problem in _integer_problems(field))
    yield from _price_problems()
    yield from (problem for field in TEXTS for problem in _text_problems(field))


def _unless_faulty(added: AddedFields) -> Iterable[pl.Expr]:
    """The added fields, null where they break a rule that is younger than the message."""
    for field, at in added.items():
        problems = _integer_problems(field) if field in INTEGERS else _text_problems(field)
        breaks = pl.any_horizontal(found.fill_null(value=False) for _, _, found in problems)
        known = pl.when(~breaks | (pl.col("ingested_at") > at))
        yield from (known.then(name).alias(name) for name in (field, f"_{field}"))


def _required(field: str) -> bool:
    return field not in OPTIONAL


def _problem(field: str, reason: str, found: pl.Expr) -> _Problem:
    shown = pl.col(f"_{field}").str.slice(0, 100)
    return reason, pl.concat_str(pl.lit(f"{field}: "), shown.fill_null("null")), found


def _event_time_problems() -> Iterable[_Problem]:
    time = pl.col("event_time")
    latest = pl.col("kafka_timestamp") + AHEAD_OF_KAFKA
    yield _problem("event_time", "bad_event_time", time.is_null())
    yield _problem("event_time", "event_time_out_of_range", (time < pl.lit(EARLIEST)) | (time > latest))


def _integer_problems(field: str) -> Iterable[_Problem]:
    token = pl.col(f"_{field}")
    yield _problem(field, "bad_integer", ~token.str.contains(_INTEGER))
    yield _problem(field, "integer_out_of_range", token.is_not_null() & pl.col(field).is_null())


def _price_problems() -> Iterable[_Problem]:
    token = pl.col("_price")
    yield _problem("price", "bad_price", ~token.str.contains(_PRICE))
    yield _problem("price", "price_too_precise", token.str.contains(_THREE_DECIMALS))
    yield _problem("price", "price_out_of_range", token.str.contains(_ELEVEN_DIGITS) | pl.col("price").is_null())


def _text_problems(field: str) -> Iterable[_Problem]:
    token = pl.col(f"_{field}")
    unstorable = pl.col(field).is_null() & (token.str.len_bytes() > len('""'))
    yield _problem(field, "bad_text", ~token.str.starts_with('"') | unstorable)
    yield _problem(field, "text_too_long", pl.col(field).str.len_chars() > LONGEST_TEXT)
