-- Schema and statements of the SQLite outbox. Moments are whole microseconds since 1970 in UTC.
--
-- Each statement begins at its "-- name:" line. Names of tables begin with pixeltwin_ because they may live in the
-- shop's own database, so that an order and its conversion commit together. For the same reason the version is kept in
-- a table: the user_version of that file is the shop's.


-- name: migration_1
-- `swept`: every row up to this seq has been looked at by purge; see there.
CREATE TABLE pixeltwin_schema (
    version INTEGER NOT NULL,
    swept INTEGER NOT NULL
);
INSERT INTO pixeltwin_schema (version, swept) VALUES (0, 0);

-- One canonical row a conversion, inserted by one statement and not rewritten while it waits. The wide columns come
-- last. `seq` is the order of arrival, and of commit too, for SQLite has one writer at a time. It must never be given
-- twice: purge leaves the newest row, which is cheaper than AUTOINCREMENT's second table.
CREATE TABLE pixeltwin_conversion (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    unique_key TEXT,
    event TEXT NOT NULL,
    route INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    put_at INTEGER NOT NULL,
    held TEXT NOT NULL,       -- what it waits for, words between blanks; empty: it may go
    browser TEXT NOT NULL,    -- none, offered or suppressed; what is acknowledged is kept by destination
    browser_at INTEGER,
    settled_at INTEGER,       -- when its server halves had all ended
    purge_at INTEGER,         -- when purge has to do something; null until the row is settled, released or swept
    record BLOB,              -- null: a tombstone
    visitor BLOB              -- null: erased
);
CREATE UNIQUE INDEX pixeltwin_unique ON pixeltwin_conversion (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX pixeltwin_id ON pixeltwin_conversion (id);
CREATE INDEX pixeltwin_purge ON pixeltwin_conversion (purge_at) WHERE purge_at IS NOT NULL;

-- Claiming for a destination makes state rows as far as its cursor.
CREATE TABLE pixeltwin_destination (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor INTEGER NOT NULL
);

-- A route is a set of destinations; each conversion keeps the route of the process that put it, whatever others set.
CREATE TABLE pixeltwin_route (
    number INTEGER PRIMARY KEY,
    names TEXT NOT NULL UNIQUE  -- sorted, one a line
);
CREATE TABLE pixeltwin_stop (
    route INTEGER NOT NULL,
    destination INTEGER NOT NULL,
    PRIMARY KEY (route, destination)
) WITHOUT ROWID;

-- One narrow row a server half. `due_at`: when a pending or waiting half may be claimed, when a claimed one's lease ends;
-- null: not to be claimed.
CREATE TABLE pixeltwin_delivery (
    destination INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER,
    attempts INTEGER NOT NULL,
    lease TEXT,
    reason TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (destination, seq)
) WITHOUT ROWID;
CREATE INDEX pixeltwin_due ON pixeltwin_delivery (destination, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX pixeltwin_refused ON pixeltwin_delivery (destination, seq) WHERE state = 'refused';

-- What the browser said of which pixels. Destinations by name: not all of them have a server half.
CREATE TABLE pixeltwin_acknowledged (
    seq INTEGER NOT NULL,
    destination TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (seq, destination)
) WITHOUT ROWID;

-- What is kept for conversions that are still to come.
CREATE TABLE pixeltwin_note (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX pixeltwin_noted ON pixeltwin_note (noted_at);


-- name: migration_2
-- `shared`: what all workers know of the destination. A version only adds: processes of the one before go on beside it.
ALTER TABLE pixeltwin_destination ADD COLUMN shared BLOB;
CREATE INDEX pixeltwin_expired ON pixeltwin_delivery (destination, seq) WHERE state = 'expired';

-- What visitors decided about consent. Only appended to.
CREATE TABLE pixeltwin_decision (
    number INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX pixeltwin_decided_last ON pixeltwin_decision (who, number);
CREATE INDEX pixeltwin_decided_at ON pixeltwin_decision (at);


-- name: migration_3
-- 0: the browser said that this pixel was blocked. What was there before had fired.
ALTER TABLE pixeltwin_acknowledged ADD COLUMN fired INTEGER NOT NULL DEFAULT 1;


-- name: migration_4
-- How many conversions carried which signal, by day: no personal data, and kept when that is erased.
CREATE TABLE pixeltwin_tally (
    day TEXT NOT NULL,
    destination TEXT NOT NULL,
    event TEXT NOT NULL,
    what TEXT NOT NULL,
    many INTEGER NOT NULL,
    PRIMARY KEY (day, destination, event, what)
) WITHOUT ROWID;


-- name: migration_5
-- `oldest`: the oldest version that knows enough to work with this file. A migration that only adds leaves it as it is.
ALTER TABLE pixeltwin_schema ADD COLUMN oldest INTEGER NOT NULL DEFAULT 1;


-- name: is_made
SELECT 1 FROM sqlite_master WHERE name = 'pixeltwin_schema'

-- name: set_version
UPDATE pixeltwin_schema SET version = :version

-- name: version
SELECT version FROM pixeltwin_schema

-- name: oldest_version
SELECT oldest FROM pixeltwin_schema

-- name: add_destination
INSERT INTO pixeltwin_destination (name, cursor)
SELECT :name, coalesce((SELECT max(seq) FROM pixeltwin_conversion), 0) WHERE true
ON CONFLICT DO NOTHING

-- name: add_route
INSERT INTO pixeltwin_route (names) VALUES (:names) ON CONFLICT DO NOTHING

-- name: add_stop
INSERT INTO pixeltwin_stop (route, destination)
SELECT r.number, d.number FROM pixeltwin_route r, pixeltwin_destination d WHERE r.names = :names AND d.name = :name
ON CONFLICT DO NOTHING

-- name: route
SELECT number FROM pixeltwin_route WHERE names = :names

-- name: destination
SELECT number, cursor FROM pixeltwin_destination WHERE name = :name

-- name: destinations
SELECT number, name FROM pixeltwin_destination ORDER BY name


-- The request ---------------------------------------------------------------------------------------------------------

-- name: put
-- The whole price of a request: one statement, its own transaction.
INSERT INTO pixeltwin_conversion
    (route, id, unique_key, event, occurred_at, put_at, held, browser, browser_at, settled_at, purge_at, record, visitor)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING

-- name: find
-- The last column: whether any half may have left. All statements that read a row as `Stored` share these columns.
SELECT c.seq, c.id, c.record, c.visitor, c.held, EXISTS (
    SELECT 1 FROM pixeltwin_delivery
    WHERE destination IN (SELECT destination FROM pixeltwin_stop WHERE route = c.route) AND seq = c.seq
        AND (state = 'claimed' OR attempts > 0))
FROM pixeltwin_conversion c WHERE c.unique_key = :unique

-- name: get
SELECT c.seq, c.id, c.record, c.visitor, c.held, EXISTS (
    SELECT 1 FROM pixeltwin_delivery
    WHERE destination IN (SELECT destination FROM pixeltwin_stop WHERE route = c.route) AND seq = c.seq
        AND (state = 'claimed' OR attempts > 0))
FROM pixeltwin_conversion c WHERE c.id = :id

-- name: seqs
SELECT seq FROM pixeltwin_conversion WHERE id = :id

-- name: fill
UPDATE pixeltwin_conversion SET visitor = :visitor
WHERE seq = :seq AND visitor IS NOT NULL AND (:never_late OR NOT EXISTS (
    SELECT 1 FROM pixeltwin_delivery
    WHERE destination IN (SELECT destination FROM pixeltwin_stop WHERE route = pixeltwin_conversion.route)
        AND seq = pixeltwin_conversion.seq AND (state = 'claimed' OR attempts > 0)))

-- name: offer
-- Who changes the row has won: no two requests hand out the same half.
UPDATE pixeltwin_conversion SET browser = 'offered', browser_at = :now
WHERE seq = :seq AND browser = 'none' AND held = '' AND record IS NOT NULL

-- name: retract
UPDATE pixeltwin_conversion SET browser = 'none', browser_at = NULL
WHERE id = :id AND browser = 'offered' AND NOT EXISTS (
    SELECT 1 FROM pixeltwin_acknowledged a WHERE a.seq = pixeltwin_conversion.seq)
    AND NOT EXISTS (
        SELECT 1 FROM pixeltwin_delivery
        WHERE destination IN (SELECT destination FROM pixeltwin_stop WHERE route = pixeltwin_conversion.route)
            AND seq = pixeltwin_conversion.seq AND state = 'cancelled')

-- name: acknowledge
-- What was blocked may fire after all; what fired stays so.
INSERT INTO pixeltwin_acknowledged (seq, destination, at, fired)
SELECT seq, :destination, :now, :fired FROM pixeltwin_conversion WHERE id = :id AND browser != 'suppressed'
ON CONFLICT (seq, destination) DO UPDATE SET fired = 1, at = excluded.at WHERE excluded.fired AND NOT pixeltwin_acknowledged.fired

-- name: acknowledge_offer
UPDATE pixeltwin_conversion SET browser = 'offered', browser_at = :now WHERE id = :id AND browser = 'none'

-- name: held
SELECT seq, id, held, record FROM pixeltwin_conversion WHERE id = :id AND held != ''

-- name: lift
UPDATE pixeltwin_conversion SET held = :held, record = :record, occurred_at = coalesce(:occurred_at, occurred_at)
WHERE seq = :seq

-- name: unshown
SELECT seq, record FROM pixeltwin_conversion WHERE id = :id AND browser = 'none' AND record IS NOT NULL

-- name: rewrite
UPDATE pixeltwin_conversion SET record = :record WHERE seq = :seq

-- name: free
UPDATE pixeltwin_delivery SET state = 'pending', due_at = :now, updated_at = :now
WHERE seq = :seq AND destination IN (SELECT number FROM pixeltwin_destination) AND state = 'held'

-- name: make_halves
-- State rows for the destinations that have not claimed yet.
INSERT INTO pixeltwin_delivery (destination, seq, state, attempts, reason, updated_at)
SELECT r.destination, c.seq, 'held', 0, '', :now
FROM pixeltwin_conversion c JOIN pixeltwin_stop r ON r.route = c.route
WHERE c.seq = :seq AND c.settled_at IS NULL
ON CONFLICT DO NOTHING

-- name: end_open
-- `busy`: halves on their way are ended as well.
UPDATE pixeltwin_delivery SET state = :state, due_at = NULL, lease = NULL, reason = :reason, updated_at = :now
WHERE seq = :seq AND destination IN (SELECT number FROM pixeltwin_destination)
    AND (state IN ('held', 'pending', 'waiting') OR (:busy AND state = 'claimed'))

-- name: withdraw
UPDATE pixeltwin_conversion
SET visitor = NULL, held = '', browser = CASE browser WHEN 'none' THEN 'suppressed' ELSE browser END
WHERE seq = :seq

-- name: give_up
UPDATE pixeltwin_conversion SET unique_key = NULL WHERE seq = :seq AND settled_at IS NOT NULL


-- Notes ---------------------------------------------------------------------------------------------------------------

-- name: note
INSERT INTO pixeltwin_note (kind, key, noted_at, data) VALUES (:kind, :key, :now, :data)
ON CONFLICT (kind, key) DO UPDATE SET noted_at = excluded.noted_at, data = excluded.data

-- name: noted
SELECT data FROM pixeltwin_note WHERE kind = :kind AND key = :key AND noted_at > :since

-- name: forget_note
DELETE FROM pixeltwin_note WHERE kind = :kind AND key = :key

-- name: amend_note
UPDATE pixeltwin_note SET data = :data WHERE kind = :kind AND key = :key

-- name: notes
SELECT key, data FROM pixeltwin_note WHERE kind = :kind AND key > :after ORDER BY key LIMIT :limit

-- name: awaited
-- CROSS JOIN keeps SQLite to this order: notes, and of the conversions those under their keys.
SELECT n.key FROM pixeltwin_note n CROSS JOIN pixeltwin_conversion c ON c.unique_key = n.key
WHERE n.kind = :kind AND n.noted_at > :since AND c.held != '' ORDER BY n.key

-- name: forget_notes
DELETE FROM pixeltwin_note WHERE (kind, key) IN (
    SELECT kind, key FROM pixeltwin_note WHERE noted_at <= :before LIMIT :limit)


-- Decisions -----------------------------------------------------------------------------------------------------------

-- name: decide
INSERT INTO pixeltwin_decision (who, at, data) VALUES (:who, :at, :data)

-- name: decided_last
SELECT number, who, at, data FROM pixeltwin_decision WHERE number IN (
    SELECT max(number) FROM pixeltwin_decision WHERE who IN (SELECT value FROM json_each(:whos)) GROUP BY who)

-- name: decisions
SELECT number, who, at, data FROM pixeltwin_decision WHERE number > :after ORDER BY number LIMIT :limit

-- name: forget_decisions
DELETE FROM pixeltwin_decision WHERE number IN (
    SELECT number FROM pixeltwin_decision WHERE at <= :before ORDER BY at LIMIT :limit)


-- Tallies -------------------------------------------------------------------------------------------------------------

-- name: tally
INSERT INTO pixeltwin_tally (day, destination, event, what, many) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (day, destination, event, what) DO UPDATE SET many = many + excluded.many

-- name: tallies
SELECT day, destination, event, what, many FROM pixeltwin_tally WHERE day >= :since
ORDER BY day, destination, event, what

-- name: forget_tallies
DELETE FROM pixeltwin_tally WHERE day < :before


-- The worker ----------------------------------------------------------------------------------------------------------

-- name: claim_again
-- Whose lease was lost may have left.
UPDATE pixeltwin_delivery SET
    state = 'claimed', attempts = attempts + (state = 'claimed'), due_at = :lease_end, lease = :lease, updated_at = :now
WHERE destination = :destination AND seq IN (
    SELECT seq FROM pixeltwin_delivery
    WHERE destination = :destination AND due_at <= :now ORDER BY due_at, seq LIMIT :limit)

-- name: rouse
-- `updated_at` is when a lease was first seen by this clock: until then it lies ahead.
UPDATE pixeltwin_delivery SET
    due_at = CASE WHEN state = 'claimed' AND updated_at > :lease_began THEN due_at ELSE :now END,
    updated_at = min(updated_at, :now)
WHERE (destination, seq) IN (
    SELECT destination, seq FROM pixeltwin_delivery INDEXED BY pixeltwin_due
    WHERE destination IN (SELECT number FROM pixeltwin_destination) AND due_at > :furthest
        AND (state != 'claimed' OR updated_at > :now OR updated_at <= :lease_began)
    LIMIT :limit)

-- name: first_new
-- The first row that this destination has not seen and may have.
SELECT seq, occurred_at FROM pixeltwin_conversion c
WHERE seq > :cursor AND held = '' AND settled_at IS NULL
    AND route IN (SELECT route FROM pixeltwin_stop WHERE destination = :destination)
    AND NOT EXISTS (SELECT 1 FROM pixeltwin_delivery s WHERE s.destination = :destination AND s.seq = c.seq)
ORDER BY seq LIMIT 1

-- name: ends
-- The first row behind a cursor, and the last of all.
SELECT (SELECT min(seq) FROM pixeltwin_conversion WHERE seq > :cursor), (SELECT max(seq) FROM pixeltwin_conversion)

-- name: claim_new
INSERT INTO pixeltwin_delivery (destination, seq, state, due_at, attempts, lease, reason, updated_at)
SELECT :destination, seq, 'claimed', :lease_end, 0, :lease, '', :now
FROM pixeltwin_conversion WHERE seq > :cursor AND seq <= :until AND settled_at IS NULL AND held = ''
    AND route IN (SELECT route FROM pixeltwin_stop WHERE destination = :destination)
ON CONFLICT DO NOTHING

-- name: hold_new
-- What is held on the way: the cursor will not come by again.
INSERT INTO pixeltwin_delivery (destination, seq, state, attempts, reason, updated_at)
SELECT :destination, seq, 'held', 0, '', put_at
FROM pixeltwin_conversion WHERE seq > :cursor AND seq <= :until AND settled_at IS NULL AND held != ''
    AND route IN (SELECT route FROM pixeltwin_stop WHERE destination = :destination)
ON CONFLICT DO NOTHING

-- name: move_cursor
UPDATE pixeltwin_destination SET cursor = :until WHERE number = :destination

-- name: claimed
-- The index on due_at finds the leases that end at this very microsecond: this call's, and hardly another's.
SELECT c.seq, c.id, c.record, c.visitor, s.attempts,
    CASE a.fired WHEN 1 THEN 'acknowledged' WHEN 0 THEN 'blocked' ELSE c.browser END, coalesce(a.at, c.browser_at),
    c.put_at
FROM pixeltwin_delivery s INDEXED BY pixeltwin_due JOIN pixeltwin_conversion c ON c.seq = s.seq
LEFT JOIN pixeltwin_acknowledged a ON a.seq = s.seq AND a.destination = :name
WHERE s.destination = :destination AND s.due_at = :lease_end AND s.lease = :lease
ORDER BY s.seq

-- name: settle
UPDATE pixeltwin_delivery SET
    state = :state, due_at = :due_at, attempts = attempts + :tried, reason = :reason, updated_at = :now, lease = NULL
WHERE destination = :destination AND seq IN (SELECT value FROM json_each(:seqs)) AND lease = :lease

-- name: close_rows
-- Settles those conversions whose halves have all ended. Personal data goes at once, or with the record where a half was
-- refused or expired.
UPDATE pixeltwin_conversion SET settled_at = :now, (visitor, purge_at) = (
    SELECT CASE WHEN failed THEN visitor END, :now + CASE WHEN failed THEN :keep_personal ELSE :keep_record END
    FROM (SELECT EXISTS (
        SELECT 1 FROM pixeltwin_delivery
        WHERE destination IN (SELECT destination FROM pixeltwin_stop WHERE route = pixeltwin_conversion.route)
            AND seq = pixeltwin_conversion.seq AND state IN ('refused', 'expired')) AS failed))
WHERE seq IN (SELECT value FROM json_each(:seqs)) AND settled_at IS NULL AND held = '' AND NOT EXISTS (
    SELECT 1 FROM pixeltwin_stop r LEFT JOIN pixeltwin_delivery s
        ON s.destination = r.destination AND s.seq = pixeltwin_conversion.seq
    WHERE r.route = pixeltwin_conversion.route
        AND (s.state IS NULL OR s.state IN ('held', 'pending', 'claimed', 'waiting')))

-- name: share
UPDATE pixeltwin_destination SET shared = :shared WHERE number = :destination

-- name: kept
SELECT shared FROM pixeltwin_destination WHERE number = :destination

-- name: backlog
-- From the first row that is new to a destination, see `first_new`, to the last row; they are numbered one by one.
SELECT d.name, coalesce((SELECT max(seq) FROM pixeltwin_conversion) + 1 - (
    SELECT seq FROM pixeltwin_conversion c
    WHERE seq > d.cursor AND held = '' AND settled_at IS NULL
        AND route IN (SELECT route FROM pixeltwin_stop WHERE destination = d.number)
        AND NOT EXISTS (SELECT 1 FROM pixeltwin_delivery s WHERE s.destination = d.number AND s.seq = c.seq)
    ORDER BY seq LIMIT 1), 0)
FROM pixeltwin_destination d

-- name: pass_by
-- Cursors go on to the first row that their destination may have and has not: nobody claims where there is none, and
-- what came for others alone would be looked through again and again.
UPDATE pixeltwin_destination SET cursor = coalesce((
    SELECT seq - 1 FROM pixeltwin_conversion c
    WHERE seq > cursor AND settled_at IS NULL
        AND route IN (SELECT route FROM pixeltwin_stop WHERE destination = pixeltwin_destination.number)
        AND NOT EXISTS (
            SELECT 1 FROM pixeltwin_delivery s WHERE s.destination = pixeltwin_destination.number AND s.seq = c.seq)
    ORDER BY seq LIMIT 1), (SELECT max(seq) FROM pixeltwin_conversion))
WHERE cursor < (SELECT max(seq) FROM pixeltwin_conversion)

-- name: oldest_again
-- Of the halves with a state row: those with a `due_at` are open, and the index of these alone is read.
SELECT seq, occurred_at FROM pixeltwin_conversion WHERE seq = (
    SELECT min(seq) FROM pixeltwin_delivery INDEXED BY pixeltwin_due WHERE destination = :destination AND due_at IS NOT NULL)

-- name: open_rows
-- Without a seq to go on behind, from the first open half: one with a state row, or one that a cursor has not reached.
SELECT c.seq, c.id, c.record, c.visitor, c.held, EXISTS (
    SELECT 1 FROM pixeltwin_delivery
    WHERE destination IN (SELECT destination FROM pixeltwin_stop WHERE route = c.route) AND seq = c.seq
        AND (state = 'claimed' OR attempts > 0))
FROM pixeltwin_conversion c
WHERE c.settled_at IS NULL AND c.held = '' AND c.seq > coalesce(:after, (
    SELECT min(seq) FROM (
        SELECT min(seq) - 1 AS seq FROM pixeltwin_delivery INDEXED BY pixeltwin_due WHERE due_at IS NOT NULL
        UNION ALL SELECT min(cursor) FROM pixeltwin_destination)))
ORDER BY c.seq LIMIT :limit

-- name: next_again
SELECT min(due_at) FROM pixeltwin_delivery WHERE destination = :destination AND due_at IS NOT NULL

-- name: unsettled
SELECT seq FROM pixeltwin_conversion WHERE seq > :swept AND seq <= :until AND settled_at IS NULL ORDER BY seq LIMIT :limit

-- name: swept
-- How far purge has swept, and how far it may go: to the last row that is old enough. Most rows are settled by then and
-- have their date; so the request need not write one, nor an index for it.
SELECT swept, coalesce(
    (SELECT seq - 1 FROM pixeltwin_conversion WHERE seq > swept AND put_at > :before ORDER BY seq LIMIT 1),
    (SELECT max(seq) FROM pixeltwin_conversion), 0)
FROM pixeltwin_schema

-- name: set_swept
UPDATE pixeltwin_schema SET swept = :swept

-- name: date
UPDATE pixeltwin_conversion SET purge_at = put_at + CASE held WHEN '' THEN :keep_open ELSE :keep_held END
WHERE seq IN (SELECT value FROM json_each(:seqs)) AND purge_at IS NULL

-- name: outlived
SELECT seq, held, settled_at FROM pixeltwin_conversion
WHERE purge_at <= :now AND record IS NOT NULL ORDER BY purge_at, seq LIMIT :limit

-- name: bury
UPDATE pixeltwin_conversion SET
    record = NULL, visitor = NULL, held = '',
    browser = CASE browser WHEN 'none' THEN 'suppressed' ELSE browser END,
    settled_at = coalesce(settled_at, :now),
    purge_at = put_at + CASE WHEN unique_key IS NULL THEN :keep_others ELSE :keep_keyed END
WHERE seq IN (SELECT value FROM json_each(:seqs))

-- name: forgettable
SELECT seq FROM pixeltwin_conversion
WHERE purge_at <= :now AND record IS NULL AND seq < (SELECT max(seq) FROM pixeltwin_conversion) LIMIT :limit

-- name: forget_deliveries
DELETE FROM pixeltwin_delivery
WHERE destination IN (SELECT number FROM pixeltwin_destination) AND seq IN (SELECT value FROM json_each(:seqs))

-- name: forget_acknowledged
DELETE FROM pixeltwin_acknowledged WHERE seq IN (SELECT value FROM json_each(:seqs))

-- name: forget
DELETE FROM pixeltwin_conversion WHERE seq IN (SELECT value FROM json_each(:seqs))


-- People --------------------------------------------------------------------------------------------------------------

-- name: shared
SELECT name, shared FROM pixeltwin_destination WHERE shared IS NOT NULL

-- name: counts
SELECT destination, state, count(*) FROM pixeltwin_delivery GROUP BY destination, state
UNION ALL
SELECT d.number, CASE c.held WHEN '' THEN 'pending' ELSE 'held' END AS state, count(*)
FROM pixeltwin_destination d JOIN pixeltwin_conversion c ON c.seq > d.cursor
JOIN pixeltwin_stop r ON r.route = c.route AND r.destination = d.number
LEFT JOIN pixeltwin_delivery s ON s.destination = d.number AND s.seq = c.seq
WHERE s.seq IS NULL AND c.settled_at IS NULL GROUP BY d.number, c.held = ''

-- name: counts_due
-- CROSS JOIN and the + keep SQLite to this order: destinations, and of the conversions those behind the cursor.
SELECT destination, state, count(*) FROM pixeltwin_delivery INDEXED BY pixeltwin_due
WHERE destination IN (SELECT number FROM pixeltwin_destination) AND due_at IS NOT NULL
    AND NOT (state = 'waiting' AND substr(reason, 1, length(:undecided)) = :undecided)
GROUP BY destination, state
UNION ALL
SELECT d.number, 'pending', count(*)
FROM pixeltwin_destination d CROSS JOIN pixeltwin_conversion c ON c.seq > d.cursor
CROSS JOIN pixeltwin_stop r ON r.route = c.route AND r.destination = d.number
LEFT JOIN pixeltwin_delivery s ON s.destination = d.number AND s.seq = c.seq
WHERE s.seq IS NULL AND +c.settled_at IS NULL AND +c.held = '' GROUP BY d.number

-- name: deliveries
SELECT c.seq, c.id, c.event, c.occurred_at, d.name,
    coalesce(s.state, CASE c.held WHEN '' THEN 'pending' ELSE 'held' END), coalesce(s.attempts, 0), coalesce(s.reason, ''),
    CASE WHEN s.seq IS NOT NULL THEN s.due_at WHEN c.held = '' THEN c.put_at END, coalesce(s.updated_at, c.put_at),
    CASE a.fired WHEN 1 THEN 'acknowledged' WHEN 0 THEN 'blocked' ELSE c.browser END, coalesce(a.at, c.browser_at)
FROM pixeltwin_conversion c
JOIN pixeltwin_stop r ON r.route = c.route
JOIN pixeltwin_destination d ON d.number = r.destination
LEFT JOIN pixeltwin_delivery s ON s.destination = d.number AND s.seq = c.seq
LEFT JOIN pixeltwin_acknowledged a ON a.seq = c.seq AND a.destination = d.name
WHERE c.seq BETWEEN :low AND :high AND (s.seq IS NOT NULL OR c.settled_at IS NULL)
    AND (:destination IS NULL OR d.name = :destination)
    AND (:state IS NULL OR coalesce(s.state, CASE c.held WHEN '' THEN 'pending' ELSE 'held' END) = :state)
ORDER BY c.seq DESC, d.name LIMIT :limit

-- name: silent
SELECT count(*) FROM pixeltwin_conversion c
WHERE seq > (SELECT max(seq) FROM pixeltwin_conversion) - :newest AND event = :event AND browser = 'offered'
    AND NOT EXISTS (SELECT 1 FROM pixeltwin_acknowledged a WHERE a.seq = c.seq)

-- name: heard
SELECT a.destination, a.fired, count(*) FROM pixeltwin_acknowledged a JOIN pixeltwin_conversion c ON c.seq = a.seq
WHERE a.seq > (SELECT max(seq) FROM pixeltwin_conversion) - :newest AND c.event = :event
GROUP BY a.destination, a.fired

-- name: hurry
UPDATE pixeltwin_delivery SET due_at = :now, updated_at = :now WHERE (destination, seq) IN (
    SELECT destination, seq FROM pixeltwin_delivery
    WHERE destination IN (SELECT number FROM pixeltwin_destination WHERE :name IS NULL OR name = :name)
        AND due_at > :now AND state = 'waiting' AND seq BETWEEN :low AND :high
    LIMIT :limit)

-- name: reopenable_refused
SELECT s.destination, s.seq FROM pixeltwin_delivery s INDEXED BY pixeltwin_refused JOIN pixeltwin_conversion c ON c.seq = s.seq
WHERE s.destination IN (SELECT number FROM pixeltwin_destination WHERE :name IS NULL OR name = :name)
    AND s.state = 'refused' AND s.seq BETWEEN :low AND :high
    AND substr(s.reason, 1, length(:reason)) = :reason AND c.visitor IS NOT NULL
LIMIT :limit

-- name: reopenable_expired
SELECT s.destination, s.seq FROM pixeltwin_delivery s INDEXED BY pixeltwin_expired JOIN pixeltwin_conversion c ON c.seq = s.seq
WHERE s.destination IN (SELECT number FROM pixeltwin_destination WHERE :name IS NULL OR name = :name)
    AND s.state = 'expired' AND s.seq BETWEEN :low AND :high
    AND substr(s.reason, 1, length(:reason)) = :reason AND c.visitor IS NOT NULL
LIMIT :limit

-- name: reopen
UPDATE pixeltwin_delivery SET state = 'pending', due_at = :now, updated_at = :now
WHERE destination = :destination AND seq = :seq

-- name: keep_open
UPDATE pixeltwin_conversion SET settled_at = NULL, purge_at = :purge_at WHERE seq = :seq
