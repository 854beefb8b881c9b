"""What a store keeps of trees and of witnessing beside its log; `chassis.migrations` makes these tables.

Tiles are derived from the log and made anew when they do not lead to a signed root. All else is primary: what was witnessed of others
cannot be known again once it is lost.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table, Text

from events.tables import Hash, Moment, Sequence

LEDGER = MetaData()

tiles = Table(
    "tiles",
    LEDGER,
    Column("number", Sequence, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),  # before the leaves: a read that asks for it alone leaves their pages unread
    Column("leaves", LargeBinary, nullable=False),
)

watched = Table(
    "watched",
    LEDGER,
    Column("source", String(64), primary_key=True),
    Column("key", Text, nullable=False),  # the verifier key that was pinned at the first look
    Column("origin", String(36), nullable=False),
    Column("size", BigInteger, nullable=False),  # 0: no checkpoint was seen yet
    Column("root", Hash, nullable=False),
    Column("seen_sequence", BigInteger, nullable=False),  # an event that was consumed and is still to be found in a signed tree; 0: none
    Column("seen_hash", Hash, nullable=False),
    Column("checked_at", Moment, nullable=False),
    Column("alarm", Text),
    Column("evidence", Text),  # the signed note that contradicts what was witnessed
)

witnessed = Table(
    "witnessed",
    LEDGER,
    Column("source", String(64), primary_key=True),
    Column("origin", String(36), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", Hash, nullable=False),
    Column("note", Text, nullable=False),  # the checkpoint as its owner signed it, with this witness's line
    Column("time", Moment, nullable=False),
)

cosignatures = Table(
    "cosignatures",
    LEDGER,
    Column("checkpoint", Hash, primary_key=True),  # SHA-256 of the text of one of our own checkpoints
    Column("key", String(200), primary_key=True),  # the witness's verifier key
    Column("size", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    Column("time", BigInteger, nullable=False),  # seconds since 1970, as the witness says
    Index("cosignatures_by_size", "size"),
)
