-- Schema and statements of the PostgreSQL outbox. Each statement begins at its "-- name:" line.
--
-- Transactions here are READ COMMITTED: each statement sees what was committed before it began, and a row that it had
-- to wait for is looked at again. Who changes a conversion locks its row first, in order of seq; `claim` and
-- `distribute` lock only narrow rows.


-- name: migration_1
CREATE TABLE pixeltwin_migration (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- One canonical row a conversion, inserted by one statement and not rewritten while it waits. `seq` is given when the
-- row is put. Transactions commit in another order, so nothing may conclude from one seq that lower ones are there.
CREATE TABLE pixeltwin_conversion (
    seq bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME pixeltwin_seq) PRIMARY KEY,
    id text NOT NULL,
    unique_key text,
    event text NOT NULL,
    destinations integer[] NOT NULL,
    occurred_at timestamptz NOT NULL,
    put_at timestamptz NOT NULL,
    held text[] NOT NULL,          -- what it waits for; empty: it may go
    browser text NOT NULL,         -- none, offered or suppressed; what is acknowledged is kept by destination
    browser_at timestamptz,
    settled_at timestamptz,        -- when its server halves had all ended
    purge_at timestamptz NOT NULL, -- when purge has to do something
    record bytea,                  -- null: a tombstone
    visitor bytea                  -- null: erased
);
CREATE UNIQUE INDEX pixeltwin_unique ON pixeltwin_conversion (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX pixeltwin_id ON pixeltwin_conversion (id);
CREATE INDEX pixeltwin_purge ON pixeltwin_conversion (purge_at);
CREATE INDEX pixeltwin_held ON pixeltwin_conversion (seq) WHERE held <> '{}';

-- Rows that may go and have no state rows yet. A row is in here from the moment its transaction commits, however late,
-- until a worker makes its state rows: that is why none is overlooked, in whatever order transactions commit.
CREATE TABLE pixeltwin_arrival (
    seq bigint PRIMARY KEY
);

-- Names sort as Python sorts them.
CREATE TABLE pixeltwin_destination (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

-- One narrow row a server half. `due_at`: when a pending or waiting half may be claimed, when a claimed one's lease
-- ends; null: not to be claimed. `fresh`: nobody has claimed it yet, and it goes behind those that are due again.
CREATE TABLE pixeltwin_delivery (
    seq bigint NOT NULL,
    destination integer NOT NULL,
    state text NOT NULL,
    fresh boolean NOT NULL,
    due_at timestamptz,
    attempts integer NOT NULL,
    lease text,
    reason text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (seq, destination)
);
CREATE INDEX pixeltwin_due ON pixeltwin_delivery (destination, due_at, seq) WHERE due_at IS NOT NULL AND NOT fresh;
CREATE INDEX pixeltwin_fresh ON pixeltwin_delivery (destination, seq) WHERE fresh;
CREATE INDEX pixeltwin_refused ON pixeltwin_delivery (seq) WHERE state = 'refused';

-- What the browser said of which pixels. Destinations by name: not all of them have a server half.
CREATE TABLE pixeltwin_acknowledged (
    seq bigint NOT NULL,
    destination text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (seq, destination)
);

-- What is kept for conversions that are still to come.
CREATE TABLE pixeltwin_note (
    kind text NOT NULL,
    key text NOT NULL,
    noted_at timestamptz NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX pixeltwin_noted ON pixeltwin_note (noted_at);


-- name: migration_2
-- `shared`: what all workers know of the destination. A version only adds: processes of the one before go on beside it.
ALTER TABLE pixeltwin_destination ADD COLUMN shared bytea;
CREATE INDEX pixeltwin_expired ON pixeltwin_delivery (seq) WHERE state = 'expired';

-- What visitors decided about consent. Only appended to.
CREATE TABLE pixeltwin_decision (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who text NOT NULL,
    at timestamptz NOT NULL,
    data bytea NOT NULL
);
CREATE INDEX pixeltwin_decided_last ON pixeltwin_decision (who, number);
CREATE INDEX pixeltwin_decided_at ON pixeltwin_decision (at);


-- name: migration_3
-- False: the browser said that this pixel was blocked. What was there before had fired.
ALTER TABLE pixeltwin_acknowledged ADD COLUMN fired boolean NOT NULL DEFAULT true;


-- name: migration_4
-- How many conversions carried which signal, by day: no personal data, and kept when that is erased.
CREATE TABLE pixeltwin_tally (
    day date NOT NULL,
    destination text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    what text COLLATE "C" NOT NULL,
    many bigint NOT NULL,
    PRIMARY KEY (day, destination, event, what)
);


-- name: migration_5
-- `oldest`: the oldest version that knows enough to work with these tables from then on. A migration that only adds
-- leaves it out.
ALTER TABLE pixeltwin_migration ADD COLUMN oldest integer NOT NULL DEFAULT 1;


-- name: lock
-- One at a time: migrations, and the making of state rows. Held for milliseconds; the key is arbitrary.
SELECT pg_advisory_xact_lock(7449921570301)

-- name: place
-- Where the tables are; null: nowhere on the search path.
SELECT c.relnamespace::regnamespace::text FROM pg_class c WHERE c.oid = to_regclass('pixeltwin_migration')

-- name: version
SELECT coalesce(max(version), 0) FROM pixeltwin_migration

-- name: oldest_version
SELECT max(oldest) FROM pixeltwin_migration

-- name: tables
-- The outbox's, wherever it is.
SELECT relname::text FROM pg_class
WHERE relkind = 'r' AND starts_with(relname::text, 'pixeltwin_')
    AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('pixeltwin_migration'))

-- name: grants
-- What gives the tables that were made since the privileges which others than their owner have on the first one, whose
-- owner may be another. A new table's sequence needs none: it is an identity column's.
SELECT 'GRANT ' || a.privilege_type || ' ON ' || made.oid::regclass || ' TO '
    || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_class first JOIN pg_class made ON made.relnamespace = first.relnamespace,
    aclexplode(coalesce(first.relacl, acldefault('r', first.relowner))) a
WHERE first.oid = to_regclass('pixeltwin_conversion') AND made.relkind = 'r' AND made.oid <> first.oid
    AND starts_with(made.relname::text, 'pixeltwin_') AND made.relname <> ALL(%(there)s::text[])
    AND a.grantee <> made.relowner

-- name: blockers
-- Who has a table of the outbox's locked; longest first, but those before whose age this role may not see.
SELECT l.pid, nullif(s.application_name, ''), s.usename::text FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity s ON s.pid = l.pid
WHERE l.granted AND l.pid <> pg_backend_pid() AND starts_with(c.relname::text, 'pixeltwin_')
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (s.xact_start < now() - interval '0.2 s') IS NOT FALSE
GROUP BY l.pid, s.application_name, s.usename, s.xact_start ORDER BY s.xact_start NULLS FIRST LIMIT 2

-- name: add_migration
INSERT INTO pixeltwin_migration (version) VALUES (%(version)s)

-- name: add_destination
INSERT INTO pixeltwin_destination (name) VALUES (%(name)s) ON CONFLICT DO NOTHING

-- name: destination
-- Its number, and whether there are rows to distribute.
SELECT number, EXISTS (SELECT FROM pixeltwin_arrival) FROM pixeltwin_destination WHERE name = %(name)s


-- The request ---------------------------------------------------------------------------------------------------------

-- name: put
-- The whole price of a request: one statement, its own transaction. No row comes back where the natural key is known. It
-- is looked for first, so that a second report uses up no seq.
WITH made AS (
    INSERT INTO pixeltwin_conversion
        (id, unique_key, event, destinations, occurred_at, put_at, held, browser, browser_at, purge_at, record, visitor)
    SELECT %(id)s::text, %(unique)s::text, %(event)s::text, %(destinations)s::integer[], %(occurred_at)s::timestamptz,
        %(now)s::timestamptz, '{}'::text[], %(browser)s::text, %(browser_at)s::timestamptz, %(purge_at)s::timestamptz,
        %(record)s::bytea, %(visitor)s::bytea
    WHERE NOT EXISTS (SELECT FROM pixeltwin_conversion WHERE unique_key = %(unique)s::text)
    ON CONFLICT DO NOTHING
    RETURNING seq
)
INSERT INTO pixeltwin_arrival (seq) SELECT seq FROM made RETURNING seq

-- name: put_aside
-- The same for a row that no worker may have: it is held, or for no destination and settled.
INSERT INTO pixeltwin_conversion
    (id, unique_key, event, destinations, occurred_at, put_at, held, browser, browser_at, settled_at, purge_at, record,
    visitor)
SELECT %(id)s::text, %(unique)s::text, %(event)s::text, %(destinations)s::integer[], %(occurred_at)s::timestamptz,
    %(now)s::timestamptz, %(held)s::text[], %(browser)s::text, %(browser_at)s::timestamptz, %(settled_at)s::timestamptz,
    %(purge_at)s::timestamptz, %(record)s::bytea, %(visitor)s::bytea
WHERE NOT EXISTS (SELECT FROM pixeltwin_conversion WHERE unique_key = %(unique)s::text)
ON CONFLICT DO NOTHING
RETURNING seq

-- name: identity
-- Which database a connection is on: two that answer alike are on the same one. When the server began is a whole number, for
-- how a time is written depends on the session's settings.
SELECT current_database(), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, to_regclass(%(table)s)::oid

-- name: find
-- The last column: whether any half may have left. All statements that read a row as `Stored` share these columns.
SELECT c.seq, c.id, c.record, c.visitor, c.held, EXISTS (
    SELECT FROM pixeltwin_delivery s WHERE s.seq = c.seq AND (s.state = 'claimed' OR s.attempts > 0))
FROM pixeltwin_conversion c WHERE c.unique_key = %(unique)s

-- name: get
SELECT c.seq, c.id, c.record, c.visitor, c.held, EXISTS (
    SELECT FROM pixeltwin_delivery s WHERE s.seq = c.seq AND (s.state = 'claimed' OR s.attempts > 0))
FROM pixeltwin_conversion c WHERE c.id = ANY(%(ids)s) ORDER BY c.seq

-- name: lock_ids
SELECT seq FROM pixeltwin_conversion WHERE id = ANY(%(ids)s) ORDER BY seq FOR UPDATE

-- name: lock_seqs
SELECT FROM pixeltwin_conversion WHERE seq = ANY(%(seqs)s::bigint[]) ORDER BY seq FOR NO KEY UPDATE

-- name: lock_arrivals
SELECT seq FROM pixeltwin_arrival WHERE seq = ANY(%(seqs)s) ORDER BY seq FOR UPDATE

-- name: lock_halves
SELECT seq FROM pixeltwin_delivery WHERE seq = ANY(%(seqs)s) ORDER BY seq, destination FOR UPDATE

-- name: fill
UPDATE pixeltwin_conversion c SET visitor = %(visitor)s
WHERE c.seq = %(seq)s AND c.visitor IS NOT NULL AND (%(never_late)s OR NOT EXISTS (
    SELECT FROM pixeltwin_delivery s WHERE s.seq = c.seq AND (s.state = 'claimed' OR s.attempts > 0)))

-- name: offer
-- Who changes the row has won: no two requests hand out the same half.
WITH offered AS (
    SELECT seq FROM pixeltwin_conversion
    WHERE id = ANY(%(ids)s) AND browser = 'none' AND held = '{}' AND record IS NOT NULL
    ORDER BY seq FOR NO KEY UPDATE
)
UPDATE pixeltwin_conversion c SET browser = 'offered', browser_at = %(now)s
FROM offered WHERE c.seq = offered.seq
RETURNING c.seq, c.id, c.record, c.visitor, c.held, EXISTS (
    SELECT FROM pixeltwin_delivery s WHERE s.seq = c.seq AND (s.state = 'claimed' OR s.attempts > 0))

-- name: retract
UPDATE pixeltwin_conversion c SET browser = 'none', browser_at = NULL
WHERE c.id = ANY(%(ids)s) AND c.browser = 'offered'
    AND NOT EXISTS (SELECT FROM pixeltwin_acknowledged a WHERE a.seq = c.seq)
    AND NOT EXISTS (SELECT FROM pixeltwin_delivery s WHERE s.seq = c.seq AND s.state = 'cancelled')

-- name: acknowledge
-- What was blocked may fire after all; what fired stays so.
INSERT INTO pixeltwin_acknowledged AS a (seq, destination, at, fired)
SELECT c.seq, n.name, %(now)s, %(fired)s FROM pixeltwin_conversion c, unnest(%(destinations)s::text[]) AS n(name)
WHERE c.seq = ANY(%(seqs)s) AND c.browser <> 'suppressed'
ON CONFLICT (seq, destination) DO UPDATE SET fired = true, at = excluded.at WHERE excluded.fired AND NOT a.fired

-- name: acknowledge_offer
UPDATE pixeltwin_conversion SET browser = 'offered', browser_at = %(now)s WHERE seq = ANY(%(seqs)s) AND browser = 'none'

-- name: waiting
SELECT c.seq, c.record FROM pixeltwin_conversion c WHERE c.seq = ANY(%(seqs)s) AND %(reason)s = ANY(c.held)
ORDER BY c.seq

-- name: lift
-- Lifts one thing that rows wait for; says which now wait for nothing more. The rows are locked.
UPDATE pixeltwin_conversion c SET
    held = array_remove(c.held, %(reason)s),
    record = n.record,
    occurred_at = coalesce(%(occurred_at)s::timestamptz, c.occurred_at),
    purge_at = CASE WHEN array_remove(c.held, %(reason)s) = '{}' THEN %(purge_at)s ELSE c.purge_at END
FROM unnest(%(seqs)s::bigint[], %(records)s::bytea[]) AS n(seq, record)
WHERE c.seq = n.seq
RETURNING c.seq, c.id, c.held = '{}'

-- name: unshown
SELECT seq, record FROM pixeltwin_conversion WHERE seq = ANY(%(seqs)s) AND browser = 'none' AND record IS NOT NULL
ORDER BY seq

-- name: rewrite
UPDATE pixeltwin_conversion c SET record = n.record
FROM unnest(%(seqs)s::bigint[], %(records)s::bytea[]) AS n(seq, record) WHERE c.seq = n.seq

-- name: make_halves
-- State rows for the destinations that have none of these conversions yet.
INSERT INTO pixeltwin_delivery (seq, destination, state, fresh, due_at, attempts, reason, updated_at)
SELECT c.seq, d.number, 'pending', false, %(now)s, 0, '', %(now)s
FROM pixeltwin_conversion c, unnest(c.destinations) AS d(number)
WHERE c.seq = ANY(%(seqs)s) AND c.settled_at IS NULL
ON CONFLICT DO NOTHING

-- name: forget_arrivals
-- Waits for a worker that is distributing these rows just now; afterwards their state rows can be seen.
DELETE FROM pixeltwin_arrival WHERE seq = ANY(%(seqs)s)

-- name: end_open
-- `busy`: halves on their way are ended as well. Reasons come by conversion.
UPDATE pixeltwin_delivery s
SET state = %(state)s, fresh = false, due_at = NULL, lease = NULL, reason = n.reason, updated_at = %(now)s
FROM unnest(%(seqs)s::bigint[], %(reasons)s::text[]) AS n(seq, reason)
WHERE s.seq = n.seq AND (s.state IN ('pending', 'waiting') OR (%(busy)s AND s.state = 'claimed'))
RETURNING s.seq

-- name: withdraw
UPDATE pixeltwin_conversion
SET visitor = NULL, held = '{}', browser = CASE browser WHEN 'none' THEN 'suppressed' ELSE browser END
WHERE seq = ANY(%(seqs)s)

-- name: give_up
UPDATE pixeltwin_conversion SET unique_key = NULL WHERE seq = %(seq)s AND settled_at IS NOT NULL RETURNING seq


-- Notes ---------------------------------------------------------------------------------------------------------------

-- name: note
INSERT INTO pixeltwin_note (kind, key, noted_at, data) VALUES (%(kind)s, %(key)s, %(now)s, %(data)s)
ON CONFLICT (kind, key) DO UPDATE SET noted_at = excluded.noted_at, data = excluded.data RETURNING key

-- name: noted
SELECT data FROM pixeltwin_note WHERE kind = %(kind)s AND key = %(key)s AND noted_at > %(since)s

-- name: forget_note
DELETE FROM pixeltwin_note WHERE kind = %(kind)s AND key = %(key)s RETURNING key

-- name: amend_note
UPDATE pixeltwin_note SET data = %(data)s WHERE kind = %(kind)s AND key = %(key)s

-- name: notes
SELECT key, data FROM pixeltwin_note WHERE kind = %(kind)s AND key > %(after)s ORDER BY key LIMIT %(limit)s

-- name: awaited
SELECT n.key FROM pixeltwin_note n JOIN pixeltwin_conversion c ON c.unique_key = n.key
WHERE n.kind = %(kind)s AND n.noted_at > %(since)s AND c.held <> '{}'

-- name: forget_notes
DELETE FROM pixeltwin_note WHERE (kind, key) IN (
    SELECT kind, key FROM pixeltwin_note WHERE noted_at <= %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED)


-- Decisions -----------------------------------------------------------------------------------------------------------

-- name: decide
INSERT INTO pixeltwin_decision (who, at, data) VALUES (%(who)s, %(at)s, %(data)s)

-- name: decided_last
SELECT DISTINCT ON (who) number, who, at, data FROM pixeltwin_decision
WHERE who = ANY(%(whos)s) ORDER BY who, number DESC

-- name: decisions
SELECT number, who, at, data FROM pixeltwin_decision WHERE number > %(after)s ORDER BY number LIMIT %(limit)s

-- name: forget_decisions
DELETE FROM pixeltwin_decision WHERE number IN (
    SELECT number FROM pixeltwin_decision WHERE at <= %(before)s ORDER BY at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)


-- Tallies -------------------------------------------------------------------------------------------------------------

-- name: tally
-- One row after another, in the order of the arrays.
INSERT INTO pixeltwin_tally AS t (day, destination, event, what, many)
SELECT %(day)s, %(destination)s, event, what, many
FROM unnest(%(events)s::text[], %(whats)s::text[], %(many)s::bigint[]) AS given (event, what, many)
ON CONFLICT (day, destination, event, what) DO UPDATE SET many = t.many + excluded.many

-- name: tallies
SELECT day, destination, event, what, many FROM pixeltwin_tally WHERE day >= %(since)s
ORDER BY day, destination, event, what

-- name: forget_tallies
DELETE FROM pixeltwin_tally WHERE day < %(before)s


-- The worker ----------------------------------------------------------------------------------------------------------

-- name: distribute
-- Makes state rows for the next arrivals, at all their destinations.
WITH due AS (
    SELECT seq FROM pixeltwin_arrival ORDER BY seq LIMIT %(limit)s
), taken AS (
    DELETE FROM pixeltwin_arrival a USING due WHERE a.seq = due.seq RETURNING a.seq
), made AS (
    INSERT INTO pixeltwin_delivery (seq, destination, state, fresh, due_at, attempts, reason, updated_at)
    SELECT c.seq, d.number, 'pending', true, c.put_at, 0, '', c.put_at
    FROM taken JOIN pixeltwin_conversion c ON c.seq = taken.seq, unnest(c.destinations) AS d(number)
    WHERE c.settled_at IS NULL
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM taken

-- name: rouse
-- `updated_at` is when a lease was first seen by this clock: until then it lies ahead.
WITH far AS (
    SELECT s.seq, s.destination FROM pixeltwin_destination d JOIN pixeltwin_delivery s ON s.destination = d.number
    WHERE s.due_at > %(furthest)s AND NOT s.fresh
        AND (s.state <> 'claimed' OR s.updated_at > %(now)s OR s.updated_at <= %(lease_began)s)
    ORDER BY s.seq, s.destination LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)
UPDATE pixeltwin_delivery s SET
    due_at = CASE WHEN s.state = 'claimed' AND s.updated_at > %(lease_began)s THEN s.due_at ELSE %(now)s END,
    updated_at = least(s.updated_at, %(now)s)
FROM far WHERE s.seq = far.seq AND s.destination = far.destination

-- name: claim_again
-- The rows are locked where they lie, so they can be taken by that place. Whose lease was lost may have left.
UPDATE pixeltwin_delivery SET
    state = 'claimed', attempts = attempts + (state = 'claimed')::int, due_at = %(lease_end)s, lease = %(lease)s,
    updated_at = %(now)s
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM pixeltwin_delivery
    WHERE destination = %(destination)s AND due_at <= %(now)s AND NOT fresh
    ORDER BY due_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING seq

-- name: claim_fresh
UPDATE pixeltwin_delivery
SET state = 'claimed', fresh = false, due_at = %(lease_end)s, lease = %(lease)s, updated_at = %(now)s
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM pixeltwin_delivery
    WHERE destination = %(destination)s AND fresh
    ORDER BY seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING seq

-- name: claimed
-- A statement of its own, so that it sees what was filled in until the moment of the claim.
SELECT c.seq, c.id, c.record, c.visitor, s.attempts,
    CASE a.fired WHEN true THEN 'acknowledged' WHEN false THEN 'blocked' ELSE c.browser END,
    coalesce(a.at, c.browser_at), c.put_at
FROM pixeltwin_delivery s JOIN pixeltwin_conversion c ON c.seq = s.seq
LEFT JOIN pixeltwin_acknowledged a ON a.seq = s.seq AND a.destination = %(name)s
WHERE s.seq = ANY(%(seqs)s) AND s.destination = %(destination)s
ORDER BY s.seq

-- name: settle
UPDATE pixeltwin_delivery SET
    state = %(state)s, due_at = %(due_at)s, attempts = attempts + %(tried)s, reason = %(reason)s, updated_at = %(now)s,
    lease = NULL
WHERE seq = ANY(%(seqs)s::bigint[]) AND destination = %(destination)s AND lease = %(lease)s

-- name: close_rows
-- Settles conversions whose halves have all ended. Personal data goes at once, or with the record where a half was
-- refused or expired. The rows must be locked: of two workers that settle the last two halves at once, one sees both.
WITH ended AS (
    SELECT n.seq, count(s.seq) AS halves, bool_or(s.state IN ('refused', 'expired')) AS kept
    FROM unnest(%(seqs)s::bigint[]) AS n(seq)
    LEFT JOIN pixeltwin_delivery s ON s.seq = n.seq AND s.state NOT IN ('pending', 'claimed', 'waiting')
    GROUP BY n.seq
)
UPDATE pixeltwin_conversion c SET
    settled_at = %(now)s,
    visitor = CASE WHEN ended.kept THEN c.visitor END,
    purge_at = CASE WHEN ended.kept THEN %(personal_until)s::timestamptz ELSE %(record_until)s::timestamptz END
FROM ended WHERE c.seq = ended.seq AND c.settled_at IS NULL AND c.held = '{}' AND ended.halves = cardinality(c.destinations)

-- name: next_due
-- Whether any of these destinations has something new, and when the next half is due again.
SELECT EXISTS (
    SELECT FROM pixeltwin_delivery WHERE destination = ANY(%(numbers)s::integer[]) AND fresh
) OR EXISTS (
    SELECT FROM pixeltwin_arrival a JOIN pixeltwin_conversion c ON c.seq = a.seq
    WHERE c.destinations && %(numbers)s::integer[]
), (
    SELECT min(next.due_at) FROM unnest(%(numbers)s::integer[]) AS n(number), LATERAL (
        SELECT due_at FROM pixeltwin_delivery
        WHERE destination = n.number AND due_at IS NOT NULL AND NOT fresh ORDER BY due_at LIMIT 1
    ) AS next
)

-- name: kept
-- The row is this transaction's now: whoever comes next waits, and reads what was written last.
SELECT shared FROM pixeltwin_destination WHERE number = %(destination)s FOR UPDATE

-- name: share
UPDATE pixeltwin_destination SET shared = %(shared)s WHERE number = %(destination)s

-- name: backlog
-- From the first row that is new to a destination to the last row. Arrivals count for all of them.
SELECT d.name, coalesce((SELECT max(seq) FROM pixeltwin_conversion) - least(
    (SELECT min(seq) FROM pixeltwin_arrival),
    (SELECT seq FROM pixeltwin_delivery WHERE destination = d.number AND fresh ORDER BY seq LIMIT 1)) + 1, 0)
FROM pixeltwin_destination d

-- name: oldest
-- The first open half of each kind, each found in the index of its kind alone. The + 0 keeps PostgreSQL from looking for
-- the lowest seq where the history lies.
SELECT c.occurred_at FROM pixeltwin_conversion c WHERE c.seq = least(
    (SELECT min(seq + 0) FROM pixeltwin_delivery WHERE destination = %(destination)s AND due_at IS NOT NULL AND NOT fresh),
    (SELECT seq FROM pixeltwin_delivery WHERE destination = %(destination)s AND fresh ORDER BY seq LIMIT 1), (
        SELECT a.seq FROM pixeltwin_arrival a JOIN pixeltwin_conversion n ON n.seq = a.seq
        WHERE n.destinations @> ARRAY[%(destination)s::integer] AND n.settled_at IS NULL AND NOT EXISTS (
            SELECT FROM pixeltwin_delivery s WHERE s.seq = a.seq AND s.destination = %(destination)s)
        ORDER BY a.seq LIMIT 1
    ))

-- name: open_rows
-- Without a seq to go on behind, from the first open half, as `oldest` finds it.
SELECT c.seq, c.id, c.record, c.visitor, c.held, EXISTS (
    SELECT FROM pixeltwin_delivery s WHERE s.seq = c.seq AND (s.state = 'claimed' OR s.attempts > 0))
FROM pixeltwin_conversion c
WHERE c.settled_at IS NULL AND c.held = '{}' AND c.seq > coalesce(%(after)s::bigint, least(
    (SELECT min(seq + 0) FROM pixeltwin_delivery WHERE due_at IS NOT NULL AND NOT fresh),
    (SELECT min(seq + 0) FROM pixeltwin_delivery WHERE fresh),
    (SELECT min(seq) FROM pixeltwin_arrival)) - 1)
ORDER BY c.seq LIMIT %(limit)s

-- name: numbers
SELECT number FROM pixeltwin_destination WHERE name = ANY(%(names)s)

-- name: outlived
SELECT seq, array_to_string(held, ' ') FROM pixeltwin_conversion
WHERE purge_at <= %(now)s AND record IS NOT NULL
ORDER BY purge_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- name: bury
UPDATE pixeltwin_conversion SET
    record = NULL, visitor = NULL, held = '{}',
    browser = CASE browser WHEN 'none' THEN 'suppressed' ELSE browser END,
    settled_at = coalesce(settled_at, %(now)s),
    purge_at = put_at + CASE WHEN unique_key IS NULL THEN %(keep_others)s::interval ELSE %(keep_keyed)s::interval END
WHERE seq = ANY(%(seqs)s)

-- name: forgettable
SELECT seq FROM pixeltwin_conversion
WHERE purge_at <= %(now)s AND record IS NULL AND seq < (SELECT max(seq) FROM pixeltwin_conversion)
ORDER BY seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- name: forget_deliveries
DELETE FROM pixeltwin_delivery WHERE seq = ANY(%(seqs)s)

-- name: forget_acknowledged
DELETE FROM pixeltwin_acknowledged WHERE seq = ANY(%(seqs)s)

-- name: forget
DELETE FROM pixeltwin_conversion WHERE seq = ANY(%(seqs)s)


-- People --------------------------------------------------------------------------------------------------------------

-- name: shared
SELECT name, shared FROM pixeltwin_destination WHERE shared IS NOT NULL

-- name: destinations
SELECT name FROM pixeltwin_destination ORDER BY name

-- name: counts
SELECT d.name, n.state, sum(n.count)::bigint FROM (
    SELECT destination, state, count(*) AS count FROM pixeltwin_delivery GROUP BY destination, state
    UNION ALL
    SELECT d.number, CASE c.held WHEN '{}' THEN 'pending' ELSE 'held' END AS state, count(*)
    FROM (
        SELECT seq FROM pixeltwin_arrival UNION ALL SELECT seq FROM pixeltwin_conversion WHERE held <> '{}'
    ) AS unseen JOIN pixeltwin_conversion c ON c.seq = unseen.seq
    CROSS JOIN unnest(c.destinations) AS d(number)
    LEFT JOIN pixeltwin_delivery s ON s.destination = d.number AND s.seq = c.seq
    WHERE s.seq IS NULL AND c.settled_at IS NULL GROUP BY 1, 2
) AS n JOIN pixeltwin_destination d ON d.number = n.destination
GROUP BY d.name, n.state

-- name: counts_due
SELECT d.name, n.state, sum(n.count)::bigint FROM (
    SELECT destination, state, count(*) AS count FROM pixeltwin_delivery
    WHERE due_at IS NOT NULL AND NOT (state = 'waiting' AND starts_with(reason, %(undecided)s))
    GROUP BY destination, state
    UNION ALL
    SELECT d.number, 'pending', count(*)
    FROM pixeltwin_arrival a JOIN pixeltwin_conversion c ON c.seq = a.seq
    CROSS JOIN unnest(c.destinations) AS d(number)
    LEFT JOIN pixeltwin_delivery s ON s.destination = d.number AND s.seq = c.seq
    WHERE s.seq IS NULL AND c.settled_at IS NULL AND c.held = '{}' GROUP BY 1
) AS n JOIN pixeltwin_destination d ON d.number = n.destination
GROUP BY d.name, n.state

-- name: deliveries
SELECT c.seq, c.id, c.event, c.occurred_at, d.name,
    coalesce(s.state, CASE c.held WHEN '{}' THEN 'pending' ELSE 'held' END), coalesce(s.attempts, 0),
    coalesce(s.reason, ''), CASE WHEN s.seq IS NOT NULL THEN s.due_at WHEN c.held = '{}' THEN c.put_at END,
    coalesce(s.updated_at, c.put_at),
    CASE a.fired WHEN true THEN 'acknowledged' WHEN false THEN 'blocked' ELSE c.browser END,
    coalesce(a.at, c.browser_at)
FROM pixeltwin_conversion c JOIN pixeltwin_destination d ON d.number = ANY(c.destinations)
LEFT JOIN pixeltwin_delivery s ON s.destination = d.number AND s.seq = c.seq
LEFT JOIN pixeltwin_acknowledged a ON a.seq = c.seq AND a.destination = d.name
WHERE (%(id)s::text IS NULL OR c.id = %(id)s::text) AND (s.seq IS NOT NULL OR c.settled_at IS NULL)
    AND (%(destination)s::text IS NULL OR d.name = %(destination)s::text)
    AND (%(state)s::text IS NULL
        OR coalesce(s.state, CASE c.held WHEN '{}' THEN 'pending' ELSE 'held' END) = %(state)s::text)
ORDER BY c.seq DESC, d.name LIMIT %(limit)s

-- name: silent
SELECT count(*) FROM pixeltwin_conversion c
WHERE seq > (SELECT max(seq) FROM pixeltwin_conversion) - %(newest)s AND event = %(event)s AND browser = 'offered'
    AND NOT EXISTS (SELECT 1 FROM pixeltwin_acknowledged a WHERE a.seq = c.seq)

-- name: heard
SELECT a.destination, a.fired, count(*) FROM pixeltwin_acknowledged a JOIN pixeltwin_conversion c ON c.seq = a.seq
WHERE a.seq > (SELECT max(seq) FROM pixeltwin_conversion) - %(newest)s AND c.event = %(event)s
GROUP BY a.destination, a.fired

-- name: hurry
WITH due AS (
    SELECT s.seq, s.destination FROM pixeltwin_delivery s JOIN pixeltwin_destination d ON d.number = s.destination
    WHERE s.state = 'waiting' AND s.due_at > %(now)s AND NOT s.fresh
        AND (%(name)s::text IS NULL OR d.name = %(name)s::text)
        AND (%(ids)s::text[] IS NULL OR s.seq IN (SELECT seq FROM pixeltwin_conversion WHERE id = ANY(%(ids)s::text[])))
    ORDER BY s.seq, s.destination LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)
UPDATE pixeltwin_delivery s SET due_at = %(now)s, updated_at = %(now)s
FROM due WHERE s.seq = due.seq AND s.destination = due.destination

-- name: reopenable_refused
SELECT s.seq, s.destination FROM pixeltwin_delivery s
JOIN pixeltwin_conversion c ON c.seq = s.seq JOIN pixeltwin_destination d ON d.number = s.destination
WHERE s.state = 'refused' AND starts_with(s.reason, %(reason)s) AND c.visitor IS NOT NULL
    AND (%(name)s::text IS NULL OR d.name = %(name)s::text)
    AND (%(ids)s::text[] IS NULL OR c.id = ANY(%(ids)s::text[]))
    AND (%(seq)s::bigint IS NULL OR c.seq = %(seq)s::bigint)
ORDER BY s.seq, s.destination LIMIT %(limit)s FOR UPDATE OF c

-- name: reopenable_expired
SELECT s.seq, s.destination FROM pixeltwin_delivery s
JOIN pixeltwin_conversion c ON c.seq = s.seq JOIN pixeltwin_destination d ON d.number = s.destination
WHERE s.state = 'expired' AND starts_with(s.reason, %(reason)s) AND c.visitor IS NOT NULL
    AND (%(name)s::text IS NULL OR d.name = %(name)s::text)
    AND (%(ids)s::text[] IS NULL OR c.id = ANY(%(ids)s::text[]))
    AND (%(seq)s::bigint IS NULL OR c.seq = %(seq)s::bigint)
ORDER BY s.seq, s.destination LIMIT %(limit)s FOR UPDATE OF c

-- name: reopen
UPDATE pixeltwin_delivery s SET state = 'pending', due_at = %(now)s, updated_at = %(now)s
FROM unnest(%(seqs)s::bigint[], %(numbers)s::integer[]) AS n(seq, number)
WHERE s.seq = n.seq AND s.destination = n.number AND s.state IN ('refused', 'expired')

-- name: keep_open
UPDATE pixeltwin_conversion SET settled_at = NULL, purge_at = %(purge_at)s WHERE seq = ANY(%(seqs)s)
