"""What a team's journal has beside the submissions: tokens, who asked, who watches, upload addresses, pictures.

Its tables are in PostgreSQL only: on a journal that one machine keeps for itself there are no persons, and nothing of
this is asked for.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from atlascloud_video_mcp.journal.budget import from_millionths, to_millionths
from atlascloud_video_mcp.journal.people import IssuedToken, Person
from atlascloud_video_mcp.journal.rows import Rows
from atlascloud_video_mcp.journal.submission import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from atlascloud_video_mcp.journal.submission import Submission

_WITH_TOKEN = "SELECT * FROM tokens WHERE digest = ? AND revoked_at IS NULL"  # noqa: S105 - a digest's
_ADD_TOKEN = "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING"  # noqa: S105
_REVOKE = "UPDATE tokens SET revoked_at = ? WHERE person = ? AND revoked_at IS NULL"
_ASKED = """
    SELECT 1 FROM entries JOIN askers ON askers.intent_id = entries.intent_id
    WHERE entries.prediction_id = ? AND askers.person = ?
"""
_TAKE = "UPDATE watches SET owner = ? WHERE prediction_id = ? AND owner NOT IN (SELECT name FROM living)"
_WATCH = "INSERT INTO watches (owner, prediction_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
_ADOPT = """
    UPDATE watches SET owner = ? WHERE prediction_id IN (
        SELECT prediction_id FROM watches WHERE owner NOT IN (SELECT name FROM living)
        AND prediction_id IN (SELECT prediction_id FROM entries WHERE account IN (?, ''))
        LIMIT ? FOR UPDATE SKIP LOCKED
    ) RETURNING prediction_id
"""
_TAKE_TICKET = "UPDATE tickets SET used = TRUE WHERE digest = ? AND expires_at > ? AND NOT used"
_ADD_PICTURE = """
    INSERT INTO pictures VALUES (?, ?, ?) ON CONFLICT (person, digest) DO UPDATE SET facts = excluded.facts
"""


class TeamRows(Rows):
    """The same transaction, as a team sees it."""

    def check(self) -> datetime:
        """What time it is by the database's clock."""
        now: datetime = self._db.execute("SELECT clock_timestamp() AS now").fetchone()["now"]
        return now.astimezone(UTC)

    def person_of(self, digest: str) -> Person | None:
        """Whose token has this SHA-256; None: nobody's, or it was revoked."""
        row = self._db.execute(_WITH_TOKEN, (digest,)).fetchone()
        return _person(row) if row else None

    def add_token(self, name: str, digest: str, budget: Decimal | None, read_only: bool) -> bool:  # noqa: FBT001 - as stored
        """Give a person a token; False: one is in force."""
        kept = (digest, name, None if budget is None else to_millionths(budget), read_only, as_text(datetime.now(UTC)))
        return self._db.execute(_ADD_TOKEN, kept).rowcount == 1

    def tokens(self) -> list[IssuedToken]:
        """Every token that was given, the oldest first."""
        rows = self._db.execute("SELECT * FROM tokens ORDER BY created_at")
        return [
            IssuedToken(
                _person(row),
                datetime.fromisoformat(row["created_at"]),
                datetime.fromisoformat(row["revoked_at"]) if row["revoked_at"] else None,
            )
            for row in rows
        ]

    def revoke_token(self, name: str) -> bool:
        """Take a person's token back; False: none is in force."""
        return self._db.execute(_REVOKE, (as_text(datetime.now(UTC)), name)).rowcount == 1

    def asked(self, prediction_id: str, person: str) -> bool:
        """Whether a person asked for a prediction: paid for it, or joined it."""
        return self._db.execute(_ASKED, (prediction_id, person)).fetchone() is not None

    def add_asker(self, submission: Submission, person: Person | None) -> None:
        """A person is given this submission."""
        if person:
            asker = (submission.intent_id, person.name)
            self._db.execute("INSERT INTO askers VALUES (?, ?) ON CONFLICT DO NOTHING", asker)

    def watched_elsewhere(self, prediction_id: str) -> Submission | None:
        """What is known of a prediction that another process watches, or that has ended; None: it is ours to ask for.

        What a dead process watched is taken over.
        """
        known = self.submission_of(prediction_id)
        if known and not known.is_running:  # nobody watches it any more; what has no clip may still name it
            return None if known.is_unfinished else known
        watch = self._db.execute("SELECT owner FROM watches WHERE prediction_id = ?", (prediction_id,)).fetchone()
        if watch and watch["owner"] == self._me:
            return None
        self._hold()
        take = _WATCH if watch is None else _TAKE
        return None if self._db.execute(take, (self._me, prediction_id)).rowcount else known

    def adopt(self, account: str, most: int) -> list[str]:
        """Take over the watching of an account's predictions whose watchers are dead; their ids."""
        self._hold()
        return [row["prediction_id"] for row in self._db.execute(_ADOPT, (self._me, account, most)).fetchall()]

    def keep_watched(self, submission: Submission) -> None:
        """Have a prediction watched, by this process where nobody does, until it has ended."""
        if submission.is_running:
            self._db.execute(_WATCH, (self._me, submission.prediction_id))
        else:
            self.end_watch(str(submission.prediction_id))

    def end_watch(self, prediction_id: str) -> None:
        """Nobody needs to look at a prediction any more."""
        self._db.execute("DELETE FROM watches WHERE prediction_id = ?", (prediction_id,))

    def add_ticket(self, digest: str, person: str, fit: str | None, expires_at: datetime) -> None:
        """Let a person upload one picture; `digest` is the SHA-256 of what stands in the address."""
        self._db.execute("DELETE FROM tickets WHERE expires_at < ?", (as_text(datetime.now(UTC) - timedelta(days=1)),))
        self._db.execute("INSERT INTO tickets VALUES (?, ?, ?, ?, FALSE)", (digest, person, fit, as_text(expires_at)))

    def ticket_of(self, digest: str) -> tuple[str, str | None] | None:
        """Whose ticket it is, and what to do with a picture of a shape that is not taken."""
        row = self._db.execute("SELECT person, fit FROM tickets WHERE digest = ?", (digest,)).fetchone()
        return (row["person"], row["fit"]) if row else None

    def take_ticket(self, digest: str) -> bool:
        """Use it up; False: it was used, or its time is over."""
        return self._db.execute(_TAKE_TICKET, (digest, as_text(datetime.now(UTC)))).rowcount == 1

    def give_back_ticket(self, digest: str) -> None:
        """It may be used again."""
        self._db.execute("UPDATE tickets SET used = FALSE WHERE digest = ?", (digest,))

    def add_picture(self, person: str, digest: str, facts: Mapping[str, Any]) -> None:
        """A person uploaded a picture whose bytes, as they were passed on, have this SHA-256."""
        self._db.execute(_ADD_PICTURE, (person, digest, json.dumps(facts)))

    def picture(self, person: str, digest: str) -> dict[str, Any] | None:
        """What is known of a picture that this person uploaded."""
        row = self._db.execute(
            "SELECT facts FROM pictures WHERE person = ? AND digest = ?", (person, digest)
        ).fetchone()
        return dict(json.loads(row["facts"])) if row else None


def _person(row: Any) -> Person:  # noqa: ANN401 - as of a Cursor
    budget = None if row["budget"] is None else from_millionths(row["budget"])
    return Person(row["person"], budget, row["read_only"])
