-- Instants are microseconds since 1970, NULL is the zero time. Booleans are 0 or 1.

-- Facts are stored as JSON, beside the columns by which they are selected.

-- common is doc without membership types and resources, which follow as rows.
CREATE TABLE doorkit_sites (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	common TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;

CREATE TABLE doorkit_membership_types (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	pos INTEGER NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;

CREATE TABLE doorkit_resources (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	pos INTEGER NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;

-- The doors of the resources again, to find the resources of a door.
CREATE TABLE doorkit_resource_doors (
	site TEXT NOT NULL,
	door TEXT NOT NULL,
	resource TEXT NOT NULL,
	PRIMARY KEY (site, door, resource)
) STRICT;

CREATE TABLE doorkit_doors (
	added INTEGER PRIMARY KEY AUTOINCREMENT,
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	link_site TEXT NOT NULL,
	link_lock TEXT NOT NULL,
	UNIQUE (site, id)
) STRICT;

CREATE UNIQUE INDEX doorkit_doors_by_lock ON doorkit_doors (site, link_site, link_lock) WHERE link_lock <> '';

CREATE TABLE doorkit_members (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;

CREATE TABLE doorkit_grants (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	member TEXT NOT NULL,
	door TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;

CREATE INDEX doorkit_grants_by_member ON doorkit_grants (site, member, door);

-- effective is the earlier of end and ended_at.
CREATE TABLE doorkit_reservations (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	member TEXT NOT NULL,
	resource TEXT NOT NULL,
	status TEXT NOT NULL,
	starts INTEGER,
	effective INTEGER,
	PRIMARY KEY (site, id)
) STRICT;

CREATE INDEX doorkit_reservations_by_member ON doorkit_reservations (site, member, effective);

CREATE INDEX doorkit_reservations_by_resource ON doorkit_reservations (site, resource, effective, starts);

CREATE INDEX doorkit_reservations_by_start ON doorkit_reservations (site, resource, starts);

-- The guests of the reservations again, to find a guest's reservations.
CREATE TABLE doorkit_guests (
	site TEXT NOT NULL,
	reservation TEXT NOT NULL,
	member TEXT NOT NULL,
	resource TEXT NOT NULL,
	starts INTEGER,
	effective INTEGER,
	PRIMARY KEY (site, reservation, member),
	FOREIGN KEY (site, reservation) REFERENCES doorkit_reservations (site, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX doorkit_guests_by_member ON doorkit_guests (site, member, effective);

-- One row per site: the chain of its door log, which every commit of the gate
-- locks first, and the kill switch, which that commit then reads.
CREATE TABLE doorkit_chains (
	site TEXT NOT NULL PRIMARY KEY,
	base_seq INTEGER NOT NULL,
	base_hash BLOB NOT NULL,
	head_seq INTEGER NOT NULL,
	head_hash BLOB NOT NULL,
	switch_off INTEGER NOT NULL,
	switch_by TEXT NOT NULL,
	switch_why TEXT NOT NULL,
	switch_at INTEGER
) STRICT;

CREATE TABLE doorkit_journal (
	site TEXT NOT NULL,
	member TEXT NOT NULL,
	request_id TEXT NOT NULL,
	attempt_id TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	door TEXT NOT NULL,
	action TEXT NOT NULL,
	outcome TEXT NOT NULL,
	begun INTEGER,
	send_by INTEGER,
	settled INTEGER,
	seq INTEGER NOT NULL,
	shared_with TEXT NOT NULL,
	doc BLOB NOT NULL,
	PRIMARY KEY (site, member, request_id)
) STRICT;

CREATE INDEX doorkit_journal_by_time ON doorkit_journal (site, begun, door);

-- A query has to repeat the condition.
CREATE INDEX doorkit_journal_by_outcome ON doorkit_journal (site, outcome, begun) WHERE outcome <> 'accepted';

-- Erasing a person empties member and actor and sets salt and detail to NULL. Nothing else changes.
CREATE TABLE doorkit_log (
	site TEXT NOT NULL,
	seq INTEGER NOT NULL,
	at INTEGER,
	ref INTEGER NOT NULL,
	door TEXT NOT NULL,
	action TEXT NOT NULL,
	outcome TEXT NOT NULL,
	reason TEXT NOT NULL,
	commitment BLOB NOT NULL,
	hash BLOB NOT NULL,
	member TEXT NOT NULL,
	actor TEXT NOT NULL,
	salt BLOB,
	detail BLOB,
	PRIMARY KEY (site, seq)
) STRICT;

CREATE INDEX doorkit_log_by_door ON doorkit_log (site, door, seq);

CREATE INDEX doorkit_log_by_time ON doorkit_log (site, at);

CREATE INDEX doorkit_log_by_member ON doorkit_log (site, member, seq);

CREATE INDEX doorkit_log_by_actor ON doorkit_log (site, actor) WHERE actor <> '';

CREATE TABLE doorkit_check_ins (
	site TEXT NOT NULL,
	member TEXT NOT NULL,
	visit TEXT NOT NULL,
	door TEXT NOT NULL,
	action TEXT NOT NULL,
	request_id TEXT NOT NULL,
	at INTEGER,
	day TEXT NOT NULL,
	PRIMARY KEY (site, member, visit)
) STRICT;

CREATE INDEX doorkit_check_ins_by_time ON doorkit_check_ins (site, at);

CREATE TABLE doorkit_holds (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	site TEXT NOT NULL,
	door TEXT NOT NULL,
	member TEXT NOT NULL,
	request_id TEXT NOT NULL,
	since INTEGER,
	uncertain INTEGER NOT NULL
) STRICT;

CREATE INDEX doorkit_holds_by_door ON doorkit_holds (site, door, since);

CREATE UNIQUE INDEX doorkit_holds_by_member ON doorkit_holds (site, door, member) WHERE member <> '';

-- The lock system's own log.
CREATE TABLE doorkit_vendor_log (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	lock_id TEXT NOT NULL,
	at INTEGER,
	what TEXT NOT NULL,
	detail TEXT NOT NULL,
	opened_by TEXT NOT NULL,
	user_id TEXT NOT NULL,
	raw BLOB NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;

CREATE INDEX doorkit_vendor_log_by_time ON doorkit_vendor_log (site, at);

CREATE INDEX doorkit_vendor_log_by_lock ON doorkit_vendor_log (site, lock_id, at);

CREATE INDEX doorkit_vendor_log_by_user ON doorkit_vendor_log (site, user_id, at) WHERE user_id <> '';

CREATE TABLE doorkit_cursors (
	site TEXT NOT NULL PRIMARY KEY,
	place TEXT NOT NULL
) STRICT;
-- The state of the SALTO KS client: sealed documents, each with the lease of the
-- process that changes it. A row without a document is a lease on a new one.
CREATE TABLE doorkit_documents (
	name TEXT NOT NULL PRIMARY KEY,
	doc BLOB,
	holder TEXT NOT NULL,
	held_until INTEGER NOT NULL
) STRICT;
