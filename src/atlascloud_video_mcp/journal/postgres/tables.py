r"""The tables of a team's journal, and how they came to be.

Those that a journal on SQLite has too are told of in `journal.schema`; times are texts as there. What is free text is
JSON in `text`: `jsonb` takes neither `\u0000` nor lone surrogates.
"""

from __future__ import annotations

import psycopg

from atlascloud_video_mcp.errors import JournalUnusable

LOCK = 0x61637631
"""The advisory lock of whoever writes: one transaction at a time, as in a file."""
_MOMENT = "SUBSTR(COALESCE({0}.submitted_at, {0}.created_at), 1, 15)"
# The table schema_version has the number of steps that were taken. A step that was released is never changed.
STEPS = (
    f"""
    CREATE TABLE entries (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        intent_id text NOT NULL UNIQUE,
        key text NOT NULL,
        take bigint NOT NULL,
        owner text NOT NULL,
        stage text NOT NULL,
        request text NOT NULL,
        body text NOT NULL,
        notes text NOT NULL,
        created_at text NOT NULL,
        submitted_at text,
        prediction_id text,
        report text,
        save_to text NOT NULL,
        saved_path text NOT NULL,
        account text NOT NULL,
        quote bigint,
        spent bigint NOT NULL,
        picture text NOT NULL,
        person text NOT NULL
    );
    CREATE INDEX entries_by_key ON entries (key, take);
    CREATE INDEX entries_by_prediction ON entries (prediction_id);
    CREATE INDEX entries_by_time ON entries (COALESCE(submitted_at, created_at));
    CREATE INDEX entries_intended ON entries (owner) WHERE stage = 'intended';
    CREATE INDEX entries_lost ON entries (stage) WHERE stage IN ('sending', 'unknown');
    CREATE INDEX entries_without_a_price ON entries (created_at) WHERE quote IS NULL AND spent = 0 AND key <> '';
    CREATE TABLE uploads (
        host text NOT NULL,
        digest text NOT NULL,
        url text NOT NULL,
        uploaded_at text NOT NULL,
        PRIMARY KEY (host, digest)
    );
    CREATE TABLE durations (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        model text NOT NULL,
        duration bigint,
        seconds double precision NOT NULL
    );
    CREATE INDEX durations_by_kind ON durations (model, duration);
    CREATE TABLE begun_anew (at text NOT NULL);

    CREATE TABLE spending (span text, person text, amount bigint NOT NULL, PRIMARY KEY (span, person));
    CREATE FUNCTION count_spending() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP <> 'INSERT' AND OLD.spent <> 0 THEN
            UPDATE spending SET amount = amount - OLD.spent
            WHERE span = {_MOMENT.format("OLD")} AND person = OLD.person;
        END IF;
        IF TG_OP <> 'DELETE' AND NEW.spent <> 0 THEN
            INSERT INTO spending VALUES ({_MOMENT.format("NEW")}, NEW.person, NEW.spent)
            ON CONFLICT (span, person) DO UPDATE SET amount = spending.amount + excluded.amount;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER spending_counted AFTER INSERT OR UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION count_spending();

    -- Whose process is there, by this database's clock.
    CREATE TABLE owners (name text PRIMARY KEY, until timestamptz NOT NULL);
    CREATE VIEW living AS SELECT name FROM owners WHERE until > clock_timestamp();
    -- Which process looks at a prediction that has not ended.
    CREATE TABLE watches (prediction_id text PRIMARY KEY, owner text NOT NULL);
    -- Who asked for a submission: whoever paid, and whoever joined.
    CREATE TABLE askers (intent_id text, person text, PRIMARY KEY (intent_id, person));
    CREATE INDEX askers_by_person ON askers (person);
    CREATE TABLE tokens (
        digest text PRIMARY KEY,
        person text NOT NULL,
        budget bigint,
        read_only boolean NOT NULL,
        created_at text NOT NULL,
        revoked_at text
    );
    CREATE UNIQUE INDEX tokens_in_force ON tokens (person) WHERE revoked_at IS NULL;
    -- One-use addresses, by the digests of what stands in them.
    CREATE TABLE tickets (
        digest text PRIMARY KEY,
        person text NOT NULL,
        fit text,
        expires_at text NOT NULL,
        used boolean NOT NULL
    );
    CREATE TABLE pictures (person text, digest text, facts text NOT NULL, PRIMARY KEY (person, digest));
    """,  # noqa: S608 - of constants
)


def migrate(url: str) -> tuple[int, int]:
    """Bring a database to this program's version; returns its version before and after.

    Raises:
        JournalUnusable: It cannot be reached, or is of a newer version.
    """
    try:
        with psycopg.connect(url, connect_timeout=5) as db:
            db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            db.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)")
            row = db.execute("SELECT version FROM schema_version").fetchone()
            before = int(row[0]) if row else 0
            if before > len(STEPS):
                raise JournalUnusable(fault_of(before))
            for step in STEPS[before:]:
                db.execute(step.encode())
            db.execute("DELETE FROM schema_version")
            db.execute("INSERT INTO schema_version VALUES (%s)", (len(STEPS),))
    except psycopg.Error as error:
        raise JournalUnusable(f"The database could not be migrated: {told(error)}") from error
    return before, len(STEPS)


def fault_of(version: int | None) -> str:
    """What is wrong with a database of this version; nothing if it is this program's. None: it has no tables."""
    if version == len(STEPS):
        return ""
    if version is None or version < len(STEPS):
        return (
            f"The database is not ready (its version is {version or 0}, this program needs {len(STEPS)}): run "
            "atlascloud-video-mcp team migrate."
        )
    return (
        f"The database was migrated by a newer version of this program (it is of version {version}, this installation "
        f"knows version {len(STEPS)}). Update this installation: until then nothing is submitted."
    )


def told(error: psycopg.Error) -> str:
    """What the database said, on one line and without the address, in which a password may stand."""
    return " ".join(str(error.diag.message_primary or type(error).__name__).split())
