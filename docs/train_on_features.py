"""A model from exported features, in a few lines: who will buy within the next 30 days?

    salesinsights export features --as-of 2019-11-30 --out features
    salesinsights export features --as-of 2019-12-30 --out features
    python docs/train_on_features.py features 2019-11-30 2019-12-30

The label needs no extra file: a user with more purchases on the later day has bought in between. (With
`--label-days 30` the first command would also write it.) The script needs scikit-learn and pandas
(`pip install scikit-learn pandas`). Each library below reads the same file.
"""

import argparse
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split


def with_polars(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path)


def with_duckdb(path: Path) -> float:
    """The revenue of all users, by SQL over the file."""
    with duckdb.connect() as connection:
        found = connection.execute("SELECT sum(revenue) FROM read_parquet(?)", [str(path)]).fetchone()
    return float(found[0]) if found else 0.0


def with_pandas(path: Path) -> pd.DataFrame:
    """Read by DuckDB; `pandas.read_parquet` works too if pyarrow is installed."""
    with duckdb.connect() as connection:
        return connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).df()


def train(before: Path, after: Path) -> float:
    """How well a model predicts who buys between the two days: the area under its ROC curve, for users it never saw."""
    users, later = with_pandas(before), with_polars(after)
    bought = dict(later.select("user_id", "purchases").iter_rows())
    label = np.array([bought[user] > count for user, count in zip(users["user_id"], users["purchases"], strict=True)])
    known = users.drop(columns=["user_id", "as_of"]).astype(float)
    train_x, test_x, train_y, test_y = train_test_split(known, label, test_size=0.5, random_state=1, stratify=label)
    model = HistGradientBoostingClassifier(random_state=1).fit(train_x, train_y)
    return float(roc_auc_score(test_y, model.predict_proba(test_x)[:, 1]))


def main() -> None:
    told = argparse.ArgumentParser(description="Train on the features of one day who buys until another.")
    told.add_argument("folder", type=Path, help="where `salesinsights export features` wrote both days")
    told.add_argument("days", nargs=2, metavar="YYYY-MM-DD", help="the day of the features, and that of the answer")
    given = told.parse_args()
    before, after = (given.folder / f"user_features_{day}.parquet" for day in given.days)
    for path in (before, after):
        if not path.exists():
            told.error(f"{path} is missing: write it with salesinsights export features --as-of DAY --out FOLDER")
    users = with_polars(before)
    print(f"{users.height} users, {users.width} columns, revenue {with_duckdb(before):.2f}")
    print(f"area under the ROC curve: {train(before, after):.3f}")


if __name__ == "__main__":
    main()
