-- A PostgreSQL outbox as schema version 1 left it (0.1.0 before its release), with a conversion in every state.
CREATE TABLE pixeltwin_acknowledged (
    seq bigint NOT NULL,
    destination text NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE pixeltwin_arrival (
    seq bigint NOT NULL
);
CREATE TABLE pixeltwin_conversion (
    seq bigint NOT NULL,
    id text NOT NULL,
    unique_key text,
    event text NOT NULL,
    destinations integer[] NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    put_at timestamp with time zone NOT NULL,
    held text[] NOT NULL,
    browser text NOT NULL,
    browser_at timestamp with time zone,
    settled_at timestamp with time zone,
    purge_at timestamp with time zone NOT NULL,
    record bytea,
    visitor bytea
);
CREATE TABLE pixeltwin_delivery (
    seq bigint NOT NULL,
    destination integer NOT NULL,
    state text NOT NULL,
    fresh boolean NOT NULL,
    due_at timestamp with time zone,
    attempts integer NOT NULL,
    lease text,
    reason text NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE pixeltwin_destination (
    number integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE pixeltwin_destination ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pixeltwin_destination_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE pixeltwin_migration (
    version integer NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE pixeltwin_note (
    kind text NOT NULL,
    key text NOT NULL,
    noted_at timestamp with time zone NOT NULL,
    data bytea NOT NULL
);
ALTER TABLE pixeltwin_conversion ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME pixeltwin_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO pixeltwin_acknowledged VALUES (5, 'red:1', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_arrival VALUES (12);
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (1, 'tombstone', 'shop:Purchase:tombstone', 'Purchase', '{1,2}', '2026-07-21 12:00:00+00', '2026-07-21 12:00:00+00', '{}', 'suppressed', NULL, '2026-07-21 12:00:00+00', '2027-08-25 12:00:00+00', NULL, NULL);
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (2, 'held', 'shop:Purchase:held', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{consent}', 'none', NULL, NULL, '2026-08-27 12:00:00+00', '\x7b227265636f7264223a202268656c64227d', '\x7b2276697369746f72223a202268656c64227d');
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (3, 'held-payment', 'shop:Purchase:held-payment', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{consent,payment}', 'none', NULL, NULL, '2026-08-27 12:00:00+00', '\x7b227265636f7264223a202268656c642d7061796d656e74227d', '\x7b2276697369746f72223a202268656c642d7061796d656e74227d');
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (4, 'cancelled', 'shop:Purchase:cancelled', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'suppressed', NULL, '2026-08-20 12:00:00+00', '2026-08-22 12:00:00+00', '\x7b227265636f7264223a202263616e63656c6c6564227d', NULL);
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (5, 'delivered', 'shop:Purchase:delivered', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'offered', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '2026-08-22 12:00:00+00', '\x7b227265636f7264223a202264656c697665726564227d', NULL);
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (6, 'refused', 'shop:Purchase:refused', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'none', NULL, '2026-08-20 12:00:00+00', '2026-08-27 12:00:00+00', '\x7b227265636f7264223a202272656675736564227d', '\x7b2276697369746f72223a202272656675736564227d');
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (7, 'expired', 'shop:Purchase:expired', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'none', NULL, '2026-08-20 12:00:00+00', '2026-08-27 12:00:00+00', '\x7b227265636f7264223a202265787069726564227d', '\x7b2276697369746f72223a202265787069726564227d');
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (8, 'suppressed', 'shop:Purchase:suppressed', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'none', NULL, '2026-08-20 12:00:00+00', '2026-08-22 12:00:00+00', '\x7b227265636f7264223a202273757070726573736564227d', NULL);
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (9, 'waiting', 'shop:Purchase:waiting', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'none', NULL, NULL, '2026-09-27 12:00:00+00', '\x7b227265636f7264223a202277616974696e67227d', '\x7b2276697369746f72223a202277616974696e67227d');
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (10, 'claimed', 'shop:Purchase:claimed', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'none', NULL, NULL, '2026-09-27 12:00:00+00', '\x7b227265636f7264223a2022636c61696d6564227d', '\x7b2276697369746f72223a2022636c61696d6564227d');
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (11, 'pending-again', 'shop:Purchase:pending-again', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'none', NULL, NULL, '2026-09-27 12:00:00+00', '\x7b227265636f7264223a202270656e64696e672d616761696e227d', '\x7b2276697369746f72223a202270656e64696e672d616761696e227d');
INSERT INTO pixeltwin_conversion OVERRIDING SYSTEM VALUE VALUES (12, 'pending', 'shop:Purchase:pending', 'Purchase', '{1,2}', '2026-08-20 12:00:00+00', '2026-08-20 12:00:00+00', '{}', 'none', NULL, NULL, '2026-09-27 12:00:00+00', '\x7b227265636f7264223a202270656e64696e67227d', '\x7b2276697369746f72223a202270656e64696e67227d');
INSERT INTO pixeltwin_delivery VALUES (1, 2, 'delivered', false, NULL, 1, NULL, '', '2026-07-21 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (1, 1, 'delivered', false, NULL, 1, NULL, '', '2026-07-21 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (4, 1, 'cancelled', false, NULL, 0, NULL, 'called off', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (4, 2, 'cancelled', false, NULL, 0, NULL, 'called off', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (5, 2, 'delivered', false, NULL, 1, NULL, '', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (5, 1, 'delivered', false, NULL, 1, NULL, '', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (6, 2, 'refused', false, NULL, 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (6, 1, 'refused', false, NULL, 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (7, 2, 'expired', false, NULL, 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (7, 1, 'expired', false, NULL, 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (8, 2, 'suppressed', false, NULL, 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (8, 1, 'suppressed', false, NULL, 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (9, 2, 'waiting', false, '2026-08-20 13:00:00+00', 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (9, 1, 'waiting', false, '2026-08-20 13:00:00+00', 1, NULL, 'its reason', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (10, 2, 'claimed', false, '2026-08-20 12:01:00+00', 0, '541a156dc1e02fb7', '', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (10, 1, 'claimed', false, '2026-08-20 12:01:00+00', 0, '5413e8f4d970a3d5', '', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (11, 2, 'pending', false, '2026-08-20 12:01:00+00', 0, NULL, '', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_delivery VALUES (11, 1, 'pending', false, '2026-08-20 12:01:00+00', 0, NULL, '', '2026-08-20 12:00:00+00');
INSERT INTO pixeltwin_destination OVERRIDING SYSTEM VALUE VALUES (1, 'blue:2');
INSERT INTO pixeltwin_destination OVERRIDING SYSTEM VALUE VALUES (2, 'red:1');
INSERT INTO pixeltwin_migration VALUES (1, '2026-11-22 08:05:16.436761+00');
INSERT INTO pixeltwin_note VALUES ('signals', '1001', '2026-08-20 12:00:00+00', '\x6b657074');
SELECT pg_catalog.setval('pixeltwin_destination_number_seq', 2, true);
SELECT pg_catalog.setval('pixeltwin_seq', 12, true);
ALTER TABLE ONLY pixeltwin_acknowledged
    ADD CONSTRAINT pixeltwin_acknowledged_pkey PRIMARY KEY (seq, destination);
ALTER TABLE ONLY pixeltwin_arrival
    ADD CONSTRAINT pixeltwin_arrival_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY pixeltwin_conversion
    ADD CONSTRAINT pixeltwin_conversion_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY pixeltwin_delivery
    ADD CONSTRAINT pixeltwin_delivery_pkey PRIMARY KEY (seq, destination);
ALTER TABLE ONLY pixeltwin_destination
    ADD CONSTRAINT pixeltwin_destination_name_key UNIQUE (name);
ALTER TABLE ONLY pixeltwin_destination
    ADD CONSTRAINT pixeltwin_destination_pkey PRIMARY KEY (number);
ALTER TABLE ONLY pixeltwin_migration
    ADD CONSTRAINT pixeltwin_migration_pkey PRIMARY KEY (version);
ALTER TABLE ONLY pixeltwin_note
    ADD CONSTRAINT pixeltwin_note_pkey PRIMARY KEY (kind, key);
CREATE INDEX pixeltwin_due ON pixeltwin_delivery USING btree (destination, due_at, seq) WHERE ((due_at IS NOT NULL) AND (NOT fresh));
CREATE INDEX pixeltwin_fresh ON pixeltwin_delivery USING btree (destination, seq) WHERE fresh;
CREATE INDEX pixeltwin_held ON pixeltwin_conversion USING btree (seq) WHERE (held <> '{}'::text[]);
CREATE INDEX pixeltwin_id ON pixeltwin_conversion USING btree (id);
CREATE INDEX pixeltwin_noted ON pixeltwin_note USING btree (noted_at);
CREATE INDEX pixeltwin_purge ON pixeltwin_conversion USING btree (purge_at);
CREATE INDEX pixeltwin_refused ON pixeltwin_delivery USING btree (seq) WHERE (state = 'refused'::text);
CREATE UNIQUE INDEX pixeltwin_unique ON pixeltwin_conversion USING btree (unique_key) WHERE (unique_key IS NOT NULL);
