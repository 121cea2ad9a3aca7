"""Apple's data exports: the datasets, their columns, their limits. Pure.

Source: Apple, "Exporting delivery metrics logs" and "Exporting broadcast push notification
metrics". The file-provider reports follow the same three steps: a row here is all they need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

HIDDEN = -1
"""What a broadcast report says where too few subscribe to show a number: never a number itself."""
DATE = "Date (UTC)"


class Dataset(StrEnum):
    """What can be exported, as this tool calls it."""

    delivery = "delivery"
    broadcast_app = "broadcast-app"
    broadcast_channel = "broadcast-channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow:
    """One row of the table: `path` is the word in the URL, `columns` those that are documented."""

    path: str
    columns: tuple[str, ...]
    takes_channel: bool = False
    oldest_days: int = 30
    """`startDate` is at most so many days in the past."""
    newest_days: int = 1
    """`endDate` is at least so many days in the past."""


_BROADCAST = (DATE, "Broadcasts Published", "Broadcasts Delivered", "Total Subscriptions")

DATASETS: Mapping[Dataset, DatasetRow] = MappingProxyType(
    {
        Dataset.delivery: DatasetRow(
            path="deliverymetrics", columns=("Push Type", "Status", DATE, "Count")
        ),
        Dataset.broadcast_app: DatasetRow(
            path="broadcastapplicationmetric", columns=(*_BROADCAST, "Unique Subscribers")
        ),
        Dataset.broadcast_channel: DatasetRow(
            path="broadcastchannelmetrics", columns=_BROADCAST, takes_channel=True
        ),
    }
)
PEAKS = frozenset({"Total Subscriptions", "Unique Subscribers"})
"""Columns that are a day's maximum of snapshots: of several the largest counts, never a sum."""
