"""The kinds of text and time that bodies and addresses hold: what no database takes is refused here, by name.

The patterns stand in the OpenAPI document too, so that a client can know before it sends.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from console.lists import LONGEST_FILTER

LONGEST: Final = 4000

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=LONGEST)]
# At least one letter of it is no blank.
Said = Annotated[str, StringConstraints(pattern=r"^[^\x00]*[^\x00\s][^\x00]*$", min_length=1, max_length=LONGEST)]  # fmt: skip


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only letters that can be printed")
    return text.strip()


# A filter as it is typed behind the question mark; the same letters as on the pages.
Filter = Annotated[str, StringConstraints(pattern=_LINE, max_length=LONGEST_FILTER)]
Line = Annotated[str, StringConstraints(pattern=_LINE, max_length=100), AfterValidator(_printable)]
LongLine = Annotated[str, StringConstraints(pattern=_LINE, max_length=255), AfterValidator(_printable)]


def _sensible(at: datetime) -> datetime:
    if not 2000 <= at.year <= 2200:
        raise ValueError("years go from 2000 to 2200")
    return at


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_sensible),
    Field(description="With its offset from UTC; years 2000 to 2200", examples=["2026-03-31T18:00:00-05:00"]),
]


class Asked(BaseModel):
    """What stands behind the question mark. An unknown name is refused: a filter that is misspelt would be none."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """What a client sends: no other field, and no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shown(BaseModel):
    """What the API answers; made of rows by the names of their columns."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")
