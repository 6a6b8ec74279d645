"""Columns of dates and durations, as numbers that a network can take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nonlin.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ISO = r"\s*\d{4}-\d{1,2}-\d{1,2}(?:[T ].*)?\s*"  # 3/4/2021 is March to some and April to others: left as text
NEARLY_ALL = 0.8  # a text column with this share of dates is a column of dates with mistakes in it
DAY = np.timedelta64(1, "D")
YEAR, WEEK = 365.2425, 7.0  # days


def with_dates(table: pd.DataFrame) -> pd.DataFrame:
    """The table with each column of dates as days since 1970 and the phase of the year, the week and the day.

    Phases are sine and cosine, so that December lies beside January; 0 where the date is missing, which the days say.
    Durations become days. Text counts as dates where it is ISO 8601 (2021-03-04, with or without a time, UTC unless it
    says otherwise). Raises DataError for a column of such dates with a few values that are none.
    """
    import pandas as pd

    columns: list[pd.Series[Any]] = []
    for position, name in enumerate(table.columns):
        column = table.iloc[:, position]
        dates = dates_of(column, str(name))
        if dates is not None:
            columns += _numbers(dates, str(name))
        elif pd.api.types.is_timedelta64_dtype(column):
            columns.append(column / pd.Timedelta(1, "D"))
        else:
            columns.append(column)
    return pd.concat(columns, axis=1) if columns else table


def dates_of(column: pd.Series[Any], name: str) -> pd.Series[Any] | None:
    """The column as dates in UTC; None where it is something else."""
    import pandas as pd

    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.tz_convert(None) if column.dt.tz is not None else column
    known = column.dropna()
    kind = pd.api.types.infer_dtype(known) if len(known) else "empty"
    if kind in ("date", "datetime"):  # Python's objects, as Parquet's days are read
        return pd.to_datetime(column, utc=True).dt.tz_convert(None)
    if kind != "string":
        return None
    shaped = known.str.fullmatch(ISO)
    if shaped.mean() < NEARLY_ALL:
        return None
    dates = pd.to_datetime(column.where(column.isna() | shaped.reindex(column.index, fill_value=False)),
                           format="ISO8601", errors="coerce", utc=True)  # fmt: skip
    wrong = column[column.notna() & dates.isna()]
    if len(wrong):
        raise DataError(f"column {name!r} is dates but for {len(wrong)} values, the first: {str(wrong.iloc[0])!r}: "
                        "correct them or leave them empty")  # fmt: skip
    return dates.dt.tz_convert(None)


def _numbers(dates: pd.Series[Any], name: str) -> list[pd.Series[Any]]:
    days = (dates - np.datetime64(0, "D")) / DAY
    phases = {
        "year": (dates.dt.day_of_year - 1) / YEAR,
        "week": dates.dt.day_of_week / WEEK,
        "day": days % 1,
    }
    found = [days.rename(f"{name} days").astype(float)]
    for period, phase in phases.items():
        for wave in (np.sin, np.cos):
            found.append(wave(2 * np.pi * phase).fillna(0.0).rename(f"{name} {period} {wave.__name__}"))
    return found
