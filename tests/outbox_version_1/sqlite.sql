-- An SQLite outbox as schema version 1 left it (0.1.0 before its release), with a conversion in every state.
BEGIN TRANSACTION;
CREATE TABLE pixeltwin_acknowledged (
    seq INTEGER NOT NULL,
    destination TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (seq, destination)
) WITHOUT ROWID;
INSERT INTO "pixeltwin_acknowledged" VALUES(5,'red:1',1787227200000000);
CREATE TABLE pixeltwin_conversion (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    unique_key TEXT,
    event TEXT NOT NULL,
    route INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    put_at INTEGER NOT NULL,
    held TEXT NOT NULL,
    browser TEXT NOT NULL,
    browser_at INTEGER,
    settled_at INTEGER,
    purge_at INTEGER,
    record BLOB,
    visitor BLOB
);
INSERT INTO "pixeltwin_conversion" VALUES(1,'tombstone','shop:Purchase:tombstone','Purchase',1,1784635200000000,1784635200000000,'','suppressed',NULL,1784635200000000,1819195200000000,NULL,NULL);
INSERT INTO "pixeltwin_conversion" VALUES(2,'held','shop:Purchase:held','Purchase',1,1787227200000000,1787227200000000,'consent','none',NULL,NULL,NULL,X'7B227265636F7264223A202268656C64227D',X'7B2276697369746F72223A202268656C64227D');
INSERT INTO "pixeltwin_conversion" VALUES(3,'held-payment','shop:Purchase:held-payment','Purchase',1,1787227200000000,1787227200000000,'consent payment','none',NULL,NULL,NULL,X'7B227265636F7264223A202268656C642D7061796D656E74227D',X'7B2276697369746F72223A202268656C642D7061796D656E74227D');
INSERT INTO "pixeltwin_conversion" VALUES(4,'cancelled','shop:Purchase:cancelled','Purchase',1,1787227200000000,1787227200000000,'','suppressed',NULL,1787227200000000,1787400000000000,X'7B227265636F7264223A202263616E63656C6C6564227D',NULL);
INSERT INTO "pixeltwin_conversion" VALUES(5,'delivered','shop:Purchase:delivered','Purchase',1,1787227200000000,1787227200000000,'','offered',1787227200000000,1787227200000000,1787400000000000,X'7B227265636F7264223A202264656C697665726564227D',NULL);
INSERT INTO "pixeltwin_conversion" VALUES(6,'refused','shop:Purchase:refused','Purchase',1,1787227200000000,1787227200000000,'','none',NULL,1787227200000000,1787832000000000,X'7B227265636F7264223A202272656675736564227D',X'7B2276697369746F72223A202272656675736564227D');
INSERT INTO "pixeltwin_conversion" VALUES(7,'expired','shop:Purchase:expired','Purchase',1,1787227200000000,1787227200000000,'','none',NULL,1787227200000000,1787832000000000,X'7B227265636F7264223A202265787069726564227D',X'7B2276697369746F72223A202265787069726564227D');
INSERT INTO "pixeltwin_conversion" VALUES(8,'suppressed','shop:Purchase:suppressed','Purchase',1,1787227200000000,1787227200000000,'','none',NULL,1787227200000000,1787400000000000,X'7B227265636F7264223A202273757070726573736564227D',NULL);
INSERT INTO "pixeltwin_conversion" VALUES(9,'waiting','shop:Purchase:waiting','Purchase',1,1787227200000000,1787227200000000,'','none',NULL,NULL,NULL,X'7B227265636F7264223A202277616974696E67227D',X'7B2276697369746F72223A202277616974696E67227D');
INSERT INTO "pixeltwin_conversion" VALUES(10,'claimed','shop:Purchase:claimed','Purchase',1,1787227200000000,1787227200000000,'','none',NULL,NULL,NULL,X'7B227265636F7264223A2022636C61696D6564227D',X'7B2276697369746F72223A2022636C61696D6564227D');
INSERT INTO "pixeltwin_conversion" VALUES(11,'pending-again','shop:Purchase:pending-again','Purchase',1,1787227200000000,1787227200000000,'','none',NULL,NULL,NULL,X'7B227265636F7264223A202270656E64696E672D616761696E227D',X'7B2276697369746F72223A202270656E64696E672D616761696E227D');
INSERT INTO "pixeltwin_conversion" VALUES(12,'pending','shop:Purchase:pending','Purchase',1,1787227200000000,1787227200000000,'','none',NULL,NULL,NULL,X'7B227265636F7264223A202270656E64696E67227D',X'7B2276697369746F72223A202270656E64696E67227D');
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
INSERT INTO "pixeltwin_delivery" VALUES(1,1,'delivered',NULL,1,NULL,'',1784635200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,2,'held',NULL,0,NULL,'',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,3,'held',NULL,0,NULL,'',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,4,'cancelled',NULL,0,NULL,'called off',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,5,'delivered',NULL,1,NULL,'',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,6,'refused',NULL,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,7,'expired',NULL,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,8,'suppressed',NULL,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,9,'waiting',1787230800000000,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,10,'claimed',1787227260000000,0,'5deadee73b8abfaf','',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(1,11,'pending',1787227260000000,0,NULL,'',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,1,'delivered',NULL,1,NULL,'',1784635200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,2,'held',NULL,0,NULL,'',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,3,'held',NULL,0,NULL,'',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,4,'cancelled',NULL,0,NULL,'called off',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,5,'delivered',NULL,1,NULL,'',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,6,'refused',NULL,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,7,'expired',NULL,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,8,'suppressed',NULL,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,9,'waiting',1787230800000000,1,NULL,'its reason',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,10,'claimed',1787227260000000,0,'513599f5858d0fc0','',1787227200000000);
INSERT INTO "pixeltwin_delivery" VALUES(2,11,'pending',1787227260000000,0,NULL,'',1787227200000000);
CREATE TABLE pixeltwin_destination (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor INTEGER NOT NULL
);
INSERT INTO "pixeltwin_destination" VALUES(1,'blue:2',11);
INSERT INTO "pixeltwin_destination" VALUES(2,'red:1',11);
CREATE TABLE pixeltwin_note (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
INSERT INTO "pixeltwin_note" VALUES('signals','1001',1787227200000000,X'6B657074');
CREATE TABLE pixeltwin_route (
    number INTEGER PRIMARY KEY,
    names TEXT NOT NULL UNIQUE
);
INSERT INTO "pixeltwin_route" VALUES(1,'blue:2
red:1');
CREATE TABLE pixeltwin_schema (
    version INTEGER NOT NULL,
    swept INTEGER NOT NULL
);
INSERT INTO "pixeltwin_schema" VALUES(1,1);
CREATE TABLE pixeltwin_stop (
    route INTEGER NOT NULL,
    destination INTEGER NOT NULL,
    PRIMARY KEY (route, destination)
) WITHOUT ROWID;
INSERT INTO "pixeltwin_stop" VALUES(1,1);
INSERT INTO "pixeltwin_stop" VALUES(1,2);
CREATE UNIQUE INDEX pixeltwin_unique ON pixeltwin_conversion (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX pixeltwin_id ON pixeltwin_conversion (id);
CREATE INDEX pixeltwin_purge ON pixeltwin_conversion (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX pixeltwin_due ON pixeltwin_delivery (destination, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX pixeltwin_refused ON pixeltwin_delivery (destination, seq) WHERE state = 'refused';
CREATE INDEX pixeltwin_noted ON pixeltwin_note (noted_at);
COMMIT;
